package edits

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/api"
)

// caller asks a bridge for something; err is not nil where there was no answer.
type caller func(method, path string, in, out any) (status int, err error)

// editor changes people and their codes, one edit after the other.
type editor struct {
	*books
	random *rand.Rand
	pins   *atomic.Int64 // of the whole house: no two are the same
	// add adds a person over the command line; nil: never.
	add func(name string) error
}

// Bounds of one editor: four digits would be too few for more codes, and the lock has ten slots.
const (
	mostPeople = 3
	mostOfOne  = 2
)

// draw chooses the next edit.
func (e *editor) draw() {
	e.pending = e.next()
	e.asked++
}

// edit asks for it and enters it if it was acknowledged. dead is true when there was no answer.
func (e *editor) edit(call caller) (dead bool, err error) {
	p := e.pending
	status, err := e.send(call, p)
	if err != nil {
		return true, nil // nobody knows
	}
	e.pending = nil
	switch {
	case status < 300:
		e.done++
		if p.id == "" {
			id := p.asked.ID + p.code.id
			if err := e.fresh(id); err != nil {
				return false, err
			}
		}
		e.settle(p)
	case status != http.StatusConflict && status != http.StatusUnprocessableEntity: // a PIN that is taken or too easy
		return false, fmt.Errorf("%s %s: status %d", p.what, p.id, status)
	}
	return false, nil
}

func (e *editor) send(call caller, p *pending) (status int, err error) {
	switch {
	case p.what == "remove-person":
		return call(http.MethodDelete, "/api/v1/people/"+p.id, nil, nil)
	case p.what == "remove-code":
		return call(http.MethodDelete, "/api/v1/codes/"+p.id, nil, nil)
	case p.what == "person" && p.id != "":
		return call(http.MethodPatch, "/api/v1/people/"+p.id, api.PersonChange{Name: &p.asked.Name}, nil)
	case p.what == "person" && e.add != nil && e.random.IntN(4) == 0:
		return e.byHand(call, p)
	case p.what == "person":
		var made api.Person
		status, err = call(http.MethodPost, "/api/v1/people", api.PersonRequest{Name: p.asked.Name, Kind: p.asked.Kind}, &made)
		p.asked.ID = made.ID
		return status, err
	case p.id != "":
		windows := windows(p.code.until)
		return call(http.MethodPatch, "/api/v1/codes/"+p.id, api.CodeChange{Windows: &windows, Doors: given(p.code.doors), Revoked: &p.code.revoked}, nil)
	}
	var made api.NewCode
	r := api.CodeRequest{Person: p.code.person, PIN: p.code.pin, Windows: windows(p.code.until)}
	if p.code.doors != nil {
		r.Doors = &p.code.doors
	}
	status, err = call(http.MethodPost, "/api/v1/codes", r, &made)
	p.code.id = made.ID
	return status, err
}

// byHand adds a person over the command line, and looks for the id.
func (e *editor) byHand(call caller, p *pending) (status int, err error) {
	if err := e.add(p.asked.Name); err != nil {
		return 0, err
	}
	p.sure = true
	var all []api.Person
	if _, err := call(http.MethodGet, "/api/v1/people", nil, &all); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(all, func(o api.Person) bool { return o.Name == p.asked.Name })
	if i < 0 {
		return 0, fmt.Errorf("%s was added and is not there", p.asked.Name)
	}
	p.asked.ID = all[i].ID
	return http.StatusCreated, nil
}

// given are doors as a change has them.
func given(doors []string) *[]string {
	if doors == nil {
		doors = []string{api.AllDoors}
	}
	return &doors
}

func windows(until string) []api.Window {
	if until == "" {
		return []api.Window{}
	}
	return []api.Window{{From: "2026-01-01T12:00", To: until}}
}

// next draws an edit.
func (e *editor) next() *pending {
	person, one := anyKey(e.random, e.people), code{}
	for range 3 {
		if id := anyKey(e.random, e.codes); id != "" {
			one = e.codes[id]
		}
	}
	switch k := e.random.IntN(10); {
	case person == "" || k == 0 && len(e.people) < mostPeople:
		return &pending{what: "person", asked: api.Person{Name: fmt.Sprintf("Guest %d", e.pins.Add(1)), Kind: "guest"}}
	case k == 1:
		asked := e.people[person]
		asked.Name = fmt.Sprintf("Guest %d", e.pins.Add(1))
		return &pending{what: "person", id: person, asked: asked}
	case k == 2 && len(e.people) > 1:
		return &pending{what: "remove-person", id: person}
	case one.id != "" && k < 5:
		return &pending{what: "remove-code", id: one.id}
	case one.id != "" && k < 8 || e.ofOne(person) >= mostOfOne:
		if one.id == "" {
			return &pending{what: "remove-person", id: person}
		}
		changed := e.anyRest(one)
		changed.revoked = e.random.IntN(3) == 0
		return &pending{what: "code", id: one.id, code: changed}
	}
	n := e.pins.Add(1)
	return &pending{what: "code", code: e.anyRest(code{person: person, pin: fmt.Sprintf("%06d", 201_359+n*6_007%790_000)})}
}

// ofOne is how many codes a person has.
func (e *editor) ofOne(person string) (n int) {
	for _, c := range e.codes {
		if c.person == person {
			n++
		}
	}
	return n
}

// anyRest draws when and where a code opens.
func (e *editor) anyRest(c code) code {
	c.doors = [][]string{nil, {"studio"}, {lockID}, {lockID, "studio"}}[e.random.IntN(4)]
	c.until = ""
	if e.random.IntN(3) == 0 {
		c.until = time.Now().AddDate(0, 0, 1+e.random.IntN(300)).Format("2006-01-02") + "T11:00"
	}
	return c
}

// anyKey is a key of a map, or empty.
func anyKey[V any](random *rand.Rand, m map[string]V) string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return ""
	}
	slices.Sort(keys)
	return keys[random.IntN(len(keys))]
}

// commandLine adds people with the built binary.
func commandLine(binary, state string) func(name string) error {
	return func(name string) error {
		return exec.Command(binary, "people", "add", name, "--kind", "guest", "--state", state).Run()
	}
}
