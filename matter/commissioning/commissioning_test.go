package commissioning

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
)

func setUp(t *testing.T) (*memory.Store, *fabric.Table, *Failsafe, *[]End) {
	t.Helper()
	m := memory.New()
	table, err := fabric.Open(m, 5)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFailsafe(table, 15*time.Minute)
	var ends []End
	f.OnEnd(func(e End) { ends = append(ends, e) })
	return m, table, f, &ends
}

func pase() *model.Caller { return &model.Caller{Auth: model.PASE} }

func onFabric(i uint8) *model.Caller { return &model.Caller{Auth: model.CASE, Fabric: i, Node: 7} }

// addFabric goes through the steps of a commissioner.
func addFabric(t *testing.T, table *fabric.Table, f *Failsafe) uint8 {
	t.Helper()
	k, err := crypto.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	root, _ := crypto.PublicKey(k)
	var index uint8
	err = f.Under(pase(), func() (uint8, error) {
		if err := table.StageRoot([]byte("root"), root); err != nil {
			return 0, err
		}
		if _, err := table.StageKey(false); err != nil {
			return 0, err
		}
		index, err = table.Stage(fabric.Credentials{FabricID: 1, NodeID: 2, NOC: []byte("noc")}, make([]byte, 16), 1, 7)
		return index, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func TestFailsafe(t *testing.T) {
	tests := map[string]struct {
		act  func(t *testing.T, table *fabric.Table, f *Failsafe, index uint8)
		kept bool
	}{
		"completed": {func(t *testing.T, _ *fabric.Table, f *Failsafe, index uint8) {
			if err := f.Complete(onFabric(index)); err != nil {
				t.Error(err)
			}
		}, true},
		"time runs out": {func(t *testing.T, _ *fabric.Table, _ *Failsafe, _ uint8) { time.Sleep(61 * time.Second) }, false},
		"disarmed by the new fabric": {func(t *testing.T, _ *fabric.Table, f *Failsafe, index uint8) {
			if err := f.Arm(onFabric(index), 0); err != nil {
				t.Error(err)
			}
		}, false},
		"the window is revoked": {func(_ *testing.T, _ *fabric.Table, f *Failsafe, _ uint8) { f.Expire() }, false},
		"not by another fabric": {func(t *testing.T, _ *fabric.Table, f *Failsafe, index uint8) {
			for name, c := range map[string]*model.Caller{"PASE": {Auth: model.PASE, Fabric: index}, "another": onFabric(index + 1), "nobody": pase()} {
				if err := f.Complete(c); !errors.Is(err, ErrCaller) {
					t.Errorf("%s completes: %v", name, err)
				}
			}
			if err := f.Arm(onFabric(index+1), time.Minute); !errors.Is(err, ErrBusy) {
				t.Errorf("another arms: %v", err)
			}
			if err := f.Under(onFabric(index+1), func() (uint8, error) { return 0, nil }); !errors.Is(err, ErrNotArmed) {
				t.Errorf("another works: %v", err)
			}
			time.Sleep(2 * time.Minute)
		}, false},
		"prolonged": {func(t *testing.T, _ *fabric.Table, f *Failsafe, index uint8) {
			time.Sleep(50 * time.Second)
			if err := f.Arm(onFabric(index), time.Minute); err != nil {
				t.Error(err)
			}
			time.Sleep(50 * time.Second)
			if err := f.Complete(onFabric(index)); err != nil {
				t.Error(err)
			}
		}, true},
	}
	for name, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			m, table, f, ends := setUp(t)
			if err := f.Arm(pase(), time.Minute); err != nil {
				t.Fatal(err)
			}
			index := addFabric(t, table, f)
			tt.act(t, table, f, index)
			synctest.Wait()
			if _, ok := table.Get(index); ok != tt.kept {
				t.Errorf("%s: the fabric is there: %t", name, ok)
			}
			again, err := fabric.Open(m, 5)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := again.Get(index); ok != tt.kept {
				t.Errorf("%s: after a restart the fabric is there: %t", name, ok)
			}
			if want := (End{tt.kept, index, true}); len(*ends) != 1 || (*ends)[0] != want {
				t.Errorf("%s: ended %v, want %v", name, *ends, want)
			}
			if f.Armed() {
				t.Errorf("%s: still armed", name)
			}
		})
	}
}

func TestFailsafeIsNotProlongedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, f, ends := setUp(t)
		start := time.Now()
		for len(*ends) == 0 {
			if err := f.Arm(onFabric(1), 2*time.Minute); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if d := time.Since(start); d > 16*time.Minute {
			t.Errorf("it lasted %s", d)
		}
	})
}

func TestAFullDiskLeavesItArmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, table, f, _ := setUp(t)
		if err := f.Arm(pase(), time.Minute); err != nil {
			t.Fatal(err)
		}
		index := addFabric(t, table, f)
		m.Fault(memory.Full)
		if err := f.Complete(onFabric(index)); err == nil || !f.Armed() {
			t.Errorf("completed without a disk: %v, armed %t", err, f.Armed())
		}
		m.Fault(nil)
		if err := f.Complete(onFabric(index)); err != nil {
			t.Error(err)
		}
	})
}

type door struct {
	open   int
	status Status
	err    error
}

func (d *door) Open(_ Secret, s Status) error {
	if d.err == nil {
		d.open++
		d.status = s
	}
	return d.err
}

func (d *door) Close() { d.open-- }

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &door{}
		w := NewWindow(d)
		changes := 0
		w.OnChange(func() { changes++ })
		index, vendor := uint8(2), uint16(0xFFF1)
		if err := w.Close(); !errors.Is(err, ErrNotOpen) {
			t.Errorf("close a closed one: %v", err)
		}
		if err := w.Open(Enhanced, Secret{}, LeastTime, &index, &vendor); err != nil || d.open != 1 || d.status != Enhanced {
			t.Fatal(err)
		}
		if err := w.Open(Basic, Secret{}, LeastTime, nil, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("open an open one: %v", err)
		}
		w.FabricGone(2)
		if s, f, v := w.Get(); s != Enhanced || f != nil || v == nil {
			t.Errorf("after its fabric left: %v %v %v", s, f, v)
		}
		time.Sleep(LeastTime + time.Second)
		synctest.Wait()
		if s, _, _ := w.Get(); s != Closed || d.open != 0 {
			t.Errorf("after its time: %v, %d doors open", s, d.open)
		}
		if err := w.Open(Basic, Secret{}, MostTime, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil || d.open != 0 {
			t.Errorf("close: %v", err)
		}
		if changes != 5 {
			t.Errorf("told of %d changes", changes)
		}
		d.err = errors.New("no network")
		if err := w.Open(Basic, Secret{}, MostTime, nil, nil); !errors.Is(err, d.err) {
			t.Errorf("a door that does not open: %v", err)
		}
		if s, _, _ := w.Get(); s != Closed {
			t.Errorf("%v", s)
		}
	})
}
