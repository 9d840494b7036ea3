// Package place notes on which machine, and in which folder of it, a house's state lies. State that
// turns up somewhere else may be a copy of one that is still in use.
package place

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Storage keeps the note.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// Place is where state lies.
type Place struct {
	Machine  string `json:"machine"` // a hash of the machine's id; empty if it has none
	Folder   string `json:"folder"`
	Restored bool   `json:"restored,omitempty"` // it was put there from a backup and did not start yet
}

// Space is the name of the space of the store that keeps the note.
const Space = "place"

const key = "place"

// Here is the place of a state folder on this machine.
func Here(folder string) Place { return here(folder, "/etc/machine-id") }

func here(folder, machineID string) Place {
	p := Place{Folder: folder}
	if abs, err := filepath.Abs(folder); err == nil {
		p.Folder = abs
	}
	if real, err := filepath.EvalSymlinks(p.Folder); err == nil {
		p.Folder = real
	}
	if id, err := os.ReadFile(machineID); err == nil && len(strings.TrimSpace(string(id))) > 0 {
		// machine-id(5) asks not to show the id itself around.
		sum := sha256.Sum256([]byte("loquet " + strings.TrimSpace(string(id))))
		p.Machine = hex.EncodeToString(sum[:16])
	}
	return p
}

// Moved reports whether the state lay somewhere else when it was used last, or was put here from a
// backup since. State that was never used lies where it belongs. A note that cannot be read counts as
// moved.
func (p Place) Moved(s Storage) (bool, error) {
	text, ok, err := s.Get(key)
	if err != nil {
		return true, err
	}
	if !ok {
		return false, nil
	}
	var was Place
	if err := json.Unmarshal(text, &was); err != nil {
		return true, fmt.Errorf("where the state was: %w", err)
	}
	return was != p, nil
}

// Settle notes that the state is used here now. It writes only what is new.
func (p Place) Settle(s Storage) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if was, ok, err := s.Get(key); err == nil && ok && string(was) == string(text) {
		return nil
	}
	return s.Apply(map[string][]byte{key: text})
}

// Unsettle notes that the state was put here from a backup.
func Unsettle(s Storage) error {
	text, err := json.Marshal(Place{Restored: true})
	return errors.Join(err, s.Apply(map[string][]byte{key: text}))
}
