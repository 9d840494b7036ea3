package clock

import (
	"testing"
	"time"
)

// A house without internet: its owner says that the time is right, and that counts for six days, over restarts of
// the program, until the machine starts again or the time jumps.
func TestTheOwnersWord(t *testing.T) {
	space := memory{}
	f := &fake{at: noon, upTo: time.Hour, boot: "a"}
	keeper := func() *Keeper {
		k := NewKeeper(f.options())
		if err := k.Recall(space); err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := keeper()
	if s := k.Standing(); s.Trust != Floor || s.By != "" || !s.Until.IsZero() {
		t.Errorf("before: %+v", s)
	}
	if ok, err := k.Confirm("uid:1000"); !ok || err != nil {
		t.Fatalf("%v %v", ok, err)
	}
	want := Standing{Now: noon, Machine: noon, Trust: Trusted, By: "uid:1000", Since: noon, Until: noon.Add(2 * HoldoverLimit)}
	if s := k.Standing(); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	f.pass(71 * time.Hour)
	k = keeper() // killed: nothing was kept since
	if s := k.Standing(); s.Trust != Trusted || s.By != "uid:1000" || !s.Until.Equal(noon.Add(2*HoldoverLimit)) {
		t.Errorf("another process: %+v", s)
	}
	f.pass(2 * time.Hour)
	if s := k.Standing(); s.Trust != Holdover || s.By != "uid:1000" || s.Until.Sub(s.Now) <= 0 {
		t.Errorf("counted on: %+v", s)
	}
	f.pass(73 * time.Hour)
	if s := k.Standing(); s.Trust != Floor || s.By != "" {
		t.Errorf("after six days: %+v", s)
	}
	if ok, err := k.Confirm("uid:1000"); !ok || err != nil {
		t.Fatalf("once more: %v %v", ok, err)
	}
	rebooted := *f
	rebooted.boot, rebooted.upTo = "b", time.Minute
	was := f
	f = &rebooted
	if s := keeper().Standing(); s.Trust != Floor || s.By != "" {
		t.Errorf("after a reboot: %+v", s)
	}
	f = was
	f.at = f.at.Add(-2 * time.Hour)
	if s := k.Standing(); s.Trust != Holdover || !s.Doubted || s.By != "" || !s.Machine.Equal(f.at) {
		t.Errorf("after a jump: %+v", s)
	}
	if ok, _ := k.Confirm("uid:1000"); ok {
		t.Error("one person ended the doubt")
	}
	f.at = f.at.Add(2 * time.Hour)
	if s := k.Standing(); s.Doubted || s.Trust != Holdover {
		t.Errorf("the jump was taken back, and the word with it: %+v", s)
	}
}

func TestAWordThatNeedsAnother(t *testing.T) {
	for name, at := range map[string]time.Time{"before what was seen": time.Unix(3600, 0), "not what was counted on": noon.Add(10 * 365 * 24 * time.Hour)} {
		f := &fake{at: noon, sync: true, boot: "a"}
		o := f.options()
		o.Floor = noon.Add(-time.Hour)
		c := New(o)
		c.Now()
		f.sync = false
		c.Now()
		f.at = at
		for range 2 {
			if c.Confirm("uid:1000") {
				t.Errorf("%s: one person was enough", name)
			}
			expect(t, c, noon, Holdover)
		}
		if !c.Confirm("token:ab") {
			t.Errorf("%s: two were not", name)
		}
		expect(t, c, at, Trusted)
	}
	// A machine that woke up in 1970 and was confirmed by mistake: set right, one word is enough.
	f := &fake{at: time.Unix(60, 0), boot: "a"}
	o := f.options()
	o.Floor = noon
	c := New(o)
	if c.Confirm("uid:1000") {
		t.Error("1970 was believed")
	}
	f.at = noon.Add(time.Hour)
	expect(t, c, f.at, Floor)
	if !c.Confirm("uid:1000") {
		t.Error("the owner was not believed")
	}
	expect(t, c, f.at, Trusted)
}

func TestStandingWithASource(t *testing.T) {
	f := &fake{at: noon, sync: true}
	o := f.options()
	c := New(o)
	if s := c.Standing(); s.By != ByNetwork || !s.Until.IsZero() || s.Trust != Trusted {
		t.Errorf("%+v", s)
	}
	f.sync = false
	f.pass(time.Hour)
	if s := c.Standing(); s.Trust != Holdover || !s.Since.Equal(noon) || !s.Until.Equal(noon.Add(HoldoverLimit)) {
		t.Errorf("%+v", s)
	}
	o.Battery = true
	if s := New(o).Standing(); s.By != ByBattery || s.Trust != Trusted {
		t.Errorf("%+v", s)
	}
}
