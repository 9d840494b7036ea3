package matter

import (
	"encoding/json"
	"fmt"

	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// promise is a line in the log of the disk: what the node was asked, and what it has answered.
type promise struct {
	What string // start, node, fabric, leave, label, access, code, uncode, event, reboots
	Done bool   // acknowledged; else it was asked and may happen
	ID   string // of a fabric; a PIN
	N    uint64 // a mark; a number; a passcode
	User uint16 // of a code
}

// state is what is known of one thing: it is there, it is not, or nobody has said.
type state uint8

const (
	absent state = iota
	there
	unsure
)

// accounts are what was promised before a point of a log.
type accounts struct {
	passcode uint64
	fabrics  map[string]state
	codes    map[string]state // by PIN
	users    map[string]uint16
	labels   map[string][]uint64 // may be, by fabric
	access   map[string][]uint64
	event    uint64 // the highest number that a controller was shown
	events   bool
	reboots  uint64
}

// readAccounts goes through the promises before a point.
func readAccounts(l *forgetful.Log, point int) (*accounts, error) {
	a := &accounts{fabrics: map[string]state{}, codes: map[string]state{}, users: map[string]uint16{}, labels: map[string][]uint64{}, access: map[string][]uint64{}}
	for i, op := range l.Ops[:point] {
		if op.Kind != forgetful.Mark {
			continue
		}
		var p promise
		if err := json.Unmarshal([]byte(op.Name), &p); err != nil {
			return nil, fmt.Errorf("the promise at %d: %w", i, err)
		}
		a.enter(p)
	}
	return a, nil
}

func (a *accounts) enter(p promise) {
	known := func(m map[string]state, sure state) {
		m[p.ID] = unsure
		if p.Done {
			m[p.ID] = sure
		}
	}
	mark := func(m map[string][]uint64) {
		if p.Done {
			m[p.ID] = nil
		}
		m[p.ID] = append(m[p.ID], p.N)
	}
	switch p.What {
	case "node":
		a.passcode = p.N
	case "fabric":
		known(a.fabrics, there)
		if len(a.labels[p.ID]) == 0 {
			a.labels[p.ID], a.access[p.ID] = []uint64{0}, []uint64{0}
		}
	case "leave":
		known(a.fabrics, absent)
	case "code":
		known(a.codes, there)
		a.users[p.ID] = p.User
	case "uncode":
		known(a.codes, absent)
	case "label":
		mark(a.labels)
	case "access":
		mark(a.access)
	case "event":
		a.event, a.events = max(a.event, p.N), true
	case "reboots":
		a.reboots = max(a.reboots, p.N)
	}
}

// member reports whether some fabric is surely there: then nobody may be let in with the passcode.
func (a *accounts) member() bool {
	for _, s := range a.fabrics {
		if s == there {
			return true
		}
	}
	return false
}

func encoded(p promise) (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}
