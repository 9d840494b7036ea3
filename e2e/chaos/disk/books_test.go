package disk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// promise is a line in the log of the disk: what the house was asked, and what it has answered.
type promise struct {
	What    string // start, house, add, remove, apply, row, flush, code, edits
	Done    bool   // acknowledged; else it was asked and may happen
	Install string
	ID      string // of the HomeKit bridge; of a controller
	Space   string
	Changes map[string][]byte
	Seq     int64
	Device  string // a name that only one row has
	Kind    string
}

// books are what was promised before a point of a log.
type books struct {
	install, bridge string
	pairings        map[string]bool // acknowledged
	unsure          map[string]bool // asked to be added or removed, not answered
	spaces          map[string]map[string][]byte
	asked           map[string][]map[string][]byte // not answered, or refused
	rows            map[int64]promise              // acknowledged
	due             map[int64]bool                 // rows that must be durable
	untold          bool                           // the disk failed before the start could be noted on it
	codes           []string                       // names of persons who have a code
	pages           map[string]int64               // by editor: what it knew last
	highest         int64                          // the highest number that was given to a row
	real            bool                           // of the built bridge: what is in its spaces is its own affair
}

// grace is how much of history a power cut may take.
const grace = 100 * time.Millisecond

// tick is how often the disk notes that time goes by.
const tick = 5 * time.Millisecond

func newBooks() *books {
	return &books{pairings: map[string]bool{}, unsure: map[string]bool{}, spaces: map[string]map[string][]byte{},
		asked: map[string][]map[string][]byte{}, pages: map[string]int64{}, rows: map[int64]promise{}, due: map[int64]bool{}}
}

func (b *books) clone() *books {
	c := newBooks()
	c.install, c.bridge, c.highest, c.real, c.untold, c.codes = b.install, b.bridge, b.highest, b.real, b.untold, slices.Clone(b.codes)
	maps.Copy(c.pairings, b.pairings)
	maps.Copy(c.pages, b.pages)
	maps.Copy(c.unsure, b.unsure)
	for name, all := range b.asked {
		c.asked[name] = slices.Clone(all)
	}
	maps.Copy(c.rows, b.rows)
	maps.Copy(c.due, b.due)
	for name, rows := range b.spaces {
		c.spaces[name] = maps.Clone(rows)
	}
	return c
}

// readBooks goes through the promises before a point. Time counts as passed where the disk's own clock
// ticked: a machine that stood still has promised nothing.
func readBooks(l *forgetful.Log, point int) (*books, error) {
	b := newBooks()
	ticks := 0
	now := l.Ops[point-1].At
	for i := point - 1; i >= 0; i-- {
		op := l.Ops[i]
		if op.Kind == forgetful.Tick {
			ticks++
		}
		if op.Kind != forgetful.Mark {
			continue
		}
		var p promise
		if err := json.Unmarshal([]byte(op.Name), &p); err != nil {
			return nil, fmt.Errorf("the promise at %d: %w", i, err)
		}
		if p.What == "row" {
			b.rows[p.Seq] = p
			b.due[p.Seq] = min(now-op.At, time.Duration(ticks)*tick) > grace
			b.highest = max(b.highest, p.Seq)
		}
	}
	for _, op := range l.Ops[:point] {
		if op.Kind != forgetful.Mark {
			continue
		}
		var p promise
		if err := json.Unmarshal([]byte(op.Name), &p); err != nil {
			return nil, err
		}
		b.enter(p)
	}
	return b, nil
}

func (b *books) enter(p promise) {
	switch p.What {
	case "house":
		b.install, b.bridge = p.Install, p.ID
	case "add", "remove":
		if !p.Done {
			b.unsure[p.ID] = true
			return
		}
		delete(b.unsure, p.ID)
		if p.What == "add" {
			b.pairings[p.ID] = true
		} else {
			delete(b.pairings, p.ID)
		}
	case "edits":
		b.pages[p.ID] = p.Seq
	case "code":
		b.codes = append(b.codes, p.ID)
	case "flush":
		for seq := range b.rows {
			b.due[seq] = true
		}
	case "apply":
		if !p.Done {
			b.asked[p.Space] = append(b.asked[p.Space], p.Changes)
			return
		}
		b.asked[p.Space] = b.asked[p.Space][:max(0, len(b.asked[p.Space])-1)]
		if b.spaces[p.Space] == nil {
			b.spaces[p.Space] = map[string][]byte{}
		}
		change(b.spaces[p.Space], p.Changes)
	}
}

func change(rows, changes map[string][]byte) {
	for key, value := range changes {
		if value == nil {
			delete(rows, key)
		} else {
			rows[key] = value
		}
	}
}

// paired reports whether the bridge must not let anybody pair with the setup code.
func (b *books) paired() bool {
	for id := range b.pairings {
		if !b.unsure[id] {
			return true
		}
	}
	return false
}

// controllers compares the pairings that are there with those that were acknowledged.
func (b *books) controllers(have []string) (wrong []string) {
	for id := range b.pairings {
		if !slices.Contains(have, id) && !b.unsure[id] {
			wrong = append(wrong, "the pairing of "+id+" is lost")
		}
	}
	for _, id := range have {
		if !b.pairings[id] && !b.unsure[id] {
			wrong = append(wrong, "nobody paired "+id)
		}
	}
	return wrong
}

// space compares what a space holds with what was acknowledged: that, or all of one change that was asked besides.
func (b *books) space(name string, have map[string][]byte) (wrong []string) {
	if b.real {
		return nil
	}
	want := b.spaces[name]
	first := differs(want, have)
	if first == "" {
		return nil
	}
	for _, asked := range b.asked[name] {
		with := map[string][]byte{}
		change(with, want)
		change(with, asked)
		if differs(with, have) == "" {
			return nil
		}
	}
	return []string{"space " + name + ": " + first}
}

func differs(want, have map[string][]byte) string {
	for key, value := range want {
		if got, ok := have[key]; !ok {
			return key + " is lost"
		} else if string(got) != string(value) {
			return fmt.Sprintf("%s is %.40q, acknowledged was %.40q", key, got, value)
		}
	}
	for key := range have {
		if _, ok := want[key]; !ok {
			return "nobody wrote " + key
		}
	}
	return ""
}
