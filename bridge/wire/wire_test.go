package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/hw/sim"
)

// patience is long because machines are busy: a test that passes never waits for it.
const patience = 20 * time.Second

// person sits at the terminal of a conversation.
type person struct {
	t     *testing.T
	typed *io.PipeWriter

	mu    sync.Mutex
	shown bytes.Buffer
	read  int // of shown
	more  chan struct{}
	done  chan error
}

func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
	return p.shown.Write(b)
}

// sees waits until something new is shown.
func (p *person) sees(text string) {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		i := strings.Index(p.shown.String()[p.read:], text)
		if i >= 0 {
			p.read += i + len(text)
		}
		p.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case <-p.more:
		case <-late:
			p.t.Fatalf("%q is not shown:\n%s", text, p.all())
		}
	}
}

func (p *person) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

func (p *person) types(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(p.typed, line+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *person) ends() error {
	p.t.Helper()
	select {
	case err := <-p.done:
		return err
	case <-time.After(patience):
		p.t.Fatalf("it does not end:\n%s", p.all())
		return nil
	}
}

// rig is a conversation about a simulated house that moves fifty times as fast as a real one.
type rig struct {
	*person
	world *sim.World
	path  string
}

const house = `# our house
home: {name: Villa Rose}
boards:
  house: {driver: sim}   # simulated

# what stands in the garden
doors:
    gate:
        name: Gate
        opener: {driver: lines, open_relay: "house:gate/open-relay", close_relay: "house:gate/close-relay"}
        closed: "house:gate/closed"

# for later
locks:
  front: # the big one
    name: Front door
    bolt: {driver: motor, secure_relay: "house:front/secure", unsecure_relay: "house:front/unsecure"}
`

func start(t *testing.T, text string) rig {
	t.Helper()
	world, err := sim.New(sim.DemoHouse(), 50)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	env := hw.NewEnv(zerolog.Nop())
	if err := env.Add("house", world.Board()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "loquet.yaml")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	in, typed := io.Pipe()
	p := &person{t: t, typed: typed, more: make(chan struct{}, 1), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Env: env, Path: path, Catalog: catalog.Of(), Serial: []string{"/dev/serial/by-path/port0"},
		Idle: 500 * time.Millisecond, Look: patience}
	go func() { p.done <- errors.Join(Run(ctx, o, in, p), env.Close()) }()
	t.Cleanup(func() {
		cancel()
		typed.Close()
	})
	return rig{p, world, path}
}

func (r rig) event(name string) {
	r.t.Helper()
	if err := r.world.Event("garage", sim.Event{Name: name}); err != nil {
		r.t.Fatal(err)
	}
}

func (r rig) pulses() int64 {
	r.t.Helper()
	s, err := r.world.Status("garage")
	if err != nil {
		r.t.Fatal(err)
	}
	return int64(s.PulsesTotal)
}

// asked answers the three questions about the garage.
func (r rig) asked() {
	r.sees("1 or 2?")
	r.types("1")
	r.sees("Relay:")
	r.types("house:garage/relay")
	r.sees("Contact:")
	r.types("house:garage/closed")
	r.sees("Is it wired like this?")
	r.types("yes")
}

// moved opens the door and closes it, as a hand would.
func (r rig) moved() {
	r.sees("made: the door is closed")
	r.event("wall-button")
	r.sees("open: the door is not closed")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s, err := r.world.Status("garage"); err == nil && s.Position < 1; s, err = r.world.Status("garage") {
		<-tick.C
	}
	r.event("wall-button")
	r.sees("made: the door is closed")
	for s, err := r.world.Status("garage"); err == nil && s.Position > 0; s, err = r.world.Status("garage") {
		<-tick.C
	}
	r.types("")
	r.sees("Good")
}

// The whole conversation: one pulse, and a section in the file with everything else as it was.
func TestGarage(t *testing.T) {
	r := start(t, house)
	r.sees("/dev/serial/by-path/port0")
	r.asked()
	r.moved()
	r.sees("Hands off")
	r.sees("Good: it did not change")
	r.sees("Type yes to take the line")
	if r.pulses() != 0 {
		t.Errorf("%d pulses before the first yes", r.pulses())
	}
	r.types("yes")
	r.sees("its lamp dark?")
	r.types("yes")
	r.sees("Type yes to energise")
	if r.pulses() != 0 {
		t.Errorf("%d pulses before the second yes", r.pulses())
	}
	r.types("YES")
	r.sees("The contact changed after")
	r.sees("one press of its button does?")
	r.types("yes")
	r.sees("What is the door called?")
	r.types("Gate") // there is one
	r.sees("That cannot be")
	r.sees("What is the door called?")
	r.types("Big garage!")
	r.sees("That cannot be") // Apple Home takes no such name
	r.types("Big garage")
	r.sees("Write it?")
	before, err := os.ReadFile(r.path)
	if err != nil || string(before) != house {
		t.Errorf("the file was touched before the last yes: %v", err)
	}
	r.types("yes")
	r.sees("Written")
	if err := r.ends(); err != nil {
		t.Fatal(err)
	}
	if r.pulses() != 1 {
		t.Errorf("%d pulses, want one", r.pulses())
	}
	after, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(house, "\n# for later\n", `    big-garage:
      name: "Big garage"
      opener: {driver: lines, relay: "house:garage/relay", pulse: 400ms}
      closed: "house:garage/closed"

# for later
`, 1)
	if string(after) != want {
		t.Errorf("the file is\n%s\nwant\n%s", after, want)
	}
	if _, _, err := config.ReadBytes("loquet.yaml", after, catalog.Of()); err != nil {
		t.Error(err)
	}
	kept, err := filepath.Glob(r.path + ".before-*")
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	if old, err := os.ReadFile(kept[0]); err != nil || string(old) != house {
		t.Errorf("the copy is %s, %v", old, err)
	}
	if info, err := os.Stat(r.path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// What is not yes energises nothing and writes nothing, wherever it is said.
func TestAnythingButYes(t *testing.T) {
	for _, answer := range []string{"", "y", "no", "yes please", "ja"} {
		for _, second := range []bool{false, true} {
			r := start(t, house)
			r.asked()
			r.moved()
			r.sees("Type yes to take the line")
			if second {
				r.types("yes")
				r.sees("its lamp dark?")
				r.types("yes")
				r.sees("Type yes to energise")
			}
			r.types(answer)
			if err := r.ends(); !errors.Is(err, ErrStopped) {
				t.Errorf("%q: %v", answer, err)
			}
			if text, err := os.ReadFile(r.path); err != nil || string(text) != house || r.pulses() != 0 {
				t.Errorf("%q: %d pulses, %v:\n%s", answer, r.pulses(), err, text)
			}
		}
	}
}

// A contact that changes while nobody touches it, or not at all while the door moves, keeps the relay out.
func TestBadContact(t *testing.T) {
	r := start(t, house)
	r.asked()
	r.sees("Press Enter")
	r.types("") // the door was not moved
	r.sees("It changed not once")
	r.moved()
	r.sees("Hands off")
	r.event("wall-button") // somebody touches it
	r.sees("The relay is not used like that")
	r.typed.Close()
	if err := r.ends(); !errors.Is(err, ErrStopped) || r.pulses() != 0 {
		t.Errorf("%v, %d pulses", err, r.pulses())
	}
}

// Answers that make no configuration are refused with what is wrong, and asked again.
func TestBadAnswers(t *testing.T) {
	r := start(t, house)
	r.sees("1 or 2?")
	r.types("3")
	r.sees("1 or 2?")
	r.types("1")
	r.sees("Relay:")
	r.types("17")
	r.sees("write board:line")
	r.types("house:gate/open-relay") // the gate has it
	r.sees("Contact:")
	r.types("")
	r.sees("write board:line")
	r.types("barn:1")
	r.sees("That cannot be")
	r.sees("switched by")
	r.sees("1 or 2?")
	r.typed.Close()
	if err := r.ends(); !errors.Is(err, ErrStopped) || r.pulses() != 0 {
		t.Errorf("%v, %d pulses", err, r.pulses())
	}
}

// A relay that pulls when its line is taken is let go by taking it the other way round.
func TestPolarityOfTheRelay(t *testing.T) {
	r := start(t, house)
	r.asked()
	r.moved()
	r.sees("Type yes to take the line house:garage/relay")
	r.types("yes")
	r.sees("its lamp dark?")
	r.types("no")
	r.sees("the other way round: !house:garage/relay")
	r.sees("its lamp dark?")
	r.types("no")
	r.sees("on both ways round")
	if err := r.ends(); !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// A file that is not good, or that nothing can be added to, is left alone.
func TestFilesThatAreLeftAlone(t *testing.T) {
	for name, text := range map[string]string{
		"wrong":    strings.Replace(house, "driver: lines", "driver: liens", 1),
		"no yaml":  "doors: [",
		"one line": `{home: {name: X}, boards: {house: {driver: sim}}, doors: {gate: {name: Gate, opener: {driver: lines, relay: "house:gate/open-relay"}, closed: "house:gate/closed"}}}`,
	} {
		r := start(t, text)
		if name == "one line" {
			r.sees("1 or 2?")
			r.types("1", "house:garage/relay", "house:garage/closed")
			r.sees("That cannot be")
			r.typed.Close()
		}
		if err := r.ends(); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
		if now, err := os.ReadFile(r.path); err != nil || string(now) != text {
			t.Errorf("%s: %v\n%s", name, err, now)
		}
	}
}

// Sections find their place whatever the file looks like, and the rest keeps every byte.
func TestInsert(t *testing.T) {
	s := section{"doors", "shed", "  shed:\n    name: Shed\n"}
	for name, c := range map[string]struct{ text, want string }{
		"no group":   {"home: {name: X}\n", "home: {name: X}\n\ndoors:\n  shed:\n    name: Shed\n"},
		"no newline": {"doors:\n  a:\n    name: A", "doors:\n  a:\n    name: A\n  shed:\n    name: Shed\n"},
		"between":    {"doors: # all\n  a:\n    name: A\n\n# locks\nlocks:\n  b: {}\n", "doors: # all\n  a:\n    name: A\n  shed:\n    name: Shed\n\n# locks\nlocks:\n  b: {}\n"},
		"indent":     {"doors:\n   a:\n      name: A\n", "doors:\n   a:\n      name: A\n   shed:\n     name: Shed\n"},
		"empty":      {"doors:\nlocks:\n  b: {}\n", "doors:\n  shed:\n    name: Shed\nlocks:\n  b: {}\n"},
	} {
		got, err := insert(c.text, s)
		if err != nil || got != c.want {
			t.Errorf("%s: %v\n%q, want\n%q", name, err, got, c.want)
		}
	}
	if _, err := insert("doors: {a: {name: A}}\n", s); !errors.Is(err, ErrFile) {
		t.Errorf("one line: %v", err)
	}
}

// FuzzInsert: whatever the file, what was there stays there, byte for byte and in order.
func FuzzInsert(f *testing.F) {
	f.Add(house)
	f.Add("doors:\n\n#x\n  a:\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := section{"doors", "shed", "  shed:\n    name: Shed\n"}
		got, err := insert(text, s)
		if err != nil {
			return
		}
		rest := got
		for line := range strings.Lines(text) {
			_, after, ok := strings.Cut(rest, strings.TrimRight(line, "\n"))
			if !ok {
				t.Fatalf("%q is lost from %q", line, got)
			}
			rest = after
		}
		if len(got) > len(text)+64+40 {
			t.Errorf("%d bytes of %d", len(got), len(text))
		}
	})
}
