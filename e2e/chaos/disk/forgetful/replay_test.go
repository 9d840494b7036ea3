package forgetful

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// story is a log that was made by hand. Its root is 1.
func story(ops ...Op) *Log { return &Log{Root: 1, Ops: ops} }

func images(l *Log, at, n int) []*Image {
	out := make([]*Image, n)
	for i := range out {
		r := NewReplay(l, uint64(i))
		r.Advance(at)
		out[i] = r.Image(uint64(i))
	}
	return out
}

func block(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

// TestSyncedStays: what was synced, file and name, is in every image of a later point.
func TestSyncedStays(t *testing.T) {
	l := story(
		Op{Kind: Create, Dir: 1, Name: "a.new", Inode: 2},
		Op{Kind: Write, Inode: 2, Data: block('x', 5000)},
		Op{Kind: Sync, Inode: 2, Upto: 2},
		Op{Kind: Rename, Dir: 1, Dir2: 1, Name: "a.new", Name2: "a"},
		Op{Kind: SyncDir, Inode: 1, Upto: 4},
		Op{Kind: Create, Dir: 1, Name: "b", Inode: 3},
	)
	for i, image := range images(l, len(l.Ops), 200) {
		if got, ok := image.files["a"]; !ok || !bytes.Equal(got.data, block('x', 5000)) || got.size != 5000 {
			t.Fatalf("seed %d: a is %v, %d bytes", i, ok, got.size)
		}
		if _, ok := image.files["a.new"]; ok {
			t.Fatalf("seed %d: the old name is back", i)
		}
	}
}

// TestUnsyncedIsForgottenInEveryWay looks for each way in which a write and its name can be left.
func TestUnsyncedIsForgottenInEveryWay(t *testing.T) {
	l := story(
		Op{Kind: Create, Dir: 1, Name: "f", Inode: 2},
		Op{Kind: Write, Inode: 2, Data: block('a', 3*page)},
		Op{Kind: Sync, Inode: 2, Upto: 2},
		Op{Kind: SyncDir, Inode: 1, Upto: 3},
		Op{Kind: Write, Inode: 2, Data: block('b', 3*page)},
		Op{Kind: Create, Dir: 1, Name: "g", Inode: 3},
		Op{Kind: Rename, Dir: 1, Dir2: 1, Name: "g", Name2: "h"},
		Op{Kind: Write, Inode: 2, Data: block('c', sector), Off: page},
		Op{Kind: Truncate, Inode: 2, Off: page + 100},
	)
	found := map[string]bool{}
	for seed, image := range images(l, len(l.Ops), 3000) {
		f, ok := image.files["f"]
		if !ok {
			t.Fatalf("seed %d: a synced file is gone", seed)
		}
		_, g := image.files["g"]
		_, h := image.files["h"]
		found["no new name"] = found["no new name"] || (!g && !h)
		found["the new name"] = found["the new name"] || (h && !g)
		found["both names"] = found["both names"] || (h && g)
		found["as synced"] = found["as synced"] || bytes.Equal(f.data, block('a', 3*page))
		found["cut"] = found["cut"] || f.size == page+100
		if f.size == 3*page {
			first, second, third := f.data[0], f.data[page+sector], f.data[2*page]
			found["later before earlier"] = found["later before earlier"] || (first == 'a' && f.data[page] == 'c')
			found["pages mixed"] = found["pages mixed"] || (first == 'b' && second == 'a' && third == 'b')
			found["a torn page"] = found["a torn page"] || (f.data[0] != f.data[sector])
		}
		if i := bytes.IndexFunc(f.data, func(r rune) bool { return r != 'a' && r != 'b' && r != 'c' && r != 0 }); i >= 0 {
			t.Fatalf("seed %d: byte %d was never written", seed, i)
		}
	}
	for _, way := range []string{"no new name", "the new name", "both names", "as synced", "cut", "later before earlier", "pages mixed", "a torn page"} {
		if !found[way] {
			t.Errorf("never seen in 3,000 images: %s", way)
		}
	}
}

// TestFailedSyncForgets: a later sync does not bring back what an earlier one has lost.
func TestFailedSyncForgets(t *testing.T) {
	l := story(
		Op{Kind: Create, Dir: 1, Name: "f", Inode: 2},
		Op{Kind: SyncDir, Inode: 1, Upto: 1},
		Op{Kind: Write, Inode: 2, Data: block('a', 10)},
		Op{Kind: SyncFailed, Inode: 2, Upto: 3},
		Op{Kind: Write, Inode: 2, Data: block('b', 10), Off: 10},
		Op{Kind: Sync, Inode: 2, Upto: 5},
	)
	lost, kept := 0, 0
	for _, image := range images(l, len(l.Ops), 200) {
		f := image.files["f"]
		if !bytes.Equal(f.data[10:], block('b', 10)) {
			t.Fatal("what was written after the failed sync is synced, and gone")
		}
		if f.data[0] == 'a' {
			kept++
		} else {
			lost++
		}
	}
	if lost == 0 || kept == 0 {
		t.Errorf("lost %d times, kept %d times", lost, kept)
	}
}

// TestAllIsWhatWasThere compares images without a power cut with a file in memory.
func TestAllIsWhatWasThere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	l := story(Op{Kind: Create, Dir: 1, Name: "f", Inode: 2})
	var data []byte
	var size int64
	for range 400 {
		switch random.IntN(8) {
		case 0:
			l.Ops = append(l.Ops, Op{Kind: Truncate, Inode: 2, Off: random.Int64N(20000)})
			data, size = truncate(data, l.Ops[len(l.Ops)-1].Off)
		case 1:
			l.Ops = append(l.Ops, Op{Kind: Sync, Inode: 2, Upto: len(l.Ops)})
		default:
			op := Op{Kind: Write, Inode: 2, Off: random.Int64N(15000), Data: block(byte(random.IntN(255)+1), 1+random.IntN(6000))}
			l.Ops = append(l.Ops, op)
			data, size = write(data, size, op.Off, op.Data)
		}
		r := NewReplay(l, 0)
		r.Advance(len(l.Ops))
		got := r.Image(uint64(All)).files["f"]
		if got.size != size || !bytes.Equal(trim(got.data), trim(data)) {
			t.Fatalf("after %d operations the image is not what was there", len(l.Ops))
		}
		mixed := r.Image(uint64(Sectors)).files["f"]
		if int64(len(mixed.data)) > mixed.size {
			t.Fatal("bytes behind the end")
		}
	}
}

func trim(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// TestSameSeedSameImage: a failure can be looked at again.
func TestSameSeedSameImage(t *testing.T) {
	l := story(Op{Kind: Create, Dir: 1, Name: "f", Inode: 2}, Op{Kind: Write, Inode: 2, Data: block('a', 9000)},
		Op{Kind: Create, Dir: 1, Name: "g", Inode: 3}, Op{Kind: Write, Inode: 3, Data: block('b', 9000)})
	for seed := range uint64(50) {
		r := NewReplay(l, seed)
		r.Advance(3)
		first := r.Image(seed)
		again := r.Image(seed)
		r.Advance(4)
		for name, c := range first.files {
			if other := again.files[name]; other.size != c.size || !bytes.Equal(other.data, c.data) {
				t.Fatalf("seed %d gives two images", seed)
			}
		}
	}
}

// TestFaults: which operation fails, and how often.
func TestFaults(t *testing.T) {
	all := []need{room, anyChange, durability, room, durability, anyChange, room}
	for _, c := range []struct {
		fault Fault
		fails []int // counted from 1
	}{
		{Fault{}, nil},
		{Fault{What: "eio", Nth: 3}, []int{3}},
		{Fault{What: "eio", Nth: 5, Ever: true}, []int{5, 6, 7}},
		{Fault{What: "sync", Nth: 1}, []int{3}},
		{Fault{What: "sync", Nth: 4, Ever: true}, []int{5}},
		{Fault{What: "full", Nth: 2, Ever: true}, []int{4, 7}},
		{Fault{What: "short", Nth: 2}, []int{4}},
		{Fault{What: "readonly", Nth: 6, Ever: true}, []int{6, 7}},
	} {
		v := newVolume(time.Now(), 1)
		v.fault = c.fault
		var failed []int
		for i, n := range all {
			if errno, half := v.meet(n); errno != 0 || half {
				failed = append(failed, i+1)
			}
		}
		if !slices.Equal(failed, c.fails) || v.failed != len(c.fails) {
			t.Errorf("%+v fails %v, want %v", c.fault, failed, c.fails)
		}
	}
}
