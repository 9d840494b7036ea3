package clock

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// fake is a machine whose time goes where the test sends it.
type fake struct {
	at   time.Time
	upTo time.Duration
	sync bool
	boot string
}

func (f *fake) pass(d time.Duration) { f.at, f.upTo = f.at.Add(d), f.upTo+d }

func (f *fake) options() Options {
	return Options{machine: machine{wall: func() time.Time { return f.at }, up: func() time.Duration { return f.upTo },
		synced: func() bool { return f.sync }, boot: f.boot}}
}

func expect(t *testing.T, c *Clock, at time.Time, trust Trust) {
	t.Helper()
	if got, tr := c.Now(); !got.Equal(at) || tr != trust {
		t.Errorf("%v %v, want %v %v", got, tr, at, trust)
	}
}

func TestTrust(t *testing.T) {
	year := 365 * 24 * time.Hour
	tests := []struct {
		name  string
		start fake
		floor time.Time
		do    func(f *fake, c *Clock)
		want  func(f *fake) (time.Time, Trust)
	}{
		{"synchronised", fake{at: noon, sync: true}, time.Time{}, nil,
			func(f *fake) (time.Time, Trust) { return noon, Trusted }},
		{"1970 after a power cut", fake{at: time.Unix(60, 0)}, noon, nil,
			func(f *fake) (time.Time, Trust) { return noon, Floor }},
		{"later than the floor, from nobody", fake{at: noon.Add(year)}, noon, nil,
			func(f *fake) (time.Time, Trust) { return noon.Add(year), Floor }},
		{"synchronised to before the floor", fake{at: noon.Add(-year), sync: true}, noon, nil,
			func(f *fake) (time.Time, Trust) { return noon, Floor }},
		{"the network is lost", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.sync = false; f.pass(71 * time.Hour) },
			func(f *fake) (time.Time, Trust) { return noon.Add(71 * time.Hour), Holdover }},
		{"the network is lost for days", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.sync = false; f.pass(73 * time.Hour) },
			func(f *fake) (time.Time, Trust) { return noon.Add(73 * time.Hour), Floor }},
		{"set wrong while counting on", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.sync = false; f.pass(time.Hour); f.at = f.at.Add(10 * year) },
			func(f *fake) (time.Time, Trust) { return noon.Add(time.Hour), Holdover }},
		{"the network is back", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.sync = false; f.pass(time.Hour); c.Now(); f.sync = true },
			func(f *fake) (time.Time, Trust) { return noon.Add(time.Hour), Trusted }},
		{"first contact after a power cut", fake{at: time.Unix(60, 0)}, noon,
			func(f *fake, c *Clock) { c.Now(); f.at, f.sync = noon.Add(49*24*time.Hour), true },
			func(f *fake) (time.Time, Trust) { return noon.Add(49 * 24 * time.Hour), Trusted }},
		{"small corrections", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) {
				c.Now()
				f.at = f.at.Add(-59 * time.Second)
				c.Now()
				f.at = f.at.Add(59 * time.Minute)
			},
			func(f *fake) (time.Time, Trust) { return noon.Add(59*time.Minute - 59*time.Second), Trusted }},
		{"a step of ten years", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.at = f.at.Add(10 * year) },
			func(f *fake) (time.Time, Trust) { return noon, Holdover }},
		{"a step of a day back", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.at = f.at.Add(-24 * time.Hour); f.pass(time.Minute) },
			func(f *fake) (time.Time, Trust) { return noon.Add(time.Minute), Holdover }},
		{"a step that is taken back", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.at = noon.Add(year); c.Now(); f.at = noon },
			func(f *fake) (time.Time, Trust) { return noon, Trusted }},
		{"a sleep of a day", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.pass(24 * time.Hour) },
			func(f *fake) (time.Time, Trust) { return noon.Add(24 * time.Hour), Trusted }},
		{"a step that nobody confirms", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.at = f.at.Add(year); c.Now(); f.pass(71 * time.Hour) },
			func(f *fake) (time.Time, Trust) { return noon.Add(71 * time.Hour), Holdover }},
		{"nor ever", fake{at: noon, sync: true}, time.Time{},
			func(f *fake, c *Clock) { c.Now(); f.at = f.at.Add(year); c.Now(); f.pass(1000 * time.Hour) },
			func(f *fake) (time.Time, Trust) { return f.at, Floor }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.start
			o := f.options()
			o.Floor = tt.floor
			c := New(o)
			if tt.do != nil {
				tt.do(&f, c)
			}
			at, trust := tt.want(&f)
			expect(t, c, at, trust)
		})
	}
}

func TestAJumpIsToldOnceAndNeedsTwoVoices(t *testing.T) {
	f := &fake{at: noon, sync: true}
	var jumps []Jump
	o := f.options()
	o.Jumped = func(j Jump) { jumps = append(jumps, j) }
	c := New(o)
	c.Now()
	f.at = noon.Add(48 * time.Hour)
	for range 3 {
		expect(t, c, noon, Holdover)
	}
	if want := []Jump{{noon, noon.Add(48 * time.Hour)}}; !slices.Equal(jumps, want) || !c.Doubted() {
		t.Errorf("jumps %v", jumps)
	}
	f.sync = false
	for range 2 {
		if c.Confirm("owner") {
			t.Error("one person is not two")
		}
	}
	expect(t, c, noon, Holdover)
	if !c.Confirm("matter") || c.Doubted() {
		t.Error("two voices did not end the doubt")
	}
	expect(t, c, noon.Add(48*time.Hour), Trusted)
	f.pass(71 * time.Hour)
	expect(t, c, f.at, Trusted)
	f.pass(2 * time.Hour)
	expect(t, c, f.at, Holdover)
}

func TestAWordAndTheKernelAreTwo(t *testing.T) {
	f := &fake{at: noon, sync: true}
	c := New(f.options())
	c.Now()
	f.at = noon.Add(-24 * time.Hour)
	expect(t, c, noon, Holdover)
	if !c.Confirm("owner") {
		t.Error("not confirmed")
	}
	expect(t, c, noon.Add(-24*time.Hour), Trusted)
}

func TestTheNextProcessCountsOn(t *testing.T) {
	f := &fake{at: noon, upTo: time.Hour, sync: true, boot: "a"}
	c := New(f.options())
	c.Now()
	f.sync = false
	f.pass(time.Hour)
	o := f.options()
	o.Anchor = c.Anchor()
	f.at = time.Unix(0, 0)
	expect(t, New(o), noon.Add(time.Hour), Holdover)
	f.boot = "b"
	again := f.options()
	again.Anchor, again.Floor = c.Anchor(), noon
	expect(t, New(again), noon, Floor)
}

func TestABatteryIsTrusted(t *testing.T) {
	f := &fake{at: noon}
	o := f.options()
	o.Battery, o.Floor = true, noon.Add(-time.Hour)
	expect(t, New(o), noon, Trusted)
	f.at = noon.Add(-2 * time.Hour)
	expect(t, New(o), noon.Add(-time.Hour), Floor)
}

func TestTheFloorIsRaisedByTrustedTimeOnly(t *testing.T) {
	f := &fake{at: noon.Add(1000 * time.Hour)}
	o := f.options()
	o.Floor = noon
	c := New(o)
	f.pass(time.Hour)
	if got := c.Floor(); !got.Equal(noon.Add(time.Hour)) {
		t.Errorf("raised to %v by a time of nobody's", got)
	}
	f.at, f.sync = noon.Add(5*time.Hour), true
	if got := c.Floor(); !got.Equal(noon.Add(5 * time.Hour)) {
		t.Errorf("floor %v", got)
	}
	// A spoofed future became the floor: two voices bring it down again.
	f.at = noon.Add(100_000 * time.Hour)
	c.Now()
	c.Confirm("liar")
	if got := c.Floor(); !got.Equal(f.at) {
		t.Errorf("floor %v", got)
	}
	f.at = noon.Add(6 * time.Hour)
	c.Now()
	c.Confirm("owner")
	if got := c.Floor(); !got.Equal(f.at) {
		t.Errorf("floor %v", got)
	}
	expect(t, c, f.at, Trusted)
}

// TestNeverBelowTheFloor sends a machine's time anywhere.
func TestNeverBelowTheFloor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fake{at: noon, boot: "a"}
		o := f.options()
		o.Floor = noon.Add(-time.Hour)
		c := New(o)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				f.pass(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "pass")))
			case 1:
				f.at = f.at.Add(time.Duration(rapid.Int64Range(-int64(5000*time.Hour), int64(5000*time.Hour)).Draw(t, "jump")))
			case 2:
				f.sync = !f.sync
			}
			at, trust := c.Now()
			if at.Before(o.Floor) {
				t.Fatalf("%v lies before %v", at, o.Floor)
			}
			if trust == Trusted && (!f.sync || !at.Equal(f.at)) {
				t.Fatalf("%v is trusted, the machine says %v, synchronised %v", at, f.at, f.sync)
			}
			if c.Floor().Before(o.Floor) {
				t.Fatalf("the floor sank to %v", c.Floor())
			}
		}
	})
}

func TestThisMachine(t *testing.T) {
	c := New(Options{})
	at, trust := c.Now()
	if d := time.Since(at); d < 0 || d > time.Minute {
		t.Errorf("now is %v", at)
	}
	if synced := thisMachine().synced(); (trust == Trusted) != synced {
		t.Errorf("%v, synchronised %v", trust, synced)
	}
	t.Logf("%v", trust)
}

func TestWords(t *testing.T) {
	for trust, word := range map[Trust]string{Floor: "floor", Holdover: "holdover", Trusted: "trusted", 9: "floor"} {
		if trust.String() != word {
			t.Errorf("%d is %s", trust, trust)
		}
	}
}

func BenchmarkNow(b *testing.B) {
	c := New(Options{})
	for b.Loop() {
		c.Now()
	}
}
