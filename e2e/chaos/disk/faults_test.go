package disk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// faults are the ways in which the n-th operation fails.
func faults() []forgetful.Fault {
	return []forgetful.Fault{
		{What: "eio"}, {What: "enospc"}, {What: "short"}, {What: "sync"},
		{What: "eio", Ever: true}, {What: "full", Ever: true}, {What: "sync", Ever: true}, {What: "readonly", Ever: true},
	}
}

// trouble is a house that lives through a fault.
type trouble struct {
	image *forgetful.Image // the state before; nil: a first start
	phone *phone
	books *books // what was promised in that state
}

// TestEveryOperationFails lets each operation of a short life fail, in each way: the first, the second, and
// so on, until the life is over before it comes to the next; with LOQUET_STRIDE only every so many.
func TestEveryOperationFails(t *testing.T) {
	seed := number(t, "LOQUET_SEED", rand.Uint64())
	stride := int(number(t, "LOQUET_STRIDE", 211))
	t.Logf("one operation in %d, LOQUET_SEED=%d", stride, seed)
	manyFiles(t, 64<<10)
	disk, power := newDisk(t), newPower(t)
	settled := settledHouse(t, disk)
	var lives, failed atomic.Int64
	for _, house := range []struct {
		name string
		trouble
	}{{"paired", settled}, {"new", trouble{}}} {
		for _, f := range faults() {
			name := house.name + "-" + f.What
			if f.Ever {
				name += "-ever"
			}
			t.Run(name, func(t *testing.T) {
				n, m := house.all(t, power, disk, f, name, stride, 1+int(seed%uint64(stride)))
				lives.Add(n)
				failed.Add(m)
			})
		}
	}
	t.Logf("%d lives, %d operations failed", lives.Load(), failed.Load())
	if lives.Load() < 30 || failed.Load() < lives.Load()/2 {
		t.Errorf("this has shown too little")
	}
}

// manyFiles lets this process have so many files open. A house whose disk has failed gives its history up with the
// end of its process (store: a last close would work a log with holes into it), and here thousands of houses share one.
func manyFiles(t *testing.T, want uint64) {
	t.Helper()
	var is unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &is); err != nil {
		t.Fatal(err)
	}
	more := unix.Rlimit{Cur: max(is.Cur, want), Max: max(is.Max, want)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &more); err != nil {
		t.Logf("%d files at a time, which is too few for each operation in turn (ulimit -n %d): %v", is.Cur, want, err)
	}
}

// settledHouse is a house with an owner, a guest, codes and some history, after a clean stop.
func settledHouse(t *testing.T, disk *forgetful.Control) trouble {
	t.Helper()
	log, p := record(t, newVolume(t, disk, "settled"), nil, load{commands: 3, changes: 4, rows: 5, guests: 2})
	replay := forgetful.NewReplay(log, 0)
	replay.Advance(len(log.Ops))
	b, err := readBooks(log, len(log.Ops))
	if err != nil {
		t.Fatal(err)
	}
	return trouble{image: replay.Image(uint64(forgetful.All)), phone: p, books: b}
}

// crowd is how many lives end before the power is cut for all of them: each keeps what its disk was asked to write until then.
const crowd = 64

// all lets the operations fail one after another. It returns how many lives there were, and how many
// operations failed in them.
func (h trouble) all(t *testing.T, power *power, disk *forgetful.Control, f forgetful.Fault, name string, stride, first int) (lives, failed int64) {
	dir := inMemory(t)
	over := false
	for !over && !t.Failed() {
		var ends []ended
		ends, over = h.lives(t, disk, dir, f, name, stride, first)
		first += stride * len(ends)
		power.Cut(t)
		for i, e := range ends {
			failed += int64(e.failed)
			e.complain(t, e.verdict)
			if e.log != nil {
				e.complain(t, e.powerCuts(t.Context(), filepath.Join(dir, fmt.Sprintf("cut-%d-%d", lives, i))))
			}
		}
		lives += int64(len(ends))
	}
	return lives, failed
}

// lives are a crowd of them, and whether the last was over before it came to its operation.
func (h trouble) lives(t *testing.T, disk *forgetful.Control, dir string, f forgetful.Fault, name string, stride, first int) (ends []ended, over bool) {
	ends = make([]ended, crowd)
	var next atomic.Int64
	var past atomic.Bool
	var workers sync.WaitGroup
	for range 4 { // a life is mostly waiting for the other process
		workers.Go(func() {
			for !past.Load() {
				i := int(next.Add(1)) - 1
				if i >= crowd {
					return
				}
				f := f
				f.Nth = first + i*stride
				ends[i] = h.life(t.Context(), disk, dir, fmt.Sprintf("%s-%d", name, f.Nth), f)
				if ends[i].failed == 0 || len(ends[i].verdict) > 0 {
					past.Store(true)
				}
			}
		})
	}
	workers.Wait()
	return ends[:min(crowd, int(next.Load()))], past.Load()
}

// ended is a life that has ended on a disk that fails, and the next one on a disk that is well: how many operations failed, what
// was wrong, and what a power cut at the end of the first, or in the next, would find.
type ended struct {
	fault   forgetful.Fault
	failed  int
	verdict verdict
	log     *forgetful.Log // of both lives; nil: the first came to no end
	first   int            // operations of the first
	said    *books         // at the end of the first
	next    *books         // what the next found besides, or did
}

func (e ended) complain(t *testing.T, v verdict) {
	t.Helper()
	if len(v) > 0 {
		t.Errorf("%s at operation %d (for ever: %v):\n  %v", e.fault.What, e.fault.Nth, e.fault.Ever, v)
	}
}

// life is one life on a disk that fails, and the next one on a disk that is well.
func (h trouble) life(ctx context.Context, disk *forgetful.Control, dir, name string, f forgetful.Fault) (e ended) {
	e.fault = f
	wrong := func(err error) ended {
		e.verdict.add("%v", err)
		return e
	}
	volume, err := disk.New(name)
	if err != nil {
		return wrong(err)
	}
	defer volume.Remove()
	run := filepath.Join(dir, name)
	if err := os.Mkdir(run, 0o700); err != nil {
		return wrong(err)
	}
	defer os.RemoveAll(run)
	if h.image != nil {
		if err := put(h.image, volume.Path); err != nil {
			return wrong(err)
		}
	}
	if err := volume.Fail(f); err != nil {
		return wrong(err)
	}
	said := h.suffer(ctx, volume, run, name, &e.verdict)
	_, e.failed, err = volume.Count()
	if err = errors.Join(err, volume.Fail(forgetful.Fault{})); err != nil {
		return wrong(err)
	}
	log, err := volume.Log()
	if err != nil {
		return wrong(err)
	}
	e.first, e.said = len(log.Ops), said
	e.next = h.recover(ctx, volume.Path, run, said, &e.verdict)
	if e.log, err = volume.Log(); err != nil {
		return wrong(err)
	}
	return e
}

// suffer lives on the disk that fails, and returns what it has promised there.
func (h trouble) suffer(ctx context.Context, volume *forgetful.Volume, run, name string, v *verdict) *books {
	said := newBooks()
	if h.books != nil {
		said = h.books.clone()
	}
	live, err := openHouse(ctx, volume.Path, options(run))
	if err != nil {
		if h.image != nil {
			v.add("a paired house does not open: %v", err)
		}
		return said
	}
	_, said.untold = live.store.Degraded()
	var mu sync.Mutex
	live.lives = name
	live.mark = func(p promise) error {
		mu.Lock()
		defer mu.Unlock()
		if p.What == "row" {
			said.rows[p.Seq] = p
			said.highest = max(said.highest, p.Seq)
		}
		said.enter(p)
		return nil
	}
	if h.image == nil {
		_ = live.promised()
	}
	live.identity(said, v)
	if err := live.start(ctx); err != nil {
		v.add("it does not start: %v", err)
	}
	live.whatever(ctx, h.phone, v)
	live.identity(said, v)
	_ = live.close(ctx) // a disk that fails may say so
	return said
}

// whatever does what a house does; what the disk refuses is refused. What may not fail is the way from a
// phone to the relay.
func (h *house) whatever(ctx context.Context, p *phone, v *verdict) {
	unlocked := int64(0)
	press := func() {}
	if p != nil {
		session, err := h.session(ctx, p)
		if err != nil {
			v.add("the owner's phone is not let in: %v", err)
			return
		}
		defer session.Close()
		press = func() {
			unlocked++
			if err := unlock(session, int(unlocked)%2); err != nil {
				v.add("the door does not open: %v", err)
			}
		}
		press()
		if _, err := h.invite(session); err == nil {
			press()
		}
	}
	_ = h.apply(spaceSettings, someChanges())
	_ = h.apply(spaceNumbers, someChanges())
	press()
	for range 3 {
		if _, err := h.row(ctx, device.Entry{Kind: device.EntryObserved, State: "open"}); err != nil {
			v.add("a row is not taken: %v", err)
		}
	}
	h.flush(ctx)
	_ = h.apply(spaceSettings, someChanges())
	press()
	h.flush(ctx)
	if n := h.pulses.Load(); n != unlocked {
		v.add("%d pulses for %d commands", n, unlocked)
	}
}

// flush asks for history to be on the disk. If it is said to be, it must be.
func (h *house) flush(ctx context.Context) {
	if h.store.Journal().Flush(ctx) == nil {
		_ = h.mark(promise{What: "flush", Done: true})
	}
}

// recover opens the house again on a disk that is well: nothing that was acknowledged is missing. It returns
// what a power cut meanwhile may leave: what was promised before, with what was found, and with what is done now.
func (h trouble) recover(ctx context.Context, state, run string, said *books, v *verdict) *books {
	after := said.clone()
	next, err := openHouse(ctx, state, options(run))
	if err != nil {
		v.add("it does not open when the disk is well again: %v", err)
		return after
	}
	if reason, bad := next.store.Degraded(); bad {
		v.add("degraded when the disk is well again: %s", reason)
	}
	next.identity(said, v)
	for _, name := range []string{spaceSettings, spaceNumbers} {
		rows, err := next.store.Space(name).List("")
		if err != nil {
			v.add("space %s cannot be read: %v", name, err)
			continue
		}
		*v = append(*v, said.space(name, rows)...)
		found := map[string][]byte{}
		for key := range said.spaces[name] {
			found[key] = nil
		}
		maps.Copy(found, rows)
		more := maps.Clone(found)
		maps.Copy(more, changeAfter())
		after.asked[name] = append(after.asked[name], changeAfter(), found, more)
	}
	said = said.clone()
	for seq := range said.rows {
		said.due[seq] = true // the power stayed: not one row may be missing
	}
	next.history(ctx, said, v)
	if err := next.close(ctx); err != nil {
		v.add("it does not close: %v", err)
	}
	return after
}

// powerCuts opens what power cuts would have left: two at the end of the life on the failing disk, and some in
// the one after it, to which the kernel showed what a failed sync has not written.
func (e ended) powerCuts(ctx context.Context, folder string) (v verdict) {
	random := rand.New(rand.NewPCG(uint64(e.fault.Nth), 2))
	points := []int{e.first, e.first}
	if e.failed > 0 {
		points = append(points, e.nextPoints(random, 4)...)
	}
	for i, point := range points {
		said := e.next
		if point == e.first {
			said = e.said
		}
		v = append(v, e.powerCut(ctx, folder, point, uint64(e.fault.Nth)*7+uint64(i), said)...)
	}
	return v
}

// nextPoints chooses operations of the next life: half of them soon after a sync, when something else is about to
// rely on what was synced.
func (e ended) nextPoints(random *rand.Rand, n int) (points []int) {
	var syncs []int
	for i := e.first; i < len(e.log.Ops); i++ {
		if e.log.Ops[i].Kind == forgetful.Sync {
			syncs = append(syncs, i)
		}
	}
	if len(syncs) == 0 {
		return nil
	}
	for i := range n {
		point := e.first + 1 + random.IntN(len(e.log.Ops)-e.first)
		if i%2 == 0 {
			point = min(syncs[random.IntN(len(syncs))]+1+random.IntN(4), len(e.log.Ops))
		}
		points = append(points, point)
	}
	return points
}

// powerCut opens what a power cut would have left. Of history there is at least what was said to be on the
// disk, and the journal says that it has a gap if there was more: the owner was told why.
func (e ended) powerCut(ctx context.Context, folder string, point int, seed uint64, said *books) (v verdict) {
	defer os.RemoveAll(folder)
	replay := forgetful.NewReplay(e.log, seed)
	replay.Advance(point)
	state, run := filepath.Join(folder, "state"), filepath.Join(folder, "run")
	if err := layOut(replay.Image(seed), folder, state, run); err != nil {
		return verdict{err.Error()}
	}
	var found verdict
	next, err := openHouse(ctx, state, options(run))
	if err != nil {
		found.add("it does not open: %v", err)
	} else {
		next.identity(said, &found)
		next.kept(ctx, said, &found)
		_ = next.close(ctx)
	}
	for _, w := range found {
		v.add("after a power cut at %d, the first life's end was %d (style %s, seed %d): %s", point, e.first, forgetful.StyleOf(seed), seed, w)
	}
	return v
}

// kept holds what was said to be on the disk against what is there.
func (h *house) kept(ctx context.Context, b *books, v *verdict) {
	for _, name := range []string{spaceSettings, spaceNumbers} {
		if rows, err := h.store.Space(name).List(""); err == nil {
			*v = append(*v, b.space(name, rows)...)
		} else if _, bad := h.store.Degraded(); !bad {
			v.add("space %s cannot be read, and the owner is not told: %v", name, err)
		}
	}
	proof, err := h.store.Journal().Verify(ctx)
	if err != nil {
		v.add("the history cannot be verified: %v", err)
		return
	}
	for _, br := range proof.Breaks {
		v.add("the chain is broken at %d: %s (%v)", br.Seq, br.What, h.store.Notes())
	}
	rows, err := allRows(ctx, h.store.Journal())
	if err != nil {
		v.add("the history cannot be read: %v", err)
		return
	}
	lost := 0
	for seq, was := range b.rows {
		if rows[seq].Device == was.Device {
			continue
		}
		lost++
		if b.due[seq] {
			v.add("row %d (%s) was said to be on the disk and is lost", seq, was.Device)
		}
	}
	if lost > 0 && len(proof.Gaps) == 0 && !b.untold {
		v.add("%d rows are lost and the history does not say so", lost)
	}
}
