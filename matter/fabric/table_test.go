package fabric

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"pgregory.net/rapid"
)

func open(t testing.TB, m *memory.Store) *Table {
	t.Helper()
	table, err := Open(m, 5)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func rootKey(t testing.TB) []byte {
	t.Helper()
	k, err := crypto.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	b, err := crypto.PublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stage goes through commissioning up to the fabric with that number.
func stage(t testing.TB, table *Table, root []byte, id uint64) uint8 {
	t.Helper()
	if err := table.StageRoot([]byte("root"), root); err != nil {
		t.Fatal(err)
	}
	if _, err := table.StageKey(false); err != nil {
		t.Fatal(err)
	}
	index, err := table.Stage(Credentials{FabricID: id, NodeID: 2, NOC: []byte("noc")}, make([]byte, 16), 0xFFF1, 7)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func add(t testing.TB, table *Table, root []byte, id uint64) uint8 {
	t.Helper()
	index := stage(t, table, root, id)
	if err := table.Commit(); err != nil {
		t.Fatal(err)
	}
	return index
}

func TestAFabricIsKept(t *testing.T) {
	m := memory.New()
	table := open(t, m)
	root := rootKey(t)
	index := add(t, table, root, 9)
	err := table.Update(index, func(f *Fabric) error {
		f.Label = "home"
		f.Extension = []byte{0x16, 0x18}
		f.KeySets = append(slices.Clone(f.KeySets), KeySet{ID: 3, Multicast: 1, Epochs: []Epoch{{bytes.Repeat([]byte{3}, 16), 5}, {bytes.Repeat([]byte{4}, 16), 6}}})
		f.KeyMap = []KeyMapping{{1, 3}}
		f.Groups = []Group{{1, "doors", []uint16{3, 4}}}
		f.Statement, f.Signer = bytes.Repeat([]byte{1}, 85), []byte("vvsc")
		endpoint, cluster, kind := uint16(3), uint32(0x101), uint32(10)
		f.ACL = append(slices.Clone(f.ACL), acl.Entry{Fabric: index, Privilege: model.Operate, Auth: model.Group, Subjects: []uint64{1},
			Targets: []acl.Target{{Endpoint: &endpoint, Cluster: &cluster}, {DeviceType: &kind}}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := table.Get(index)
	got, ok := open(t, m).Get(index)
	if !ok {
		t.Fatal("it is gone")
	}
	if !got.Key.Equal(want.Key) || !bytes.Equal(got.RootKey, root) || got.Label != "home" || got.FabricID != 9 || got.NodeID != 2 || got.VendorID != 0xFFF1 ||
		got.Compressed != crypto.CompressedFabricID(root, 9) || len(got.IPKs) != 1 || !bytes.Equal(got.IPKs[0], crypto.GroupKey(make([]byte, 16), got.Compressed)) {
		t.Errorf("%+v", got.Fabric)
	}
	a, _ := want.encode()
	b, _ := got.encode()
	if !bytes.Equal(a, b) {
		t.Errorf("stored %x\n read %x", a, b)
	}
}

// TestACutLeavesNothingBehind ends the process after every step of commissioning, and opens what is on the disk.
func TestACutLeavesNothingBehind(t *testing.T) {
	root, other := rootKey(t), rootKey(t)
	steps := []func(t *testing.T, table *Table){
		func(t *testing.T, table *Table) { _ = table.StageRoot([]byte("root"), root) },
		func(t *testing.T, table *Table) { _, _ = table.StageKey(false) },
		func(t *testing.T, table *Table) {
			if _, err := table.Stage(Credentials{FabricID: 2, NodeID: 5, NOC: []byte("noc")}, make([]byte, 16), 1, 7); err != nil {
				t.Fatal(err)
			}
		},
		func(t *testing.T, table *Table) {
			if err := table.Update(2, func(f *Fabric) error { f.Label = "new"; return nil }); err != nil {
				t.Fatal(err)
			}
		},
	}
	for cut := range len(steps) + 1 {
		m := memory.New()
		first := open(t, m)
		add(t, first, other, 1)
		before := m.All()
		for _, step := range steps[:cut] {
			step(t, first)
		}
		if !maps.EqualFunc(before, m.All(), bytes.Equal) {
			t.Errorf("cut after %d steps: the disk is not as before", cut)
		}
		if got := open(t, m).All(); len(got) != 1 || got[0].FabricID != 1 {
			t.Errorf("cut after %d steps: %d fabrics", cut, len(got))
		}
	}
}

func TestUpdateOfCertificate(t *testing.T) {
	for _, commit := range []bool{true, false} {
		m := memory.New()
		table := open(t, m)
		index := add(t, table, rootKey(t), 1)
		old, _ := table.Get(index)
		if _, err := table.StageKey(true); err != nil {
			t.Fatal(err)
		}
		if err := table.StageUpdate(index, Credentials{NodeID: 77, NOC: []byte("noc two")}); err != nil {
			t.Fatal(err)
		}
		if f, _ := table.Get(index); f.NodeID != 77 || f.Key.Equal(old.Key) {
			t.Error("the new certificate is not used at once")
		}
		var want uint64 = 2
		if commit {
			want = 77
			if err := table.Commit(); err != nil {
				t.Fatal(err)
			}
		} else {
			table.Rollback()
		}
		for name, table := range map[string]*Table{"here": table, "after a restart": open(t, m)} {
			if f, ok := table.Get(index); !ok || f.NodeID != want {
				t.Errorf("commit %t, %s: %+v", commit, name, f)
			}
		}
	}
}

func TestStepsOutOfOrder(t *testing.T) {
	root := rootKey(t)
	c := Credentials{FabricID: 1, NodeID: 1, NOC: []byte("noc")}
	key := func(update bool) func(*Table) error {
		return func(table *Table) error { _, err := table.StageKey(update); return err }
	}
	addRoot := func(name string) func(*Table) error {
		return func(table *Table) error { return table.StageRoot([]byte(name), root) }
	}
	fabric := func(table *Table) error { _, err := table.Stage(c, make([]byte, 16), 1, 1); return err }
	update := func(table *Table) error { return table.StageUpdate(1, c) }
	tests := map[string]struct {
		steps []func(*Table) error
		want  error
	}{
		"no root":               {[]func(*Table) error{key(false), fabric}, ErrOrder},
		"no key":                {[]func(*Table) error{addRoot("a"), fabric}, ErrOrder},
		"nothing":               {[]func(*Table) error{fabric}, ErrOrder},
		"the key of an update":  {[]func(*Table) error{addRoot("a"), key(true), fabric}, ErrOrder},
		"another root":          {[]func(*Table) error{addRoot("a"), addRoot("b")}, ErrOrder},
		"the same root":         {[]func(*Table) error{addRoot("a"), addRoot("a")}, nil},
		"a root afterwards":     {[]func(*Table) error{addRoot("a"), key(false), fabric, addRoot("a")}, ErrOrder},
		"a key afterwards":      {[]func(*Table) error{addRoot("a"), key(false), fabric, key(false)}, ErrOrder},
		"twice":                 {[]func(*Table) error{addRoot("a"), key(false), fabric, fabric}, ErrOrder},
		"an update with a root": {[]func(*Table) error{addRoot("a"), key(true), update}, ErrOrder},
		"an update of nothing":  {[]func(*Table) error{key(true), update}, ErrAbsent},
		"an update, other key":  {[]func(*Table) error{key(false), update}, ErrOrder},
	}
	for name, tt := range tests {
		table := open(t, memory.New())
		var err error
		for _, step := range tt.steps {
			err = step(table)
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestConflictAndRoom(t *testing.T) {
	table := open(t, memory.New())
	root := rootKey(t)
	add(t, table, root, 1)
	_ = table.StageRoot([]byte("root"), root)
	_, _ = table.StageKey(false)
	if _, err := table.Stage(Credentials{FabricID: 1, NOC: []byte("noc")}, make([]byte, 16), 1, 1); !errors.Is(err, ErrConflict) {
		t.Errorf("the same fabric again: %v", err)
	}
	table.Rollback()
	for id := range uint64(4) {
		add(t, table, root, 2+id)
	}
	_ = table.StageRoot([]byte("root"), root)
	_, _ = table.StageKey(false)
	if _, err := table.Stage(Credentials{FabricID: 99, NOC: []byte("noc")}, make([]byte, 16), 1, 1); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	m := memory.New()
	table := open(t, m)
	index := add(t, table, rootKey(t), 1)
	m.Fault(memory.Full)
	if err := table.Update(index, func(f *Fabric) error { f.Label = "x"; return nil }); err == nil {
		t.Fatal("no error")
	}
	if f, _ := table.Get(index); f.Label != "" {
		t.Error("a label counts that was not stored")
	}
	m.Fault(memory.Full)
	if err := table.Remove(index); err == nil {
		t.Fatal("no error")
	}
	if _, ok := table.Get(index); !ok {
		t.Error("a fabric is gone here but not on the disk")
	}
}

func TestDamageIsNotForgotten(t *testing.T) {
	m := memory.New()
	add(t, open(t, m), rootKey(t), 1)
	key := keyOf(1)
	good := m.All()[key]
	for name, b := range map[string][]byte{"cut": good[:len(good)/2], "empty": {}, "flipped": append([]byte{0xFF}, good[1:]...)} {
		m.Put(key, b)
		if _, err := Open(m, 5); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.Put(key, good)
	m.Put(keyOf(2), good)
	if _, err := Open(m, 5); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another's name: %v", err)
	}
}

// TestIndexesGoRound: an index is not given again at once, and never to two.
func TestIndexesGoRound(t *testing.T) {
	root := rootKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		m := memory.New()
		table := open(t, m)
		there := map[uint8]bool{}
		var last uint8
		for id := range uint64(rapid.IntRange(1, 12).Draw(rt, "steps")) {
			if len(there) == 5 || len(there) > 0 && rapid.Bool().Draw(rt, "remove") {
				index := rapid.SampledFrom(slices.Sorted(maps.Keys(there))).Draw(rt, "index")
				if err := table.Remove(index); err != nil {
					rt.Fatal(err)
				}
				delete(there, index)
				continue
			}
			index := add(t, table, root, id)
			if there[index] || index == last {
				rt.Fatalf("index %d again", index)
			}
			there[index], last = true, index
			if rapid.Bool().Draw(rt, "restart") {
				table = open(t, m)
			}
		}
		if len(table.All()) != len(there) {
			rt.Fatalf("%d fabrics, want %d", len(table.All()), len(there))
		}
	})
}

func FuzzDecode(f *testing.F) {
	m := memory.New()
	add(f, open(f, m), rootKey(f), 1)
	f.Add(m.All()[keyOf(1)])
	f.Fuzz(func(t *testing.T, b []byte) {
		fabric, err := decode(b)
		if err != nil {
			return
		}
		once, err := fabric.encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decode(once); err != nil || again.Index != fabric.Index {
			t.Fatalf("what was written is not read: %v", err)
		}
	})
}
