package garadget

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/loquet/loquet/device"
)

// maxMessage is more than any board sends: its buffer has 511 bytes.
const maxMessage = 2048

var errMessage = errors.New("not a message of a Garadget")

// status is what the board says of the door.
type status string

// States of the firmware.
const (
	statusUnknown status = "unknown"
	statusClosed  status = "closed"
	statusOpen    status = "open"
	statusClosing status = "closing"
	statusOpening status = "opening"
	statusStopped status = "stopped"
)

// parseStatus reads {"status":"closed","time":"12s","sensor":62,"bright":42,"signal":-55}.
func parseStatus(payload []byte) (status, error) {
	var m struct {
		Status status `json:"status"`
	}
	if err := decode(payload, &m); err != nil {
		return "", err
	}
	switch m.Status {
	case statusUnknown, statusClosed, statusOpen, statusClosing, statusOpening, statusStopped:
		return m.Status, nil
	}
	return "", fmt.Errorf("%w: status %.20q", errMessage, string(m.Status))
}

// reading is what a status says about the door. Only the closed door is seen.
func (s status) reading() device.Reading {
	r := device.Reading{At: device.PlaceBetween}
	switch s {
	case statusClosed:
		r.At = device.PlaceClosed
	case statusUnknown:
		r.At = device.PlaceUnknown
	case statusOpening:
		r.Moving = device.TargetOpen
	case statusClosing:
		r.Moving = device.TargetClosed
	case statusOpen, statusStopped:
	}
	return r
}

// moves reports whether the board takes the door to be on its way.
func (s status) moves() bool { return s == statusOpening || s == statusClosing }

// board settings, as the board tells them.
type settings struct {
	ID        string `json:"id"`
	Version   string `json:"ver"`
	Scan      int    `json:"rdt"` // ms
	Travel    int    `json:"mtt"` // ms
	Pulse     int    `json:"rlt"` // ms
	Gap       int    `json:"rlp"` // ms
	Threshold int    `json:"srt"` // %
	KeepAlive int    `json:"mqto"`
	Mode      int    `json:"mqtt"` // 1 the maker's cloud, 2 MQTT, 3 both
}

// parseSettings reads the board's own description. Numbers that no firmware has are taken for missing.
func parseSettings(payload []byte) (settings, error) {
	var s settings
	if err := decode(payload, &s); err != nil {
		return settings{}, err
	}
	if s.ID = strings.ToLower(s.ID); !isID(s.ID) {
		return settings{}, fmt.Errorf("%w: id %.30q", errMessage, s.ID)
	}
	for _, n := range []*int{&s.Scan, &s.Travel, &s.Pulse, &s.Gap, &s.Threshold} {
		if *n < 0 || *n > 65535 {
			*n = 0
		}
	}
	return s, nil
}

func decode(payload []byte, into any) error {
	if len(payload) > maxMessage {
		return fmt.Errorf("%w: %d bytes", errMessage, len(payload))
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	return nil
}

// isID reports whether s is the id of a Particle board: 24 hexadecimal digits.
func isID(s string) bool {
	return len(s) == 24 && strings.Trim(s, "0123456789abcdef") == ""
}

// split takes garadget/<name>/<last> apart. Names may hold spaces.
func split(topic string) (name, last string, ok bool) {
	rest, ok := strings.CutPrefix(topic, "garadget/")
	if !ok {
		return "", "", false
	}
	name, last, ok = strings.Cut(rest, "/")
	return name, last, ok && name != "" && len(name) <= 64 && !strings.Contains(last, "/")
}

// Identify reads which board says its description under which name; not ok if it is none.
func Identify(topic string, payload []byte) (name, id string, ok bool) {
	name, last, ok := split(topic)
	if !ok || last != "config" {
		return "", "", false
	}
	s, err := parseSettings(payload)
	return name, s.ID, err == nil
}
