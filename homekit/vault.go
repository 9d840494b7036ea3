package homekit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

const (
	maxPairings = 32 // HAP asks for 16 at least
	maxFailures = 10 // HAP allows 100; a shorter leash costs an owner one command
)

var errFull = errors.New("no room for another pairing")

// vault holds what must survive: identity, setup code, pairings, failures, c# and port. Memory follows storage: a
// change is durable before it counts. Readers never wait for the disk.
type vault struct {
	st    Storage
	rand  io.Reader
	seeds seeds

	writing sync.Mutex // held over Apply, so that changes do not overtake each other

	mu       sync.RWMutex
	deviceID string
	key      ed25519.PrivateKey
	setup    setupInfo
	pairings map[string]Pairing
	failures uint32
	config   configInfo
	port     portInfo
	damaged  []string // what could not be read; not empty means never pairable
	broken   []string // keys of pairing records that could not be read
}

// openVault reads the records, or creates them where there are none at all.
func openVault(st Storage, rand io.Reader) (*vault, error) {
	v := &vault{st: st, rand: rand, seeds: newSeeds(), pairings: map[string]Pairing{}}
	identity, err := readRecord(st, keyIdentity)
	if errors.Is(err, errMissing) {
		all, lerr := st.List("")
		if lerr == nil && len(all) == 0 {
			return v, v.create()
		}
	}
	if err == nil {
		err = v.decodeIdentity(identity)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	v.load()
	return v, nil
}

// create writes a new identity and the unpaired state, all in one transaction.
func (v *vault) create() error {
	random := make([]byte, 6+ed25519.SeedSize)
	if _, err := io.ReadFull(v.rand, random); err != nil {
		return fmt.Errorf("draw an identity: %w", err)
	}
	key := ed25519.NewKeyFromSeed(random[6:])
	identity := append(random, key.Public().(ed25519.PublicKey)...)
	setup, err := newSetup(v.rand)
	if err != nil {
		return err
	}
	if err := v.apply(map[string][]byte{
		keyIdentity: identity, keySetup: setup.encode(), keyState: encodeState(nil), keyAttempts: {0, 0, 0, 0},
		keyConfig: configInfo{}.encode(), keyPort: portInfo{}.encode(),
	}); err != nil {
		return fmt.Errorf("store the new identity: %w", err)
	}
	v.setup = setup
	return v.decodeIdentity(identity)
}

func (v *vault) decodeIdentity(b []byte) error {
	if len(b) != 6+ed25519.SeedSize+ed25519.PublicKeySize {
		return errRecord
	}
	key := ed25519.NewKeyFromSeed(b[6:38])
	if !bytes.Equal(key[32:], b[38:]) {
		return errRecord
	}
	id := make([]string, 6)
	for i, c := range b[:6] {
		id[i] = strings.ToUpper(hex.EncodeToString([]byte{c}))
	}
	v.deviceID, v.key = strings.Join(id, ":"), key
	return nil
}

// load reads all but the identity. Nothing here can fail: what cannot be read is noted, closes pairing, and leaves
// the good pairings at work.
func (v *vault) load() {
	read := func(key string, decode func([]byte) error) {
		b, err := readRecord(v.st, key)
		if err == nil {
			err = decode(b)
		}
		if err != nil {
			v.damaged = append(v.damaged, key)
		}
	}
	read(keySetup, func(b []byte) (err error) { v.setup, err = decodeSetup(b); return err })
	read(keyConfig, func(b []byte) (err error) { v.config, err = decodeConfig(b); return err })
	read(keyPort, func(b []byte) (err error) { v.port, err = decodePort(b); return err })
	read(keyAttempts, func(b []byte) (err error) { v.failures, err = decodeAttempts(b); return err })
	if newSeeds().has(seedForgotten) {
		v.failures = 0
	}

	var ids []string
	read(keyState, func(b []byte) (err error) { ids, err = decodeState(b); return err })
	keys := make(map[string]bool, len(ids)) // true: the state knows it
	for _, id := range ids {
		keys[pairingKey(id)] = true
	}
	listed, err := v.st.List(keyPairing)
	if err != nil {
		v.damaged = append(v.damaged, keyPairing)
	}
	for key := range listed {
		keys[key] = keys[key] || false
	}
	for key, known := range keys {
		read(key, func(b []byte) error {
			p, err := decodePairing(b)
			if err != nil || pairingKey(p.ID) != key {
				return errRecord
			}
			v.pairings[p.ID] = p
			return nil
		})
		if slices.Contains(v.damaged, key) {
			v.broken = append(v.broken, key)
		} else if !known && !slices.Contains(v.damaged, keyState) {
			v.damaged = append(v.damaged, key) // a pairing that the state does not know
		}
	}
	slices.Sort(v.damaged)
}

func decodeAttempts(b []byte) (uint32, error) {
	if len(b) != 4 {
		return 0, errRecord
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), nil
}

func encodeAttempts(n uint32) []byte {
	return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// apply seals and stores; a nil value deletes.
func (v *vault) apply(changes map[string][]byte) error {
	sealed := make(map[string][]byte, len(changes))
	for key, b := range changes {
		if b != nil {
			b = sealRecord(key, b)
		}
		sealed[key] = b
	}
	return v.st.Apply(sealed)
}

func (v *vault) find(id string) (Pairing, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	p, ok := v.pairings[id]
	return p, ok
}

func (v *vault) list() []Pairing {
	v.mu.RLock()
	defer v.mu.RUnlock()
	ps := make([]Pairing, 0, len(v.pairings))
	for _, p := range v.pairings {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b Pairing) int { return strings.Compare(a.ID, b.ID) })
	return ps
}

// unpaired reports whether a controller may pair by the setup code. Damage counts as paired.
func (v *vault) unpaired() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return len(v.pairings) == 0 && (len(v.damaged) == 0 || v.seeds.has(seedTornIsUnpaired))
}

func (v *vault) damage() []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(v.damaged)
}

func (v *vault) setupInfo() setupInfo {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.setup
}

func (v *vault) failureCount() uint32 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.failures
}

// setFailures stores the counter before it returns: a guess that was not counted is not answered.
func (v *vault) setFailures(change func(uint32) uint32) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	n := change(v.failureCount())
	if err := v.apply(map[string][]byte{keyAttempts: encodeAttempts(n)}); err != nil {
		return fmt.Errorf("count a failed pairing: %w", err)
	}
	v.mu.Lock()
	v.failures = n
	v.mu.Unlock()
	return nil
}

// setConfig keeps c#. The number counts even when it cannot be kept: the same structure gets it after a restart.
func (v *vault) setConfig(c configInfo) error {
	return v.keep(keyConfig, c.encode(), func() { v.config = c })
}

func (v *vault) setPort(p portInfo) error {
	return v.keep(keyPort, p.encode(), func() { v.port = p })
}

// keep writes a record that says nothing about pairing. A damaged one is written anew only while there are pairings:
// else the next start would find all records whole and be pairable.
func (v *vault) keep(key string, b []byte, set func()) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	v.mu.Lock()
	set()
	heal := len(v.pairings) > 0 || !slices.Contains(v.damaged, key)
	v.mu.Unlock()
	if !heal {
		return fmt.Errorf("keep %s: %w", key, errRecord)
	}
	if err := v.apply(map[string][]byte{key: b}); err != nil {
		return fmt.Errorf("keep %s: %w", key, err)
	}
	v.mu.Lock()
	v.healed(key)
	v.mu.Unlock()
	return nil
}
