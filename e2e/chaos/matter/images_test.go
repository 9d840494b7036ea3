package matter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
	"github.com/loquet/loquet/e2e/chaos/disk/rig"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// cut is one power cut: where in the recording, and what it forgets.
type cut struct {
	point int
	seed  uint64
}

func (c cut) String() string {
	return fmt.Sprintf("cut at operation %d (style %s, seed %d)", c.point, forgetful.StyleOf(c.seed), c.seed)
}

// cuts chooses power cuts over the whole of a log, half of them soon after a promise.
func cuts(l *forgetful.Log, n int, random *rand.Rand) []cut {
	var marks, changes []int
	for i, op := range l.Ops {
		switch op.Kind {
		case forgetful.Mark:
			marks = append(marks, i)
		case forgetful.Tick:
		default:
			if len(marks) > 0 {
				changes = append(changes, i)
			}
		}
	}
	out := make([]cut, n)
	for i := range out {
		point := changes[random.IntN(len(changes))] + 1
		if i%2 == 0 {
			point = min(marks[random.IntN(len(marks))]+1+random.IntN(8), len(l.Ops))
		}
		out[i] = cut{point, random.Uint64()}
	}
	slices.SortFunc(out, func(a, b cut) int { return a.point - b.point })
	return out
}

// TestPowerCuts opens what power cuts leave of a house that is added by ecosystems, left, written to, given PINs and operated, over
// three starts. LOQUET_IMAGES sets how many (80 by default).
func TestPowerCuts(t *testing.T) {
	images := int(number(t, "LOQUET_IMAGES", 80))
	seed := number(t, "LOQUET_SEED", rand.Uint64())
	disk, power := rig.Disk(t, lab), rig.NewPower(t, lab)
	log, r := record(t, rig.Volume(t, disk, "house"), load{codes: 6, guests: 2, writes: 4}, load{codes: 6, guests: 3, writes: 4}, load{codes: 3, guests: 1, writes: 2})
	quiet(t, r)
	power.Cut(t)
	dir := rig.InMemory(t, lab)
	all := cuts(log, images, rand.New(rand.NewPCG(seed, 0)))
	var shown figures
	var bad atomic.Int64
	next := make(chan int)
	var workers sync.WaitGroup
	for w := range max(2, runtime.NumCPU()) {
		workers.Go(func() {
			var replay *forgetful.Replay
			for i := range next {
				if replay == nil {
					replay = forgetful.NewReplay(log, all[i].seed)
				}
				replay.Advance(all[i].point) // this worker's images come in order
				v := shown.look(t.Context(), r, log, all[i], replay.Image(all[i].seed), filepath.Join(dir, strconv.Itoa(w)), i)
				if len(v) > 0 && bad.Add(1) <= 10 {
					t.Errorf("%v of %d:\n  %s", all[i], len(log.Ops), strings.Join(v, "\n  "))
				}
			}
		})
	}
	for i := range all {
		if bad.Load() >= 10 {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	t.Logf("%v (LOQUET_SEED=%d chooses the same cuts of another recording)", &shown, seed)
	if !t.Failed() && (shown.images.Load() != int64(images) || shown.fabrics.Load() < int64(images)/2 || shown.codes.Load() < int64(images)/2) {
		t.Errorf("this has shown too little: %v", &shown)
	}
}

// quiet takes what nodes report to those whom nobody listens to any more.
func quiet(t *testing.T, r *recording) {
	ctx := t.Context()
	for _, o := range r.owners {
		go func() {
			for {
				select {
				case <-o.Reports:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
}

// figures are what the images have shown.
type figures struct{ images, fabrics, codes, unsure, opened atomic.Int64 }

func (f *figures) String() string {
	return fmt.Sprintf("%d images: %d acknowledged fabrics and %d acknowledged PINs looked for, %d that were neither, %d bolts turned by a PIN",
		f.images.Load(), f.fabrics.Load(), f.codes.Load(), f.unsure.Load(), f.opened.Load())
}

// verdict is what is wrong with what a disk has left; empty if nothing is.
type verdict []string

func (v *verdict) add(format string, args ...any) { *v = append(*v, fmt.Sprintf(format, args...)) }

// look opens one image.
func (f *figures) look(ctx context.Context, r *recording, l *forgetful.Log, c cut, image *forgetful.Image, folder string, i int) (v verdict) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	a, err := readAccounts(l, c.point)
	if err != nil {
		return verdict{err.Error()}
	}
	f.images.Add(1)
	state, run := filepath.Join(folder, "state"), filepath.Join(folder, "run")
	if err := os.RemoveAll(folder); err != nil {
		return verdict{err.Error()}
	}
	for _, dir := range []string{folder, state, run} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return verdict{err.Error()}
		}
	}
	if err := image.Write(state); err != nil {
		return verdict{err.Error()}
	}
	e, err := openEstate(ctx, state, run)
	if err != nil {
		return verdict{"the house does not open: " + err.Error()}
	}
	if reason, degraded := e.store.Degraded(); degraded {
		v.add("degraded: %s", reason)
	}
	f.members(ctx, e, a, r, &v)
	f.people(ctx, e, a, r, i, &v)
	if err := e.close(ctx); err != nil {
		v.add("it does not close: %v", err)
	}
	return v
}

// members holds the fabrics against what was promised, and shows that each is whole.
func (f *figures) members(ctx context.Context, e *estate, a *accounts, r *recording, v *verdict) {
	status, have := e.node.Status(), e.fabrics()
	for id, is := range a.fabrics {
		switch {
		case is == there:
			f.fabrics.Add(1)
			if !slices.Contains(have, id) {
				v.add("fabric %s is lost; there are %v", id, have)
			}
		case is == unsure:
			f.unsure.Add(1)
		case slices.Contains(have, id):
			v.add("fabric %s has left and is back", id)
		}
	}
	for _, id := range have {
		o := r.owners[id]
		if o == nil || a.fabrics[id] == absent {
			v.add("nobody promised fabric %s", id)
			continue
		}
		if err := o.whole(ctx, e, a); err != nil {
			v.add("fabric %s is no whole one: %v", id, err)
		}
	}
	if a.member() && status.Open {
		v.add("a stranger can add it")
	}
	if len(have) == 0 && a.passcode != 0 && uint64(status.Passcode) != a.passcode {
		v.add("another passcode than before")
	}
}

// whole shows that an ecosystem reaches the node, may do everything, finds what it wrote, and hears of no number twice.
func (o *owner) whole(ctx context.Context, e *estate, a *accounts) error {
	s, err := o.CASE(ctx, e.at, o.node)
	if err != nil {
		return err
	}
	list, fabrics := model.Change{Cluster: 0x1F, Attribute: 0}, model.Change{Cluster: 0x3E, Attribute: 1}
	read, err := o.Read(ctx, s, list, fabrics)
	if err != nil {
		return err
	}
	if len(read.Items[list]) == 0 || len(read.Items[fabrics]) != 1 {
		return fmt.Errorf("%d entries, %d fabrics", len(read.Items[list]), len(read.Items[fabrics]))
	}
	mark := uint64(0)
	if len(read.Items[list]) > 1 {
		for m := range tlv.OpenStruct(read.Items[list][1]).Array(3).Members() {
			mark, _ = m.Uint()
		}
	}
	if !slices.Contains(a.access[o.name], mark) {
		return fmt.Errorf("its access list is %d, not of %d", mark, a.access[o.name])
	}
	mark = 0
	_, _ = fmt.Sscanf(tlv.OpenStruct(read.Items[fabrics][0]).Text(5, 32), o.name[:8]+" %d", &mark) // 0 for the empty one
	if !slices.Contains(a.labels[o.name], mark) {
		return fmt.Errorf("its label is %d, not of %d", mark, a.labels[o.name])
	}
	n, err := reboots(ctx, o, s)
	if err != nil {
		return err
	}
	if n <= a.reboots {
		return fmt.Errorf("start %d, after start %d", n, a.reboots)
	}
	first, err := o.firstEvent(ctx, s)
	if err != nil {
		return err
	}
	if a.events && first <= a.event {
		return fmt.Errorf("event %d, and %d was told before", first, a.event)
	}
	return nil
}

// firstEvent is the lowest number of the events since the start. That it has started, a node tells a moment after it serves.
func (o *owner) firstEvent(ctx context.Context, s *session.Session) (uint64, error) {
	for range 500 {
		told, err := o.Subscribe(ctx, s, 0, 60)
		if err != nil {
			return 0, err
		}
		if len(told.Events) > 0 {
			return slices.Min(told.Events), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0, errors.New("no event")
}

// people holds the PINs against what was promised, and turns the bolt with one.
func (f *figures) people(ctx context.Context, e *estate, a *accounts, r *recording, i int, v *verdict) {
	if n := len(e.bolt.Throws()); n > 0 {
		v.add("the bolt was turned %d times by a start", n)
	}
	var open string
	for pin, is := range a.codes {
		known, err := e.knows(pin)
		switch {
		case err != nil:
			v.add("%v", err)
		case is == there && !known:
			v.add("PIN %s was acknowledged and is lost", pin)
		case is == absent && known:
			v.add("PIN %s was taken back and opens again", pin)
		}
		if is == there {
			f.codes.Add(1)
			open = pin
		}
	}
	if !slices.Contains(e.fabrics(), r.founder.name) {
		return
	}
	s, err := r.founder.CASE(ctx, e.at, r.founder.node)
	if err != nil {
		v.add("%v", err)
		return
	}
	half := false // a PIN that nobody has acknowledged and is there stands at the lowest number that is free
	for _, is := range a.codes {
		half = half || is == unsure
	}
	for pin, is := range a.codes {
		has, err := hasPIN(ctx, r.founder, s, a.users[pin])
		if err != nil || is == there && !has || is == absent && has && !half {
			v.add("PIN %s at the lock: %t, %v", pin, has, err)
		}
	}
	if open == "" || i%4 != 0 {
		return
	}
	if err := e.awake(); err != nil {
		v.add("%v", err)
		return
	}
	if err := operate(ctx, r.founder, s, commandUnlock, open); err != nil || len(e.bolt.Throws()) != 1 {
		v.add("PIN %s turns the bolt %d times: %v", open, len(e.bolt.Throws()), err)
	}
	f.opened.Add(1)
}
