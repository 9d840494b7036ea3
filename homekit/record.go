package homekit

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
)

// Storage keeps the server's records. It must hold nothing else: a server is new only where List("") is empty.
//
// Apply is all or nothing, durable when it returns, and deletes the keys whose value is nil. An error of Get says that
// the record is there and damaged; absence is ok == false.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// ErrDamaged says that the identity (device id and long-term key) cannot be read although other records are there.
// The server does not start: a new identity would orphan every paired home. Restore a backup, or empty the storage on
// purpose.
var ErrDamaged = errors.New("homekit: the identity is damaged")

// The records. All but the pairings are written together, once, when the storage is empty; one that is missing later
// is therefore damage.
const (
	keyIdentity = "identity" // device id, seed and public key
	keySetup    = "setup"    // setup code and setup id
	keyState    = "state"    // paired or unpaired, and which pairings there are
	keyAttempts = "attempts" // failed pair-setups
	keyConfig   = "config"   // c# and the hash of the structure it stands for
	keyPort     = "port"     // the port that was asked for and the one in use
	keyPairing  = "pairing/" // one a controller, the hex of its id follows
)

const recordVersion = 1

var (
	errRecord  = errors.New("the record is damaged")
	errMissing = errors.New("the record is missing")
)

// sealRecord frames a payload with a version and a checksum that covers the key, so that neither a cut, nor a flipped
// bit, nor a record under a wrong name is taken for good.
func sealRecord(key string, payload []byte) []byte {
	b := append([]byte{recordVersion}, payload...)
	return binary.BigEndian.AppendUint32(b, recordSum(key, b))
}

func openRecord(key string, b []byte) ([]byte, error) {
	if len(b) < 5 || b[0] != recordVersion {
		return nil, errRecord
	}
	body := b[:len(b)-4]
	if binary.BigEndian.Uint32(b[len(b)-4:]) != recordSum(key, body) {
		return nil, errRecord
	}
	return body[1:], nil
}

func recordSum(key string, b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the library keeps this one
	return crc32.Update(crc32.Checksum([]byte(key), table), table, b)
}

// readRecord tells the three cases apart: a payload, errMissing, or damage.
func readRecord(st Storage, key string) ([]byte, error) {
	b, ok, err := st.Get(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	if !ok {
		return nil, errMissing
	}
	return openRecord(key, b)
}

func pairingKey(id string) string { return keyPairing + hex.EncodeToString([]byte(id)) }

// Pairing is a controller that may open sessions.
type Pairing struct {
	ID    string // the controller's identifier, an upper-case UUID for Apple's
	Admin bool   // it may add, remove and list pairings

	key [32]byte // Ed25519 public key
}

func (p Pairing) encode() []byte {
	b := []byte{0}
	if p.Admin {
		b[0] = 1
	}
	return append(append(b, p.key[:]...), p.ID...)
}

func decodePairing(b []byte) (Pairing, error) {
	if len(b) < 1+32+1 || b[0] > 1 || !validControllerID(b[33:]) {
		return Pairing{}, errRecord
	}
	p := Pairing{ID: string(b[33:]), Admin: b[0] == 1}
	copy(p.key[:], b[1:33])
	return p, nil
}

// validControllerID accepts 1 to 36 printable ASCII bytes (HAP R2 table 5-6 limits the length; Apple sends UUIDs).
func validControllerID(id []byte) bool {
	if len(id) == 0 || len(id) > 36 {
		return false
	}
	for _, c := range id {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// encodeState writes the pairing state: unpaired is a value, not the absence of pairings, and the ids say which
// pairing records must be there.
func encodeState(pairings map[string]Pairing) []byte {
	if len(pairings) == 0 {
		return []byte{0}
	}
	b := []byte{1}
	for id := range pairings {
		b = append(append(b, byte(len(id))), id...)
	}
	return b
}

func decodeState(b []byte) (ids []string, err error) {
	if len(b) == 0 || b[0] > 1 || (b[0] == 1) != (len(b) > 1) {
		return nil, errRecord
	}
	for b = b[1:]; len(b) > 0; {
		n := int(b[0])
		if len(b) < 1+n || !validControllerID(b[1:1+n]) {
			return nil, errRecord
		}
		ids = append(ids, string(b[1:1+n]))
		b = b[1+n:]
	}
	return ids, nil
}

// setupInfo is what an owner needs to pair: the code as XXX-XX-XXX and the id of the QR payload.
type setupInfo struct{ code, id string }

func (s setupInfo) encode() []byte { return []byte(s.code + s.id) }

func decodeSetup(b []byte) (setupInfo, error) {
	if len(b) != 14 || !validSetupCode(string(b[:10])) || !validSetupID(string(b[10:])) {
		return setupInfo{}, errRecord
	}
	return setupInfo{code: string(b[:10]), id: string(b[10:])}, nil
}

// configInfo is the configuration number and the structure that it stands for; number 0 is "nothing served yet".
type configInfo struct {
	number uint16
	hash   [32]byte
}

func (c configInfo) encode() []byte {
	return append(binary.BigEndian.AppendUint16(nil, c.number), c.hash[:]...)
}

func decodeConfig(b []byte) (configInfo, error) {
	if len(b) != 34 {
		return configInfo{}, errRecord
	}
	c := configInfo{number: binary.BigEndian.Uint16(b)}
	copy(c.hash[:], b[2:])
	return c, nil
}

// portInfo remembers that a busy port was replaced, for as long as the same port is asked for.
type portInfo struct{ asked, used uint16 }

func (p portInfo) encode() []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.asked), p.used)
}

func decodePort(b []byte) (portInfo, error) {
	if len(b) != 4 {
		return portInfo{}, errRecord
	}
	return portInfo{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}, nil
}
