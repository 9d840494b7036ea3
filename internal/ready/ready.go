// Package ready writes the file in which scripts find a running bridge.
package ready

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// File is what scripts read. It is version 1 for as long as its fields
// keep their meaning.
type File struct {
	Version int       `json:"version"`
	PID     int       `json:"pid"`
	Console Console   `json:"console"`
	HomeKit []HomeKit `json:"homekit"`
	Matter  *Matter   `json:"matter,omitempty"`
	Socket  string    `json:"socket,omitempty"`
	State   string    `json:"state,omitempty"`
}

// Console is where the API listens.
type Console struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// HomeKit is one bridge; the codes are there only while it can pair.
type HomeKit struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	DeviceID    string `json:"device_id"`
	SetupCode   string `json:"setup_code,omitempty"`
	SetupURI    string `json:"setup_uri,omitempty"`
	Paired      bool   `json:"paired"`
	Accessories int    `json:"accessories"`
}

// Matter is how the Matter bridge can be added; it is there only while it can.
type Matter struct {
	Addr          string `json:"addr"`
	Passcode      uint32 `json:"passcode"`
	Discriminator uint16 `json:"discriminator"`
	ManualCode    string `json:"manual_code"`
	QR            string `json:"qr"`
}

// Write replaces the ready file in one step, so that a reader sees a whole one or none.
func Write(path string, r File) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ready-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Remove says that nobody runs. A missing file is what is wanted.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
