package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
	"github.com/loquet/loquet/e2e/chaos/edits"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// lived is the record of a built bridge that lived on a forgetful disk, in a house that lives on.
type lived struct {
	disk    *forgetful.Control
	world   *world.World
	log     *forgetful.Log
	install string
	numbers map[string][]byte // of the accessories, as they were when it was first ready
	phone   *phone
	targets map[string]haptest.ID // by the name of the lock
	name    string                // of the bridge's device id
	edits   *edits.House          // nil: nobody edits

	calendars, stays atomic.Int64 // that images held
}

const fast = 20 // times as fast as real doors

// live has the built binary make a house, pair, move doors and locks, be killed once and stopped once.
func (l *lived) live(t *testing.T) {
	t.Helper()
	l.world = world.Start(t, sim.DemoHouse(), fast)
	v := newVolume(t, l.disk, "bridge")
	mark := marker(v)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(mark(promise{What: "start"}))
	q := lab.Start(t, e2e.Options{State: v.Path, Args: []string{"--world", l.world.Socket}})
	b := q.Bridge(t)
	l.name = b.DeviceID
	must(mark(promise{What: "house", Done: true, Install: "as found", ID: b.DeviceID}))

	dialed, err := haptest.Dial(t.Context(), b.Addr)
	must(err)
	l.phone = &phone{who: dialed.Controller}
	must(mark(promise{What: "add", ID: l.phone.who.ID}))
	l.phone.bridge, err = dialed.PairSetup(b.SetupCode)
	must(err)
	must(mark(promise{What: "add", Done: true, ID: l.phone.who.ID}))
	dialed.Close()

	for life := range 3 {
		if life > 0 {
			must(mark(promise{What: "start"}))
			q = q.Again(t, nil)
			b = q.Bridge(t)
		}
		session := l.session(t, b.Addr)
		l.learn(t, session)
		for range 2 {
			guest := haptest.NewController()
			must(mark(promise{What: "add", ID: guest.ID}))
			must(session.AddPairing(guest.ID, guest.Public(), false))
			must(mark(promise{What: "add", Done: true, ID: guest.ID}))
			if rand.IntN(2) == 0 {
				must(mark(promise{What: "remove", ID: guest.ID}))
				must(session.RemovePairing(guest.ID))
				must(mark(promise{What: "remove", Done: true, ID: guest.ID}))
			}
		}
		name := fmt.Sprintf("Guest %d", life)
		l.cli(t, q, "people", "add", name)
		l.cli(t, q, "codes", "add", "--person", name)
		must(mark(promise{What: "code", Done: true, ID: name}))
		for _, c := range [][2]string{{"garage", "open"}, {"front", "unlock"}, {"gate", "open"}, {"studio", "unlock"}, {"front", "lock"}} {
			if d := q.Device(t, c[0]); d.State.Position == "open" {
				continue
			}
			a, err := q.TryCommand(c[0], c[1])
			must(err)
			if a.Status == 202 {
				must(mark(promise{What: "row", Done: true, Seq: a.Intent, Device: c[0], Kind: "intent"}))
			}
			e2e.Apart(t, 120*time.Millisecond)
		}
		for _, row := range q.Since(t, 0) { // what was shown to somebody is acknowledged
			must(mark(promise{What: "row", Done: true, Seq: row.Seq, Device: row.Device, Kind: row.Kind}))
		}
		session.Close()
		if life == 0 {
			q.Kill(t)
		} else {
			q.Stop(t)
		}
	}
	l.log, err = v.Log()
	must(err)
}

// cli runs a subcommand against a bridge.
func (l *lived) cli(t *testing.T, q *e2e.Loquet, args ...string) string {
	t.Helper()
	return e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: append(args, "--state", q.Options.State)}, time.Minute)
}

// session connects the owner's phone.
func (l *lived) session(t *testing.T, addr string) *haptest.Client {
	t.Helper()
	dialed, err := haptest.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	c := haptest.New(dialed.Conn(), l.phone.who)
	c.Timeout = answerLimit
	if err := c.PairVerify(l.phone.bridge); err != nil {
		t.Fatalf("the owner's phone is not let in: %v", err)
	}
	return c
}

// learn finds the targets of the locks.
func (l *lived) learn(t *testing.T, c *haptest.Client) {
	t.Helper()
	body, err := c.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	var served struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Type            string
				Characteristics []struct {
					Type  string
					IID   uint64
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(body, &served); err != nil {
		t.Fatal(err)
	}
	l.targets = map[string]haptest.ID{}
	for _, a := range served.Accessories {
		name := ""
		for _, s := range a.Services {
			for _, ch := range s.Characteristics {
				service, kind := short(s.Type), short(ch.Type)
				if service == "3E" && kind == "23" {
					name, _ = ch.Value.(string)
				}
				if service == "45" && kind == "1E" {
					l.targets[name] = haptest.ID{AID: a.AID, IID: ch.IID}
				}
			}
		}
	}
}

func short(uuid string) string {
	first, _, _ := strings.Cut(uuid, "-")
	return strings.TrimLeft(first, "0")
}

// turns has the phone turn the front door's bolt, the other way from where it is. A bolt that is busy is
// asked again: what was refused was not done.
func (l *lived) turns(t *testing.T, addr string) {
	t.Helper()
	session := l.session(t, addr)
	defer session.Close()
	before := l.world.Status(t, "front").PulsesTotal
	id := l.targets["Front door"]
	for value := range 2 { // one of them is where it is already
		e2e.Until(t, answerLimit, func() string {
			pid := uint64(time.Now().UnixNano())
			if err := session.Prepare(9000, pid); err != nil {
				t.Fatal(err)
			}
			results, err := session.PutTimed(pid, haptest.Put{AID: id.AID, IID: id.IID, Value: value})
			if err != nil {
				t.Fatal(err)
			}
			if results != nil {
				return fmt.Sprintf("the bolt: status %d", *results[0].Status)
			}
			return ""
		})
	}
	if n := l.world.Status(t, "front").PulsesTotal - before; n < 1 || n > 2 {
		t.Errorf("the bolt was asked to turn both ways and got %d pulses", n)
	}
}

// pulses is what the house has counted.
func (l *lived) pulses(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, id := range []string{"garage", "gate", "front", "studio"} {
		all[id] = l.world.Status(t, id).PulsesTotal
	}
	return all
}

// TestBridgeThroughPowerCuts opens what power cuts leave of the built bridge: all images as the store sees
// them, and some by starting the bridge on them while the house counts pulses.
func TestBridgeThroughPowerCuts(t *testing.T) {
	images := int(number(t, "LOQUET_IMAGES", 150)) / 3
	seed := number(t, "LOQUET_SEED", rand.Uint64())
	random := rand.New(rand.NewPCG(seed, 7))
	l := &lived{disk: newDisk(t)}
	power := newPower(t)
	l.live(t)
	l.asFound(t)
	var all tally
	all.real = l
	chosen := cuts("bridge", l.log, images, random)
	all.open(t, power, chosen)
	t.Logf("LOQUET_SEED=%d: %s", seed, all.String())
	if t.Failed() {
		return
	}
	dir := inMemory(t)
	started := min(max(2, images/40), 60)
	for i := range started {
		c := chosen[len(chosen)*(i+1)/(started+1)]
		t.Run(fmt.Sprintf("start-%d", i), func(t *testing.T) { l.startOn(t, c, filepath.Join(dir, fmt.Sprint(i))) })
	}
}

// asFound reads what the bridge promised without saying it aloud: its install and its accessories' numbers.
func (l *lived) asFound(t *testing.T) {
	t.Helper()
	for point, text := range l.log.Marks(len(l.log.Ops)) {
		if !strings.Contains(text, `"house"`) {
			continue
		}
		replay := forgetful.NewReplay(l.log, 0)
		replay.Advance(point)
		dir := e2e.TempDir(t)
		state, run := filepath.Join(dir, "i", "state"), filepath.Join(dir, "i", "run")
		if err := layOut(replay.Image(uint64(forgetful.All)), filepath.Dir(state), state, run); err != nil {
			t.Fatal(err)
		}
		h, err := openHouse(t.Context(), state, options(run))
		if err != nil {
			t.Fatal(err)
		}
		l.install = h.store.Install()
		l.numbers, err = h.store.Space(spaceNumbers).List("device/")
		if err = errors.Join(err, h.close(t.Context())); err != nil || len(l.numbers) == 0 {
			t.Fatalf("the bridge was ready and has %d numbers: %v", len(l.numbers), err)
		}
	}
}

// judge holds the numbers of the accessories against those that phones have seen.
func (l *lived) judge(h *house, b *books, state string, v *verdict) {
	if b.install == "" {
		return
	}
	have, err := h.store.Space(spaceNumbers).List("device/")
	if err != nil {
		v.add("the numbers cannot be read: %v", err)
	}
	if d := differs(l.numbers, have); d != "" {
		v.add("numbers of accessories: %s", d)
	}
	if l.edits != nil {
		l.judgeEdits(h, b, state, v)
		return
	}
	ledger, err := h.store.Space("codes").List("")
	if err != nil {
		v.add("people and codes cannot be read: %v", err)
	}
	var codes, text strings.Builder
	for key, value := range ledger {
		text.Write(value)
		if strings.HasPrefix(key, "code/") {
			codes.WriteByte('.')
		}
	}
	for _, name := range b.codes {
		if !strings.Contains(text.String(), `"`+name+`"`) {
			v.add("%s is lost", name)
		}
	}
	if codes.Len() < len(b.codes) {
		v.add("%d of %d codes are left", codes.Len(), len(b.codes))
	}
}

// startOn starts the bridge on what a power cut has left. Nothing moves, the owner's phone is let in and
// turns a bolt, the history holds.
func (l *lived) startOn(t *testing.T, c cut, folder string) {
	replay := forgetful.NewReplay(c.log, c.seed)
	replay.Advance(c.point)
	b, err := readBooks(c.log, c.point)
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(folder, "state")
	if err := layOut(replay.Image(c.seed), folder, state, filepath.Join(folder, "run")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c)
		}
	})
	if st, err := os.Stat(filepath.Join(state, "codes.key")); len(b.codes) > 0 && (err != nil || st.Size() != 65) {
		t.Errorf("the key of %d codes is lost: %v", len(b.codes), err)
	}
	before := l.pulses(t)
	q := lab.Start(t, e2e.Options{State: state, Args: []string{"--world", l.world.Socket}})
	e2e.Always(t, 200*time.Millisecond, func() string {
		if d := cmp.Diff(before, l.pulses(t)); d != "" {
			return "something moved at the start:\n" + d
		}
		return ""
	})
	now := q.Bridge(t)
	if b.install != "" && now.DeviceID != l.name {
		t.Errorf("a new identity: %s was %s", now.DeviceID, l.name)
	}
	if b.paired() {
		if !now.Paired || now.SetupCode != "" {
			t.Errorf("it can be paired: %+v", now)
		}
		l.turns(t, now.Addr)
	}
	if text := l.cli(t, q, "codes", "list"); strings.Count(text, "Guest ") < len(b.codes) {
		t.Errorf("of the codes of %q there are: %s", b.codes, text)
	}
	out := l.cli(t, q, "history", "verify", "--json")
	var said struct {
		OK bool `json:"ok"`
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || !said.OK {
		t.Errorf("the history does not hold: %s %v", out, err)
	}
	q.Stop(t)
}

// TestBridgeOnAFailingDisk lets an operation of the built bridge fail, another one in each life: it lives,
// the owner's phone turns a bolt, and on a disk that is well it is as before. LOQUET_STRIDE says how much.
func TestBridgeOnAFailingDisk(t *testing.T) {
	seed := number(t, "LOQUET_SEED", rand.Uint64())
	t.Logf("LOQUET_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 8))
	l := &lived{disk: newDisk(t)}
	l.live(t)
	replay := forgetful.NewReplay(l.log, 0)
	replay.Advance(len(l.log.Ops))
	image := replay.Image(uint64(forgetful.All))
	all := faults()
	lives := max(1, 300/int(number(t, "LOQUET_STRIDE", 211)))
	for i := range lives {
		f := all[(i+int(seed%uint64(len(all))))%len(all)]
		f.Nth = 1 + random.IntN(160)
		t.Run(fmt.Sprintf("%s-%d-%v", f.What, f.Nth, f.Ever), func(t *testing.T) { l.endures(t, image, f, fmt.Sprint("life", i)) })
	}
}

func (l *lived) endures(t *testing.T, image *forgetful.Image, f forgetful.Fault, name string) {
	v := newVolume(t, l.disk, name)
	if err := errors.Join(put(image, v.Path), v.Fail(f)); err != nil {
		t.Fatal(err)
	}
	before := l.pulses(t)
	o := e2e.Options{State: v.Path, Args: []string{"--world", l.world.Socket}}
	q := lab.Start(t, o)
	if d := cmp.Diff(before, l.pulses(t)); d != "" {
		t.Errorf("something moved at the start:\n%s", d)
	}
	l.turns(t, q.Bridge(t).Addr)
	if b := q.Bridge(t); b.SetupCode != "" || !b.Paired || b.DeviceID != l.name {
		t.Errorf("on the failing disk the bridge is %+v", b)
	}
	q.Kill(t)
	if err := v.Fail(forgetful.Fault{}); err != nil {
		t.Fatal(err)
	}
	q = lab.Start(t, o)
	if b := q.Bridge(t); b.SetupCode != "" || !b.Paired || b.DeviceID != l.name {
		t.Errorf("on a disk that is well again the bridge is %+v", b)
	}
	l.turns(t, q.Bridge(t).Addr)
	q.Stop(t)
}
