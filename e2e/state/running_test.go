package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// Limits far above what things take, for a machine that is busy.
const (
	startLimit = 20 * time.Second
	stopLimit  = 10 * time.Second
	moveLimit  = 15 * time.Second
)

// devices are those of the demo's house.
func devices() []string { return []string{"garage", "gate", "front", "studio"} }

// names are what they are called in Apple Home.
func names() map[string]string {
	return map[string]string{"garage": "Garage", "gate": "Gate", "front": "Front door", "studio": "Studio"}
}

// pulses requires exactly these pulses and none anywhere else.
func pulses(status func(id string) (sim.Status, error), want map[string]int) error {
	for _, id := range devices() {
		s, err := status(id)
		if err != nil {
			return err
		}
		if s.PulsesTotal != want[id] {
			return fmt.Errorf("%s got %d pulses, want %d: %+v", id, s.PulsesTotal, want[id], s)
		}
	}
	return nil
}

// isItself requires that a bridge is the one it was, and that nobody can pair with it.
func (g *golden) isItself(ctx context.Context, b e2e.Bridge) error {
	if b.DeviceID != g.deviceID || !b.Paired || b.SetupCode != "" || b.SetupURI != "" {
		return fmt.Errorf("the bridge is %+v, it was %s and paired", b, g.deviceID)
	}
	return cannotPair(ctx, b.Addr, g.code)
}

// running is a bridge of the built binary on a golden folder, and the house it moves.
type running struct {
	t      *testing.T
	golden *golden
	*e2e.Loquet
	world *world.World
	want  map[string]int // pulses that were asked for
	where []string       // flags with which commands find it
}

// run starts the binary on a state folder and requires that nothing moves because of it.
func (g *golden) run(t *testing.T, state string) *running { return g.runAs(t, nil, state) }

// runAs is run with something before the command.
func (g *golden) runAs(t *testing.T, prefix []string, state string) *running {
	t.Helper()
	r := &running{t: t, golden: g, world: world.Start(t, sim.DemoHouse(), fast), want: map[string]int{}}
	r.Loquet = lab.Start(t, e2e.Options{State: state, Args: []string{"--world", r.world.Socket}, Prefix: prefix})
	r.where = []string{"--state", state}
	r.isItself()
	return r
}

// overConsole has commands reach the bridge without its socket.
func (r *running) overConsole() {
	r.t.Helper()
	c := r.Ready(r.t).Console
	r.where = []string{"--url", c.URL, "--token", c.Token}
}

// again starts the binary once more.
func (r *running) again() {
	r.t.Helper()
	r.Loquet = r.Again(r.t, nil)
	r.isItself()
}

// isItself requires that the bridge is the one it was, that nobody can pair with it, that everything that
// moved was asked for, and that a guest may open nothing.
func (r *running) isItself() {
	r.t.Helper()
	b := r.Bridge(r.t)
	if err := r.golden.isItself(r.t.Context(), b); err != nil {
		r.t.Fatal(err)
	}
	if err := r.golden.guestCannotOpen(r.t.Context(), b.Addr); err != nil {
		r.t.Fatal(err)
	}
	r.moved()
}

// moved requires that what has moved by now was asked for.
func (r *running) moved() {
	r.t.Helper()
	if err := pulses(func(id string) (sim.Status, error) { return r.world.Status(r.t, id), nil }, r.want); err != nil {
		r.t.Fatal(err)
	}
}

// soon is how long a person waits for a door that has heard.
const soon = 4 * time.Second

// opens requires that the owner's phone opens or unlocks a device with one pulse, on a new connection.
func (r *running) opens(id string) {
	r.t.Helper()
	client, err := r.golden.owner.connect(r.t.Context(), r.Bridge(r.t).Addr)
	if err != nil {
		r.t.Fatalf("the pairing is gone: %v", err)
	}
	defer client.Close()
	began := time.Now()
	if _, err := r.golden.owner.persist(r.t.Context(), client, names()[id], 0); err != nil {
		r.t.Fatalf("%s does not open: %v", id, err)
	}
	if took := time.Since(began); took > soon {
		r.t.Errorf("%s was opened after %v", id, took)
	}
	r.want[id]++
	r.moved()
}

// closeByHand closes what is open, from inside the house.
func (r *running) closeByHand(id string) {
	r.t.Helper()
	closed := "closed"
	if id == "front" {
		closed = "secured"
	}
	open := map[string]string{"closed": "open", "secured": "unsecured"}[closed]
	if r.Device(r.t, id).At() != closed {
		r.Await(r.t, id, open, moveLimit)
		e2e.Until(r.t, moveLimit, func() string {
			if r.world.Status(r.t, id).Energised {
				return "the button of " + id + " to be let go"
			}
			return ""
		})
		r.world.Happen(r.t, id, sim.WallButton)
		r.Await(r.t, id, closed, moveLimit)
	}
}

// invite tries to add a controller over the owner's session.
func (r *running) invite() error {
	r.t.Helper()
	client, err := r.golden.owner.connect(r.t.Context(), r.Bridge(r.t).Addr)
	if err != nil {
		r.t.Fatalf("the pairing is gone: %v", err)
	}
	defer client.Close()
	who := haptest.NewController()
	return client.AddPairing(who.ID, who.Public(), false)
}

// nothingCanChange requires that nobody is added and no role is changed while the disk takes nothing, that
// whoever asks is told why and what to do, and that the answer is true: the ready file says what it said.
func (r *running) nothingCanChange(why, remedy string) {
	r.t.Helper()
	var refused *haptest.PairingError
	if err := r.invite(); !errors.As(err, &refused) {
		r.t.Errorf("adding a controller was answered with %v, want an error of the pairing", err)
	}
	_, complaint, status := r.ask("pair", "role", r.golden.guest.who.ID, "operate")
	if status != 1 {
		r.t.Errorf("changing a role ended with %d, want 1", status)
	}
	requireComplaint(r.t, complaint, why, remedy)
	r.isItself()
}

// problem is what doctor knows.
type problem struct{ Code, Severity, Detail, Remedy string }

// doctor returns the problems by their codes, and what they were printed as.
func (r *running) doctor() (problems map[string]problem, text string) {
	r.t.Helper()
	var health struct{ Problems []problem }
	out, _, status := r.ask("doctor", "--json")
	if err := json.Unmarshal([]byte(out), &health); err != nil {
		r.t.Fatalf("doctor ended with %d: %v\n%s", status, err, out)
	}
	problems = map[string]problem{}
	for _, p := range health.Problems {
		problems[p.Code] = p
	}
	text, _, again := r.ask("doctor") // nothing changes in between
	grave := slices.ContainsFunc(health.Problems, func(p problem) bool { return p.Severity == "error" })
	if want := map[bool]int{true: 1, false: 0}[grave]; status != want || again != want {
		r.t.Errorf("doctor ended with %d and %d, want %d:\n%s", status, again, want, text)
	}
	return problems, text
}

// says requires that doctor tells of a problem, with a word of its remedy.
func (r *running) says(code, remedy string) {
	r.t.Helper()
	problems, text := r.doctor()
	p, there := problems[code]
	if !there || !strings.Contains(p.Remedy, remedy) || !strings.Contains(text, p.Remedy) {
		r.t.Errorf("doctor does not tell of %s and what to do (%q):\n%s", code, remedy, text)
	}
}

// diskCodes are the problems that end when the disk is well again.
func diskCodes() []string {
	return []string{"disk-full", "disk-read-only", "disk-failed", "database-lost", "no-socket"}
}

// isWell requires that doctor knows of nothing wrong with the state, and that changes are kept.
func (r *running) isWell() {
	r.t.Helper()
	problems, text := r.doctor()
	for _, code := range diskCodes() {
		if _, there := problems[code]; there {
			r.t.Errorf("doctor tells of %s on a disk that is well:\n%s", code, text)
		}
	}
	if err := r.invite(); err != nil {
		r.t.Errorf("a controller cannot be added: %v", err)
	}
	r.isItself()
}

// hasGap requires that the history says itself that something is missing from it, after a row, and that its
// chain is whole all the same.
func (r *running) hasGap(after int64) {
	r.t.Helper()
	var said []string
	for _, row := range r.Since(r.t, after) {
		if row.Kind == "note" {
			said = append(said, row.Detail)
		}
	}
	if !slices.ContainsFunc(said, func(d string) bool { return strings.HasPrefix(d, "gap: ") }) {
		r.t.Errorf("the history does not say that it has a gap; its notes are %q", said)
	}
	out, _, status := r.ask("history", "verify", "--json")
	if status != 0 {
		r.t.Errorf("history verify ended with %d: %s", status, out)
	}
}

// last is the number of the newest row.
func (r *running) last() int64 {
	r.t.Helper()
	rows := r.Since(r.t, 0)
	if len(rows) == 0 {
		return 0
	}
	return rows[len(rows)-1].Seq
}

// ask runs a command against the bridge and returns what it printed, where, and its status.
func (r *running) ask(args ...string) (out, complaint string, status int) {
	r.t.Helper()
	return call(r.t, e2e.Command{Name: lab.Binary(r.t), Args: append(args, r.where...)})
}

func call(t testing.TB, c e2e.Command) (out, complaint string, status int) {
	t.Helper()
	var printed bytes.Buffer
	c.Stdout = &printed
	p := e2e.Start(t, c)
	status = p.WaitExit(t, startLimit)
	return printed.String(), p.Log(), status
}

// requireComplaint requires one line why and one line what to do, at the end of what was printed.
func requireComplaint(t testing.TB, text, why, remedy string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 2 {
		t.Errorf("nothing says what to do:\n%s", text)
		return
	}
	first, second := lines[len(lines)-2], lines[len(lines)-1]
	if !strings.HasPrefix(first, "loquet: ") || !strings.Contains(first, why) {
		t.Errorf("the reason is %q, want something with %q", first, why)
	}
	if !strings.HasPrefix(second, "  ") || !strings.Contains(second, remedy) {
		t.Errorf("what to do is %q, want something with %q", second, remedy)
	}
}

// refused starts the binary on a state folder on which it must not start.
func refused(t *testing.T, state, why, remedy string) {
	t.Helper()
	refusedCommand(t, e2e.Command{Name: lab.Binary(t)}, state, why, remedy)
}

func refusedCommand(t *testing.T, c e2e.Command, state, why, remedy string) {
	t.Helper()
	ready := filepath.Join(e2e.TempDir(t), "ready.json")
	c.Args = append(c.Args, "demo", "--state", state, "--ready-file", ready, "--interface", "lo",
		"--homekit", "127.0.0.1:0", "--console", "127.0.0.1:0")
	out, complaint, status := call(t, c)
	if status != 1 {
		t.Errorf("ended with %d, want 1:\n%s%s", status, out, complaint)
	}
	requireComplaint(t, complaint, why, remedy)
	if strings.Contains(out, "Loquet is not paired") || strings.Contains(out, "loquet devices") {
		t.Errorf("it welcomed somebody before it ended:\n%s", out)
	}
	requireNone(t, ready)
}
