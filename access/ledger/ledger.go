// Package ledger keeps people and their codes on the disk, and finds a code by what was typed. All of it is
// in memory: a keypad waits for no disk. A record that cannot be read lets nobody in, and is not taken for
// one that was never there: its PIN stays taken.
package ledger

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
)

// Space is the durable storage. An error of Get or List means damage, never absence; what Apply was given
// is on the disk when it returns nil, all of it or nothing.
type Space interface {
	Get(key string) (value []byte, ok bool, err error)
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// Errors.
var (
	ErrUnknown  = access.ErrUnknownCode
	ErrDamaged  = access.ErrDamaged
	ErrOtherKey = errors.New("the codes were sealed with another key than the one in the key file")
	ErrNobody   = errors.New("there is no such person")
)

// Keys of the space.
const (
	markKey    = "mark"
	personKeys = "person/"
	codeKeys   = "code/"
	tagKeys    = "tag/"
	triesKeys  = "tries/"
	doorsKeys  = "doors/"   // groups of doors
	breakKeys  = "holiday/" // holidays
)

// record is a code with its secret, as it is stored.
type record struct {
	Code   access.Code `json:"code"`
	Group  string      `json:"group"` // the keypads at which no two codes are the same
	Sealed []byte      `json:"sealed"`
	tag    seal.Tag
	ends   time.Time // zero: never
}

// ended reports whether the code never opens again, if it is not earlier than this.
func (r *record) ended(notBefore time.Time) bool {
	return r.Code.Revoked || !r.ends.IsZero() && !r.ends.After(notBefore)
}

// Ledger holds people and codes. It is safe for use by several goroutines.
type Ledger struct {
	space  Space
	sealer *seal.Sealer
	clock  access.Clock

	edit   sync.Mutex // held over a whole change, disk and all; whoever only asks does not wait for it
	marked bool       // the space says which key it is for

	changed func() // told of every edit; nil: nobody

	mu      sync.RWMutex
	keypads int
	people  map[string]access.Person
	codes   map[string]record
	ids     map[seal.Tag]string
	damaged map[string]error // by the key of the record
	lost    error            // why nobody knows which records there are
	groups  map[string]access.DoorGroup
	breaks  map[string]access.Holiday
}

// Open reads the records. keypads is how many there are that share codes: an attacker may guess at each.
// The only error is ErrOtherKey; what is damaged is told by Damaged, and everything else works.
func Open(space Space, sealer *seal.Sealer, clock access.Clock, keypads int) (*Ledger, error) {
	l := &Ledger{space: space, sealer: sealer, clock: clock, keypads: keypads, people: map[string]access.Person{},
		codes: map[string]record{}, ids: map[seal.Tag]string{}, damaged: map[string]error{},
		groups: map[string]access.DoorGroup{}, breaks: map[string]access.Holiday{}}
	mark, ok, err := space.Get(markKey)
	if err == nil && ok && string(mark) != l.mark() {
		return nil, ErrOtherKey
	}
	l.marked = ok
	all, err := space.List("")
	if err != nil {
		l.lost = fmt.Errorf("%w: %w", ErrDamaged, err)
		return l, nil
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := l.read(key, all[key]); err != nil {
			l.damaged[key] = err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) { // a PIN is taken even where its code cannot be read
		if text, ok := strings.CutPrefix(key, tagKeys); ok {
			if tag, err := parseTag(text); err != nil {
				l.damaged[key] = err
			} else if id, ok := l.ids[tag]; !ok || id != string(all[key]) {
				l.ids[tag] = string(all[key])
				l.damaged[codeKeys+string(all[key])] = fmt.Errorf("%w: the code of a PIN", ErrDamaged)
			}
		}
	}
	return l, nil
}

// SetKeypads says how many keypads there are now. Codes that are there stay; the next one is judged by it.
func (l *Ledger) SetKeypads(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keypads = n
}

// Used reports whether anything was ever sealed in the space: then its key must not be made anew. What
// cannot be read counts as used.
func Used(space Space) bool {
	_, ok, err := space.Get(markKey)
	return ok || err != nil
}

func (l *Ledger) mark() string { m := l.sealer.Mark(); return hex.EncodeToString(m[:]) }

func parseTag(text string) (tag seal.Tag, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(tag) {
		return tag, fmt.Errorf("%w: the tag of a PIN", ErrDamaged)
	}
	return seal.Tag(raw), nil
}

// read takes in one record.
func (l *Ledger) read(key string, value []byte) error {
	kind, id, _ := strings.Cut(key, "/")
	switch kind + "/" {
	case personKeys:
		p, err := readPerson(id, value)
		if err != nil {
			return err
		}
		l.people[id] = p
	case codeKeys:
		r, err := l.readCode(id, value)
		if err != nil {
			return err
		}
		l.codes[id], l.ids[r.tag] = r, id
	case doorsKeys:
		var g access.DoorGroup
		if err := json.Unmarshal(value, &g); err != nil || g.ID != id {
			return fmt.Errorf("%w: the group of doors %s", ErrDamaged, id)
		}
		l.groups[id] = g
	case breakKeys:
		var h access.Holiday
		if err := json.Unmarshal(value, &h); err != nil || h.ID != id {
			return fmt.Errorf("%w: holiday %s", ErrDamaged, id)
		}
		l.breaks[id] = h
	}
	return nil
}

func readPerson(id string, value []byte) (access.Person, error) {
	var p access.Person
	if err := json.Unmarshal(value, &p); err != nil {
		return p, fmt.Errorf("%w: person %s: %w", ErrDamaged, id, err)
	}
	if p.ID != id {
		return p, fmt.Errorf("%w: person %s has another id", ErrDamaged, id)
	}
	return p, nil
}

// readCode opens the secret to find its tag: what was sealed for another code or with another key is damage.
func (l *Ledger) readCode(id string, value []byte) (record, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("%w: code %s: %w", ErrDamaged, id, err)
	}
	secret, err := l.sealer.Open(id, r.Sealed)
	if err != nil || r.Code.ID != id || secret.Kind() != r.Code.Kind || secret.Length() != r.Code.Length {
		return r, fmt.Errorf("%w: code %s does not fit its seal", ErrDamaged, id)
	}
	r.ends, _ = r.Code.Ends()
	r.tag, err = l.sealer.Tag(r.Group, secret)
	return r, err
}

// Find returns the code of a secret at the keypads of a group. It takes one keyed hash and one look into a
// map, whether there is such a code or not. Errors: ErrUnknown, there is none, or nobody can tell whether there is
// (then ErrDamaged as well); ErrDamaged alone, there is one and Match holds its id, but it cannot be believed.
func (l *Ledger) Find(group string, secret seal.Secret) (access.Match, error) {
	tag, err := l.sealer.Tag(group, secret)
	if err != nil {
		return access.Match{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.lost != nil {
		return l.findOnDisk(tag)
	}
	id, ok := l.ids[tag]
	if !ok {
		return access.Match{}, ErrUnknown
	}
	m := access.Match{Code: access.Code{ID: id}}
	r, ok := l.codes[id]
	if err := l.damaged[codeKeys+id]; err != nil || !ok || r.tag != tag {
		return m, fmt.Errorf("%w: code %s", ErrDamaged, id)
	}
	person, ok := l.people[r.Code.Person]
	if !ok {
		return m, fmt.Errorf("%w: the person of code %s", ErrDamaged, id)
	}
	return access.Match{Person: person, Code: r.Code, House: l.house()}, nil
}

// findOnDisk is Find where not all records can be listed: those that are whole still count.
func (l *Ledger) findOnDisk(tag seal.Tag) (access.Match, error) {
	id, ok, err := l.space.Get(tagKeys + hex.EncodeToString(tag[:]))
	if err != nil || !ok {
		return access.Match{}, errors.Join(ErrUnknown, l.lost)
	}
	m := access.Match{Code: access.Code{ID: string(id)}}
	value, ok, err := l.space.Get(codeKeys + string(id))
	if err != nil || !ok {
		return m, fmt.Errorf("%w: code %s", ErrDamaged, id)
	}
	r, err := l.readCode(string(id), value)
	if err != nil {
		return m, err
	}
	if r.tag != tag {
		return m, fmt.Errorf("%w: code %s", ErrDamaged, id)
	}
	value, ok, err = l.space.Get(personKeys + r.Code.Person)
	if err != nil || !ok {
		return m, fmt.Errorf("%w: the person of code %s", ErrDamaged, id)
	}
	person, err := readPerson(r.Code.Person, value)
	if err != nil {
		return m, err
	}
	return access.Match{Person: person, Code: r.Code}, nil
}

// People are all people, by id.
func (l *Ledger) People() []access.Person {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.SortedFunc(maps.Values(l.people), func(a, b access.Person) int { return strings.Compare(a.ID, b.ID) })
}

// Codes are all codes that can be read, by id.
func (l *Ledger) Codes() []access.Code {
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := make([]access.Code, 0, len(l.codes))
	for _, id := range slices.Sorted(maps.Keys(l.codes)) {
		list = append(list, l.codes[id].Code)
	}
	return list
}

// Whose is the person that a code belongs to; false if either is not known.
func (l *Ledger) Whose(codeID string) (access.Person, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, ok := l.people[l.codes[codeID].Code.Person]
	return p, ok
}

// Damaged are the keys of the records that could not be read, and why; under the empty key, why nobody
// knows which there are.
func (l *Ledger) Damaged() map[string]error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := maps.Clone(l.damaged)
	if l.lost != nil {
		out[""] = l.lost
	}
	return out
}

// Explain says whether a code that was used so often would open a door at a moment, and why.
func (l *Ledger) Explain(codeID, door string, at access.Moment, uses access.Uses) (access.Decision, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if err := l.damaged[codeKeys+codeID]; err != nil {
		return access.Decision{Reason: access.ReasonDamaged, Why: []string{"the record of code " + codeID + " cannot be read"}}, nil
	}
	r, ok := l.codes[codeID]
	if !ok {
		return access.Decision{}, fmt.Errorf("code %.64q: %w", codeID, errors.Join(ErrUnknown, l.lost))
	}
	return access.Question{Person: l.people[r.Code.Person], Code: r.Code, Door: door, At: at, Uses: uses, House: l.house()}.Decide(), nil
}

// Tries returns the count of wrong tries at a keypad as it was saved; ok is false if there is none.
func (l *Ledger) Tries(keypad string) (count []byte, ok bool, err error) {
	return l.space.Get(triesKeys + keypad)
}

// SaveTries keeps the count. It is on the disk when it returns nil.
func (l *Ledger) SaveTries(keypad string, count []byte) error {
	return l.space.Apply(map[string][]byte{triesKeys + keypad: count})
}
