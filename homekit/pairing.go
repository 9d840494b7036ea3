package homekit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
)

var errOtherKey = errors.New("the controller is paired with another key")

// add stores a new pairing or the permission of a known one, durably, and reports whether no admin is left, in which
// case every pairing is gone (HAP R2 5.10, 5.11). first is the pairing that pair-setup makes: it needs the unpaired
// state and clears the failures.
func (v *vault) add(p Pairing, first bool) (emptied bool, err error) {
	v.writing.Lock()
	defer v.writing.Unlock()
	if first && !v.unpaired() {
		return false, errors.New("already paired")
	}
	next := v.copyPairings()
	old, known := next[p.ID]
	if known && !bytes.Equal(old.key[:], p.key[:]) {
		return false, errOtherKey
	}
	if !known && len(next) >= maxPairings {
		return false, errFull
	}
	next[p.ID] = p
	if !hasAdmin(next) {
		return true, v.reset()
	}
	changes := map[string][]byte{pairingKey(p.ID): p.encode()}
	v.addState(changes, next)
	if first {
		changes[keyAttempts] = encodeAttempts(0)
	}
	if err := v.apply(changes); err != nil {
		return false, fmt.Errorf("store a pairing: %w", err)
	}
	v.mu.Lock()
	v.pairings = next
	v.healed(pairingKey(p.ID))
	if first {
		v.failures = 0
	}
	v.mu.Unlock()
	return false, nil
}

// remove deletes a pairing. An unknown id is a success. Without an admin the rest goes too.
func (v *vault) remove(id string) (known, emptied bool, err error) {
	v.writing.Lock()
	defer v.writing.Unlock()
	next := v.copyPairings()
	if _, known = next[id]; !known {
		return false, false, nil
	}
	delete(next, id)
	if !hasAdmin(next) {
		return true, true, v.reset()
	}
	changes := map[string][]byte{pairingKey(id): nil}
	v.addState(changes, next)
	if err := v.apply(changes); err != nil {
		return true, false, fmt.Errorf("remove a pairing: %w", err)
	}
	v.mu.Lock()
	v.pairings = next
	v.mu.Unlock()
	return true, false, nil
}

// unpair removes every pairing, the unreadable ones too. It is the owner's way out of damage.
func (v *vault) unpair() error {
	v.writing.Lock()
	defer v.writing.Unlock()
	return v.reset()
}

// reset writes the unpaired state with a new setup code. The identity stays. It runs under v.writing.
func (v *vault) reset() error {
	setup, err := newSetup(v.rand)
	if err != nil {
		return err
	}
	v.mu.RLock()
	config, port := v.config, v.port
	changes := map[string][]byte{
		keySetup: setup.encode(), keyState: encodeState(nil), keyAttempts: encodeAttempts(0),
		keyConfig: config.encode(), keyPort: port.encode(), // whatever was damaged is whole again
	}
	for id := range v.pairings {
		changes[pairingKey(id)] = nil
	}
	for _, key := range v.broken {
		changes[key] = nil
	}
	v.mu.RUnlock()
	if err := v.apply(changes); err != nil {
		return fmt.Errorf("remove all pairings: %w", err)
	}
	v.mu.Lock()
	v.setup, v.pairings, v.failures, v.damaged, v.broken = setup, map[string]Pairing{}, 0, nil, nil
	v.mu.Unlock()
	return nil
}

// addState adds the state record to the changes. The ids of unreadable pairings stay in it, so that they stay known
// as damaged; a state that is itself unreadable is not written anew, which would hide that pairings may be missing.
func (v *vault) addState(changes map[string][]byte, pairings map[string]Pairing) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if slices.Contains(v.damaged, keyState) {
		return
	}
	all := maps.Clone(pairings)
	for _, key := range v.broken {
		if id, err := hex.DecodeString(key[len(keyPairing):]); err == nil && validControllerID(id) {
			all[string(id)] = Pairing{}
		}
	}
	changes[keyState] = encodeState(all)
}

// healed forgets the damage of a record that was written anew. It runs under v.mu.
func (v *vault) healed(key string) {
	same := func(k string) bool { return k == key }
	v.damaged = slices.DeleteFunc(v.damaged, same)
	v.broken = slices.DeleteFunc(v.broken, same)
}

func (v *vault) copyPairings() map[string]Pairing {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return maps.Clone(v.pairings)
}

func hasAdmin(pairings map[string]Pairing) bool {
	for _, p := range pairings {
		if p.Admin {
			return true
		}
	}
	return false
}
