package process

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/phone"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(mostHunts)) // they wait more than they work
	tags := []string{"failpoints"}
	if os.Getenv("LOQUET_SEEDED") != "" { // a mistake that the kills must find
		tags = append(tags, "seeded")
	}
	lab = e2e.Open(tags...)
	defer lab.Close()
	m.Run()
}

// Points at which the binary kills itself. The inner ones lie between the recorded intent and the
// recorded release, where a careless program repeats or forgets a pulse.
var (
	innerPoints = []string{"after-intent", "before-started", "after-started", "after-answer", "before-released"}
	outerPoints = []string{"before-intent", "after-released", "before-warning", "after-warning"}
)

// A house is large enough for every life to have something to do, and small enough for a start to cost
// nearly nothing but the 300 ms in which its contacts must be still.
const (
	doors = 10
	locks = 5
)

// round is how one life of the bridge ends.
type round struct {
	point string // empty: killed from outside
	hit   int    // at which hit of the point
	after time.Duration
}

func (r round) env() []string {
	if r.point == "" {
		return []string{"LOQUET_SEEDED=" + os.Getenv("LOQUET_SEEDED")}
	}
	return []string{"LOQUET_SEEDED=" + os.Getenv("LOQUET_SEEDED"), fmt.Sprintf("LOQUET_FAILPOINT=%s:%d", r.point, r.hit)}
}

// warns reports whether the point lies at the beginning of a warning.
func (r round) warns() bool { return strings.HasSuffix(r.point, "-warning") }

func (r round) String() string {
	if r.point == "" {
		return fmt.Sprintf("killed after %v", r.after)
	}
	return fmt.Sprintf("%s, hit %d", r.point, r.hit)
}

// plan spreads the kills: six in ten at inner points, the others before, after, and at random.
func plan(n int, random *rand.Rand) []round {
	rounds := make([]round, n)
	for i := range rounds {
		r := round{hit: 1 + random.IntN(4), after: time.Duration(random.IntN(600)) * time.Millisecond}
		switch k := i % 10; {
		case k < 6:
			r.point = innerPoints[i%len(innerPoints)]
		case k == 6:
			r.point = outerPoints[(i/10)%len(outerPoints)]
			if r.warns() {
				r.hit = 1
			}
		}
		rounds[i] = r
	}
	random.Shuffle(n, func(i, j int) { rounds[i], rounds[j] = rounds[j], rounds[i] })
	return rounds
}

func kills(t *testing.T) int {
	text := os.Getenv("LOQUET_KILLS")
	if text == "" {
		return 200
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("LOQUET_KILLS=%q is not a number of kills", text)
	}
	return n
}

// lives is how many kills one hunt is worth: a house that has lived for long has a long history.
const lives = 25

// mostHunts is how many bridges are hunted at the same time at most, each with a house of its own. Most of a
// life is waiting: for contacts to be still, for a pulse to end.
const mostHunts = 16

func hunts(kills int) int { return min(max(1, kills/lives), mostHunts) }

// TestKilledAtAnyMoment takes about a second for each kill of a hunt.
func TestKilledAtAnyMoment(t *testing.T) {
	n := kills(t)
	seed := rand.Uint64()
	hunts := hunts(n)
	began := time.Now()
	t.Logf("%d kills in %d houses, seed %d", n, hunts, seed)
	var all account
	var inner int
	var totals sync.Mutex
	t.Run("hunts", func(t *testing.T) {
		for k := range hunts {
			t.Run(strconv.Itoa(k), func(t *testing.T) {
				t.Parallel()
				share := (n + k) / hunts
				sum, in := hunt(t, share, rand.New(rand.NewPCG(seed, uint64(k))))
				totals.Lock()
				defer totals.Unlock()
				all.add(sum)
				inner += in
			})
		}
	})
	t.Logf("%d kills in %v, %d of them between intent and release: %d commands, %d acknowledged, %d started, %d pulses, %d intents, %d warnings",
		n, time.Since(began).Round(time.Second), inner, all.sent, all.acknowledged, all.started, all.pulses, all.intents, all.warnings)
	if t.Failed() {
		return
	}
	enough := n / 2
	if n < 1000 { // six of ten are usual, and of few kills chance may take one in ten away
		enough = n / 3
	}
	if inner < enough {
		t.Errorf("only %d of %d kills lay between intent and release", inner, n)
	}
	if all.pulses < n/2 {
		t.Errorf("only %d pulses in %d lives: this test has tested little", all.pulses, n)
	}
}

// hunt kills one bridge n times. It returns all accounts together, and how many kills lay between an
// intent and its release.
func hunt(t *testing.T, n int, random *rand.Rand) (sum account, inner int) {
	size := []string{"--doors", strconv.Itoa(doors), "--locks", strconv.Itoa(locks)}
	h := &hunted{t: t, random: random, books: newLedger(), world: startWorld(t, append(size, "--speed", "20")...)}
	h.options = e2e.Options{
		State: filepath.Join(e2e.TempDir(t), "state"),
		Args:  append(size, "--world", h.world.socket),
	}
	h.begin()
	for i, r := range plan(n, random) {
		point := h.live(i, r)
		if t.Failed() {
			t.Fatalf("in life %d (%s)", i, r)
		}
		if slices.Contains(innerPoints, point) {
			inner++
		}
	}
	h.end()
	return h.books.sum(), inner
}

// patience is far above what anything takes here, for a machine that is busy.
const patience = 40 * time.Second

// hunted is the bridge that is killed again and again, on one state and one world.
type hunted struct {
	t       *testing.T
	world   *world
	books   *ledger
	options e2e.Options
	random  *rand.Rand
	bridge  e2e.Bridge // as it was at first: its identity must stay
	phone   *phone.Phone
}

// begin gives the bridge its identity and a paired controller.
func (h *hunted) begin() {
	q := lab.Start(h.t, h.options)
	h.phone = pair(h.t, q.Bridge(h.t))
	e2e.Until(h.t, 5*time.Second, func() string {
		if h.bridge = q.Bridge(h.t); !h.bridge.Paired {
			return "the ready file to say paired"
		}
		return ""
	})
	q.Stop(h.t)
}

// live starts the bridge, looks at what the last life left, commands devices until it dies.
// It returns the point at which it died.
func (h *hunted) live(i int, r round) string {
	t := h.t
	o := h.options
	o.Env = r.env()
	before := h.world.pulses(t)
	began := time.Now()
	q := lab.Start(t, o)
	devices := q.Devices(t)
	h.atRest(devices, began)
	h.sameIdentity(q)
	h.books.audit(t, q, h.world, devices)
	// Nobody has asked for anything yet: what moves now, or has moved since the last life ended, was moved
	// by the start.
	e2e.Always(t, 150*time.Millisecond, func() string {
		if diff := cmp.Diff(before, h.world.pulses(t)); diff != "" {
			return "pulses at the start (-before +after):\n" + diff
		}
		return ""
	})

	client := connect(t, h.phone, q.Bridge(t))
	defer client.Close()
	if i%10 == 0 {
		h.sameNumbers(client)
	}
	if i%20 == 0 {
		h.verify()
	}
	if r.warns() && !slices.ContainsFunc(devices, func(d e2e.Device) bool { return d.At() == "open" }) {
		r = round{after: r.after} // there is nothing to close with a warning
	}
	h.closeDoors(devices, r)
	point := h.command(q, client, devices, r)
	q.WaitKilled(t, patience)
	if t.Failed() {
		t.Log(q.Log())
	}
	return point
}

// end looks at what the last life left.
func (h *hunted) end() {
	q := lab.Start(h.t, h.options)
	devices := q.Devices(h.t)
	h.atRest(devices, time.Now())
	h.sameIdentity(q)
	client := connect(h.t, h.phone, q.Bridge(h.t))
	defer client.Close()
	h.sameNumbers(client)
	h.books.audit(h.t, q, h.world, devices)
	h.verify()
	q.Stop(h.t)
}

// atRest requires that every relay rests within a second of the restart.
func (h *hunted) atRest(devices []e2e.Device, began time.Time) {
	h.t.Helper()
	e2e.Until(h.t, time.Second-min(time.Since(began), 900*time.Millisecond), func() string {
		for _, d := range devices {
			if s := h.world.status(h.t, d.ID); s.Energised {
				return fmt.Sprintf("the relay of %s to rest: %+v", d.ID, s)
			}
		}
		return ""
	})
}

func (h *hunted) sameIdentity(q *e2e.Loquet) {
	h.t.Helper()
	now := q.Bridge(h.t)
	was := h.bridge
	if now.DeviceID != was.DeviceID || now.Accessories != was.Accessories || now.Paired != was.Paired {
		h.t.Fatalf("the bridge was %+v and is %+v", was, now)
	}
}

// sameNumbers requires that every aid and iid is what it was.
func (h *hunted) sameNumbers(client *haptest.Client) {
	h.t.Helper()
	now, err := h.phone.List(client)
	if err != nil || now != h.phone.Numbers {
		h.t.Fatalf("the bridge served\n%s\nand serves\n%s\n%v", h.phone.Numbers, now, err)
	}
}

// closeDoors closes open doors from inside the house, so that there is something to open again. One in
// three is left for a command to close: a life is too short for the warning to end, and the next one must
// know nothing of it.
func (h *hunted) closeDoors(devices []e2e.Device, r round) {
	for _, d := range devices {
		if d.Kind == "door" && d.At() == "open" && !r.warns() && h.random.IntN(3) > 0 {
			h.world.happen(h.t, d.ID, sim.WallButton)
		}
	}
}

// command sends commands from two sides, the API and HomeKit, until the bridge is dead: at most one to
// each device in one life. It kills a bridge that is not to kill itself, or had no occasion to, and returns
// the point at which it died; empty for any other.
func (h *hunted) command(q *e2e.Loquet, client *haptest.Client, devices []e2e.Device, r round) (point string) {
	order := h.random.Perm(len(devices))
	next := make(chan e2e.Device)
	var callers sync.WaitGroup
	for _, ask := range []func(e2e.Device) (bool, int64, string){
		func(d e2e.Device) (bool, int64, string) { return askAPI(q, d) },
		func(d e2e.Device) (bool, int64, string) {
			if d.At() == "open" { // its answer does not tell a warning from a move
				return askAPI(q, d)
			}
			return h.askHomeKit(client, d)
		},
	} {
		callers.Go(func() {
			for d := range next {
				h.books.send(d.ID)
				done, intent, said := ask(d)
				h.books.answer(d.ID, done, intent, fmt.Sprintf("%s: %s %s", r, actionFor(d), said))
			}
		})
	}
	var kill <-chan time.Time
	if r.point == "" {
		timer := time.NewTimer(r.after)
		defer timer.Stop()
		kill = timer.C
	}
	for _, i := range order {
		if actionFor(devices[i]) == "" {
			continue
		}
		select {
		case next <- devices[i]:
			continue
		case <-q.Done():
		case <-kill:
			q.Signal(syscall.SIGKILL)
		}
		break
	}
	close(next)
	answered := make(chan struct{})
	go func() {
		callers.Wait()
		close(answered)
	}()
	select {
	case <-q.Done():
	case <-kill:
		q.Signal(syscall.SIGKILL)
	case <-answered:
	}
	<-answered
	if r.point != "" { // the last pulses end, and then there is nothing left that could come to the point
		rest := time.NewTimer(restTime)
		defer rest.Stop()
		kill = rest.C
	}
	select {
	case <-q.Done():
		return r.point
	case <-kill:
		q.Signal(syscall.SIGKILL)
		return ""
	}
}

// restTime is far above the length of a pulse, and of the call that writes its end.
const restTime = 5 * time.Second

// askAPI and askHomeKit report whether the bridge acknowledged that a relay moved, with the number of the
// intent where it is told, and how it answered. No answer is no answer: the bridge may have died on the way.
func askAPI(q *e2e.Loquet, d e2e.Device) (done bool, intent int64, said string) {
	answer, err := q.TryCommand(d.ID, actionFor(d))
	return err == nil && answer.Status == 202 && !answer.Warning, answer.Intent, fmt.Sprintf("API: %+v, %v", answer, err)
}

func (h *hunted) askHomeKit(client *haptest.Client, d e2e.Device) (done bool, intent int64, said string) {
	done, err := h.phone.Write(client, d.Name, actionFor(d))
	return done, 0, fmt.Sprintf("HomeKit: %v, %v", done, err)
}

// actionFor is what can be asked of a device as it is.
func actionFor(d e2e.Device) string {
	switch d.At() {
	case "closed":
		return "open"
	case "open":
		return "close"
	case "secured":
		return "unlock"
	case "unsecured":
		return "lock"
	}
	return ""
}

// verify lets the binary check the chain of its journal.
func (h *hunted) verify() {
	h.t.Helper()
	out := e2e.Run(h.t, e2e.Command{
		Name: lab.Binary(h.t), Args: []string{"history", "verify", "--json", "--state", h.options.State},
	}, patience)
	var verdict struct {
		OK     bool     `json:"ok"`
		Faults []string `json:"faults"`
	}
	if err := json.Unmarshal([]byte(out), &verdict); err != nil || !verdict.OK || len(verdict.Faults) > 0 {
		h.t.Fatalf("the history does not hold: %v %s", err, out)
	}
}
