package disk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// cut is one power cut: where in a recording, and what it forgets.
type cut struct {
	recording string
	log       *forgetful.Log
	point     int
	seed      uint64
}

func (c cut) String() string {
	return fmt.Sprintf("recording %s cut at operation %d of %d (style %s, seed %d)",
		c.recording, c.point, len(c.log.Ops), forgetful.StyleOf(c.seed), c.seed)
}

// cuts chooses power cuts over the whole of a log: half of them soon after a promise, a quarter while the
// house starts, the others anywhere.
func cuts(name string, l *forgetful.Log, n int, random *rand.Rand) []cut {
	var marks, starts, changes []int
	begun, starting := false, false
	for i, op := range l.Ops {
		if op.Kind == forgetful.Mark {
			starting = strings.Contains(op.Name, `"start"`)
			begun = begun || starting
		}
		switch {
		case !begun: // an image is being laid out for the house to begin with
		case op.Kind == forgetful.Mark:
			marks = append(marks, i)
		case op.Kind != forgetful.Tick:
			changes = append(changes, i)
			if starting {
				starts = append(starts, i)
			}
		}
	}
	out := make([]cut, n)
	for i := range out {
		point := changes[random.IntN(len(changes))] + 1
		switch i % 4 {
		case 0, 2:
			point = min(marks[random.IntN(len(marks))]+1+random.IntN(8), len(l.Ops))
		case 1:
			point = starts[random.IntN(len(starts))] + 1
		}
		out[i] = cut{recording: name, log: l, point: point, seed: random.Uint64()}
	}
	slices.SortFunc(out, func(a, b cut) int { return a.point - b.point })
	return out
}

// TestPowerCuts opens what power cuts leave of a house that lives: from its first start on, over a clean
// stop, and while it comes back from another power cut.
func TestPowerCuts(t *testing.T) {
	images := int(number(t, "LOQUET_IMAGES", 150))
	seed := number(t, "LOQUET_SEED", rand.Uint64())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d images, LOQUET_SEED=%d chooses the same cuts of another recording", images, seed)
	disk, power := newDisk(t), newPower(t)

	day := 24 * time.Hour
	first, phone := record(t, newVolume(t, disk, "first"), nil,
		load{commands: 25, changes: 30, rows: 60, guests: 4}, load{commands: 40, changes: 30, rows: 400, guests: 3, later: 40 * day})
	whole := cut{recording: "first", log: first, point: len(first.Ops) * 3 / 4, seed: 4}
	second := newVolume(t, disk, "second")
	again := recovered(t, power, second, whole, phone, load{commands: 20, changes: 16, rows: 80, guests: 2, later: 40 * day})

	var all tally
	all.open(t, power, cuts("first", first, images*2/3, random))
	all.open(t, power, cuts("second", again, images-images*2/3, random))
	t.Logf("%s", all.String())
	if !t.Failed() {
		all.requireWork(t, images)
	}
}

// recovered records a house that comes back from a power cut: what is in the image is what it promises.
func recovered(t *testing.T, power *power, v *forgetful.Volume, from cut, p *phone, l load) *forgetful.Log {
	t.Helper()
	replay := forgetful.NewReplay(from.log, from.seed)
	replay.Advance(from.point)
	image := replay.Image(from.seed)
	if err := put(image, v.Path); err != nil {
		t.Fatal(err)
	}
	b, err := readBooks(from.log, from.point)
	if err != nil {
		t.Fatal(err)
	}
	mark := marker(v)
	promises := []promise{{What: "house", Done: true, Install: b.install, ID: b.bridge}}
	for id := range b.pairings {
		promises = append(promises, promise{What: "add", ID: id, Done: true})
	}
	for id := range b.unsure {
		promises = append(promises, promise{What: "add", ID: id})
	}
	power.Cut(t)
	for name, rows := range spacesOf(t, image) {
		promises = append(promises, promise{What: "apply", Space: name, Changes: rows, Done: true})
	}
	for _, p := range promises {
		if err := mark(p); err != nil {
			t.Fatal(err)
		}
	}
	power.Cut(t)
	log, _ := record(t, v, p, l)
	return log
}

// spacesOf returns what an image holds: what was asked and not answered is in it or not.
func spacesOf(t *testing.T, image *forgetful.Image) map[string]map[string][]byte {
	t.Helper()
	dir := e2e.TempDir(t)
	state, run := filepath.Join(dir, "i", "state"), filepath.Join(dir, "i", "run")
	if err := layOut(image, filepath.Dir(state), state, run); err != nil {
		t.Fatal(err)
	}
	h, err := openHouse(t.Context(), state, options(run))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string][]byte{}
	for _, name := range []string{spaceSettings, spaceNumbers} {
		if out[name], err = h.store.Space(name).List(""); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out
}

// tally is what the images have shown.
type tally struct {
	images, blows, second, rows, pairings atomic.Int64
	styles                                [8]atomic.Int64
	real                                  *lived // not nil: of the built bridge
}

func (a *tally) String() string {
	return fmt.Sprintf("%d images of power cuts (%d without what was not synced, %d with all, %d in order, %d by pages, %d by sectors), "+
		"%d of them damaged further, %d opened once more; %d acknowledged rows and %d pairings looked for",
		a.images.Load(), a.styles[forgetful.Nothing].Load(), a.styles[forgetful.All].Load(), a.styles[forgetful.Ordered].Load(),
		a.styles[forgetful.Pages].Load(), a.styles[forgetful.Sectors].Load(), a.blows.Load(), a.second.Load(), a.rows.Load(), a.pairings.Load())
}

// requireWork fails a run that has shown little.
func (a *tally) requireWork(t *testing.T, images int) {
	t.Helper()
	if a.images.Load() != int64(images) || a.rows.Load() < int64(images) || a.pairings.Load() < int64(images) {
		t.Errorf("this has shown too little: %s", a)
	}
}

// open opens all images, some at a time, in the order of their points.
func (a *tally) open(t *testing.T, power *power, all []cut) {
	t.Helper()
	power.Cut(t)
	dir := inMemory(t)
	next := make(chan int)
	var workers sync.WaitGroup
	var bad atomic.Int64
	for w := range max(2, runtime.NumCPU()) {
		workers.Go(func() {
			var replay *forgetful.Replay
			for i := range next {
				c := all[i]
				if replay == nil {
					replay = forgetful.NewReplay(c.log, c.seed)
				}
				replay.Advance(c.point) // this worker's images come in order, too
				folder := filepath.Join(dir, fmt.Sprintf("%d", w))
				v := a.look(t.Context(), c, replay.Image(c.seed), folder, i)
				if len(v) > 0 && bad.Add(1) <= 10 {
					t.Errorf("%v:\n  %v", c, v)
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
}

// look opens one image, and a copy of some with another blow to it.
func (a *tally) look(ctx context.Context, c cut, image *forgetful.Image, folder string, i int) (v verdict) {
	b, err := readBooks(c.log, c.point)
	if err != nil {
		return verdict{err.Error()}
	}
	if a.real != nil {
		b.real = true
		if b.install != "" {
			b.install = a.real.install
		}
	}
	a.images.Add(1)
	a.styles[forgetful.StyleOf(c.seed)].Add(1)
	a.rows.Add(int64(len(b.rows)))
	a.pairings.Add(int64(len(b.pairings)))
	state, run := filepath.Join(folder, "state"), filepath.Join(folder, "run")
	fresh := func() error { return layOut(image, folder, state, run) }
	if err := fresh(); err != nil {
		return verdict{err.Error()}
	}
	h, v := open(ctx, state, run, b)
	if h == nil {
		return v
	}
	if a.real != nil {
		a.real.judge(h, b, state, &v)
	}
	if err := h.close(ctx); err != nil {
		v.add("it does not close: %v", err)
	}
	if i%4 == 0 && len(v) == 0 {
		a.second.Add(1)
		v = append(v, onceMore(ctx, state, run, b)...)
	}
	if i%5 == 0 && len(v) == 0 && b.install != "" {
		a.blows.Add(1)
		blow := blows()[i/5%len(blows())]
		if err := fresh(); err != nil {
			return verdict{err.Error()}
		}
		for _, w := range blow.strike(ctx, state, run, b) {
			v.add("and %s: %s", blow.name, w)
		}
	}
	return v
}

// layOut writes the image where nothing is.
func layOut(image *forgetful.Image, folder, state, run string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for _, dir := range []string{folder, state, run} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return image.Write(state)
}

// onceMore opens a house that was put right and closed: nothing is to be put right any more.
func onceMore(ctx context.Context, state, run string, b *books) (v verdict) {
	h, err := openHouse(ctx, state, options(run))
	if err != nil {
		return verdict{"the second start: " + err.Error()}
	}
	if reason, bad := h.store.Degraded(); bad {
		v.add("degraded at the second start: %s", reason)
	}
	for _, n := range h.store.Notes() {
		v.add("put right at the second start: %v", n)
	}
	h.identity(b, &v)
	proof, err := h.store.Journal().Verify(ctx)
	if err != nil || !proof.OK() {
		v.add("the history at the second start: %+v %v", proof, err)
	}
	if err := h.close(ctx); err != nil {
		v.add("it does not close: %v", err)
	}
	return v
}
