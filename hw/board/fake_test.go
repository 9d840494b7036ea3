package board

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// far is a simulated board of three relays and two inputs behind a wire that a test can spoil.
type far struct {
	mu     sync.Mutex
	there  bool
	link   *wire // the newest
	tries  []time.Time
	urgent bool // the last try
	high   map[int]bool
	inputs map[int]bool // what it tells of them
	rested []int        // over all connections
	sets   int          // orders away from rest that it heard
	early  bool         // it heard one for a relay that was not brought to rest over that connection
	lose   bool         // it obeys and does not answer
	refuse error        // it does not obey
	held   string       // "ask", "rest" or "set": what waits until slow is closed
	slow   chan struct{}
	begun  chan struct{} // told of each that waits
}

func newFar() *far {
	return &far{there: true, high: map[int]bool{}, inputs: map[int]bool{1: false, 2: false}}
}

// do changes the board from outside.
func (f *far) do(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

// hold has one kind of question or order wait until the returned function is called; begun is told of each.
func (f *far) hold(what string) (begun <-chan struct{}, release func()) {
	slow, told := make(chan struct{}), make(chan struct{}, 8)
	f.do(func() { f.held, f.slow, f.begun = what, slow, told })
	return told, func() {
		f.do(func() { f.held = "" })
		close(slow)
		synctest.Wait()
	}
}

// get reads what is guarded.
func get[T any](f *far, what func() T) (v T) {
	f.do(func() { v = what() })
	return v
}

func (f *far) level(n int) bool   { return get(f, func() bool { return f.high[n] }) }
func (f *far) heard() int         { return get(f, func() int { return f.sets }) }
func (f *far) atRest() []int      { return get(f, func() []int { return slices.Clone(f.rested) }) }
func (f *far) hurried() bool      { return get(f, func() bool { return f.urgent }) }
func (f *far) tooEarly() bool     { return get(f, func() bool { return f.early }) }
func (f *far) tried() []time.Time { return get(f, func() []time.Time { return slices.Clone(f.tries) }) }

// cut ends the connection, and lets none come about until heal.
func (f *far) cut() {
	f.do(func() {
		f.there = false
		if f.link != nil {
			f.link.end()
		}
	})
}

func (f *far) heal() { f.do(func() { f.there = true }) }

func (f *far) connect(_ context.Context, away bool) (Link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries, f.urgent = append(f.tries, time.Now()), away
	if !f.there {
		return nil, errors.New("it is not there")
	}
	f.link = &wire{far: f, changed: make(chan struct{}, 1), gone: make(chan struct{}), rested: map[int]bool{}}
	return f.link, nil
}

// wire is one connection to it.
type wire struct {
	far     *far
	changed chan struct{}
	gone    chan struct{}
	ended   bool
	rested  map[int]bool
}

var errBroken = errors.New("the connection is broken")

// end is called with far.mu held.
func (w *wire) end() {
	if !w.ended {
		w.ended = true
		close(w.gone)
	}
}

func (w *wire) Close()                   { w.far.do(w.end) }
func (w *wire) Changed() <-chan struct{} { return w.changed }
func (w *wire) Gone() <-chan struct{}    { return w.gone }

func (w *wire) Ask(_ context.Context, what Asked) (Status, error) {
	_ = w.wait("ask") // it may end meanwhile
	w.far.mu.Lock()
	defer w.far.mu.Unlock()
	if w.ended {
		return Status{}, errBroken
	}
	s := Status{At: time.Now()}
	if what.Relays {
		s.Relays = map[int]bool{1: w.far.high[1], 2: w.far.high[2], 3: w.far.high[3]}
	}
	if what.Inputs {
		s.Inputs = maps.Clone(w.far.inputs)
	}
	return s, nil
}

func (w *wire) Rest(_ context.Context, r Relay) error {
	if err := w.wait("rest"); err != nil {
		return err
	}
	w.far.mu.Lock()
	defer w.far.mu.Unlock()
	w.rested[r.N] = true
	w.far.rested = append(w.far.rested, r.N)
	w.far.high[r.N] = r.Rest
	return nil
}

func (w *wire) Set(ctx context.Context, o Order) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.wait("set"); err != nil {
		return err
	}
	w.far.mu.Lock()
	defer w.far.mu.Unlock()
	if o.High != o.Rest {
		w.far.sets++
		w.far.early = w.far.early || !w.rested[o.N]
	}
	w.far.high[o.N] = o.High
	if w.far.lose {
		return device.ErrUnsure
	}
	return nil
}

func (w *wire) wait(what string) error {
	w.far.mu.Lock()
	held, slow, begun, err := w.far.held == what, w.far.slow, w.far.begun, w.far.refuse
	if w.ended {
		err = errBroken
	}
	w.far.mu.Unlock()
	if held && err == nil {
		begun <- struct{}{}
		<-slow
	}
	return err
}

func plan(f *far) Plan {
	return Plan{
		Name: "the far board", Reach: "see that it is there", Connect: f.connect,
		Relays: Lines{Prefix: "relay-", First: 1, Count: 3, Missing: "buy one with more"}, Inputs: Lines{Prefix: "input-", First: 1, Count: 2, Missing: "make it a switch"},
		Poll: time.Second, Retry: 250 * time.Millisecond, LastRetry: 2 * time.Second,
	}
}

// bubble runs a test on a board in time of its own.
func bubble(t *testing.T, test func(t *testing.T, b *Board, f *far), changes ...func(*Plan)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFar()
		p := plan(f)
		for _, change := range changes {
			change(&p)
		}
		b := New(zerolog.Nop(), p)
		defer func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		test(t, b, f)
	})
}

// pass lets time go by until nothing happens any more.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// relay lends a relay for a second at most.
func relay(t *testing.T, b *Board, line string) hw.Output {
	t.Helper()
	out, err := b.Output(t.Context(), line, hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func here(out hw.Output) bool { _, ok := out.Last(); return ok }
