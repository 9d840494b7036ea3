package figures

import (
	"encoding/json"
	"os"
)

// Ready is what these measurements read of the file that loquet writes when it is ready.
type Ready struct {
	PID     int `json:"pid"`
	HomeKit []struct {
		Addr string `json:"addr"`
		Code string `json:"setup_code"`
	} `json:"homekit"`
	Matter *struct {
		Passcode uint32 `json:"passcode"`
	} `json:"matter"`
}

// ReadReady reads the file.
func ReadReady(file string) (r Ready, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}
