package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// disk survives power cuts. A write takes its time, and is not there if the power went before its end.
type disk struct {
	mu   sync.Mutex
	rows map[string][]byte
}

// session is the disk between two power cuts.
type session struct {
	d     *disk
	slow  time.Duration
	dead  atomic.Bool
	fail  atomic.Bool
	hang  chan struct{} // nil: it does not
	wrote atomic.Int64
}

func (s *session) Get(key string) ([]byte, bool, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	v, ok := s.d.rows[key]
	return v, ok, nil
}

func (s *session) List(prefix string) (map[string][]byte, error) {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range s.d.rows {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out, nil
}

func (s *session) Apply(changes map[string][]byte) error {
	if s.slow > 0 {
		<-time.After(s.slow)
	}
	if s.hang != nil {
		<-s.hang
	}
	if s.dead.Load() || s.fail.Load() {
		return errors.New("nothing was written")
	}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	maps.Copy(s.d.rows, changes)
	s.wrote.Add(1)
	return nil
}

// pad is a keypad in memory.
type pad struct {
	entries  chan device.KeypadEntry
	verdicts chan device.Verdict
	seen     func(device.Verdict)
}

func newPad() *pad {
	return &pad{entries: make(chan device.KeypadEntry), verdicts: make(chan device.Verdict, 4000)}
}

func (p *pad) Entries(context.Context) <-chan device.KeypadEntry { return p.entries }

func (p *pad) Feedback(_ context.Context, v device.Verdict) error {
	if p.seen != nil {
		p.seen(v)
	}
	p.verdicts <- v
	return nil
}

// watched counts what is judged.
type watched struct {
	*ledger.Ledger
	judged func(secret seal.Secret, err error)
}

func (w watched) Find(group string, s seal.Secret) (access.Match, error) {
	m, err := w.Ledger.Find(group, s)
	if w.judged != nil {
		w.judged(s, err)
	}
	return m, err
}

type journal struct {
	devicetest.Journal
	flushed atomic.Int64
}

func (j *journal) Flush(context.Context) error {
	j.flushed.Store(int64(len(j.Rows())))
	return nil
}

type clockFunc func() access.Moment

func (f clockFunc) Moment() access.Moment { return f() }

func known() access.Moment {
	return access.Moment{Now: time.Now(), Trust: access.Trusted, Floor: time.Now()}
}

// house is one keypad with what is behind it.
type house struct {
	pad     *pad
	disk    *session
	ledger  *ledger.Ledger
	journal *journal
	clock   clockFunc
	opened  []device.Command
	refuse  error
	notices []gate.Notice
	judged  func(seal.Secret, error)
	uses    gate.Uses
}

const ownerPIN = "739154"

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{pad: newPad(), journal: &journal{}, clock: known, disk: &session{d: &disk{rows: map[string][]byte{}}}}
	h.open(t)
	h.person(t, "anna", access.Owner, ownerPIN)
	return h
}

func (h *house) open(t testing.TB) {
	t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	if h.ledger, err = ledger.Open(h.disk, s, h.clock, 1); err != nil {
		t.Fatal(err)
	}
}

func (h *house) person(t testing.TB, id string, kind access.PersonKind, pin device.Keys, windows ...string) access.Code {
	t.Helper()
	if _, err := h.ledger.SavePerson(access.Person{ID: id, Name: id, Kind: kind}); err != nil {
		t.Fatal(err)
	}
	c := access.Code{Person: id, Windows: []access.Window{{Kind: access.Always}}}
	if windows != nil {
		if err := json.Unmarshal([]byte("["+strings.Join(windows, ",")+"]"), &c.Windows); err != nil {
			t.Fatal(err)
		}
	}
	c, err := h.ledger.AddCode(c, "home", seal.Secret{Keys: pin})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *house) gate(t testing.TB, length int) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Keypad: "pad", Group: "home", Doors: []gate.Door{{ID: "studio", Action: device.ActionUnlock}}, Length: length}, gate.Deps{
		Pad: h.pad, Codes: watched{h.ledger, h.judged}, Journal: h.journal, Clock: h.clock, Uses: h.uses,
		Command: func(_ context.Context, _ string, c device.Command) (device.Answer, error) {
			h.opened = append(h.opened, c)
			return device.Answer{Intent: 1}, h.refuse
		},
		Notice: func(n gate.Notice) { h.notices = append(h.notices, n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// run lets the gate live until the function it returns is called.
func (h *house) run(t testing.TB, length int) (stop func()) {
	g := h.gate(t, length)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	return func() { cancel(); <-done }
}

// types presses one key after another, 100 ms apart.
func (h *house) types(keys string) {
	for _, k := range keys {
		<-time.After(100 * time.Millisecond)
		h.pad.entries <- device.KeypadEntry{Keys: device.Keys(k), Arrived: time.Now()}
	}
}

// ledgerOf opens the ledger in another storage with the same key.
func ledgerOf(space ledger.Space, clock access.Clock) (*ledger.Ledger, error) {
	s, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		return nil, err
	}
	return ledger.Open(space, s, clock, 1)
}
