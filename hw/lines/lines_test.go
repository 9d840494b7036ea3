package lines

import (
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

const (
	unknown = device.Unknown
	no      = device.No
	yes     = device.Yes
)

// What the contacts and the opener say together. A contact that is not mounted says nothing.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		closed, open device.Tri
		base         device.Place
		want         device.Place
		alarm        bool
	}{
		{yes, no, device.PlaceUnknown, device.PlaceClosed, false},
		{no, yes, device.PlaceUnknown, device.PlaceOpen, false},
		{no, no, device.PlaceUnknown, device.PlaceBetween, false},
		{yes, yes, device.PlaceUnknown, device.PlaceUnknown, true},
		// One contact only.
		{yes, unknown, device.PlaceUnknown, device.PlaceClosed, false},
		{no, unknown, device.PlaceUnknown, device.PlaceBetween, false},
		{unknown, yes, device.PlaceUnknown, device.PlaceOpen, false},
		{unknown, no, device.PlaceUnknown, device.PlaceBetween, false},
		// No contact: the opener, or nobody.
		{unknown, unknown, device.PlaceUnknown, device.PlaceUnknown, false},
		{unknown, unknown, device.PlaceClosed, device.PlaceClosed, false},
		{unknown, unknown, device.PlaceBetween, device.PlaceBetween, false},
		// A contact is believed, not the opener.
		{no, unknown, device.PlaceClosed, device.PlaceBetween, false},
		{no, unknown, device.PlaceOpen, device.PlaceOpen, false},
		{yes, unknown, device.PlaceOpen, device.PlaceUnknown, true},
		{no, no, device.PlaceClosed, device.PlaceBetween, false},
		{yes, no, device.PlaceOpen, device.PlaceClosed, false},
	} {
		at, alarm := seen{base: device.Reading{At: tt.base}, closed: tt.closed, open: tt.open}.place()
		if at != tt.want || (alarm != "") != tt.alarm {
			t.Errorf("closed %v, open %v, opener %v: %v with %q, want %v", tt.closed, tt.open, tt.base, at, alarm, tt.want)
		}
	}
}

func TestReadingOfADoor(t *testing.T) {
	taken := time.Now()
	base := device.Reading{At: device.PlaceOpen, Obstructed: no, Moving: device.TargetClosed, Energised: yes, Fault: "weak signal", Taken: taken.Add(-time.Hour)}
	r := seen{base: base, closed: no, open: no, obstructed: yes, fault: "no lamp"}.reading(taken)
	want := device.Reading{At: device.PlaceBetween, Obstructed: yes, Moving: device.TargetClosed, Energised: yes, Fault: "weak signal; no lamp", Taken: taken}
	if r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
	if r := (seen{base: base, obstructed: unknown}).reading(taken); r.Obstructed != no {
		t.Errorf("obstructed %v, want what the opener says", r.Obstructed)
	}
	base.Obstructed = yes
	if r := (seen{base: base, obstructed: no}).reading(taken); r.Obstructed != yes {
		t.Errorf("obstructed %v, want yes when anybody says so", r.Obstructed)
	}
}

func TestPositionsOfABolt(t *testing.T) {
	const u, s, x, j = device.BoltUnknown, device.BoltSecured, device.BoltUnsecured, device.BoltJammed
	for _, tt := range []struct {
		secured, unsecured device.Tri
		base, want         device.BoltPosition
		alarm              bool
	}{
		{yes, no, u, s, false},
		{no, yes, u, x, false},
		{no, no, u, u, false},
		{yes, yes, u, u, true},
		{yes, unknown, u, s, false},
		{no, unknown, u, x, false}, // not seen secured is told as not secured
		{unknown, yes, u, x, false},
		{unknown, no, s, u, false}, // nobody saw it secured
		{unknown, unknown, s, s, false},
		{no, no, s, u, false},
		{no, no, j, j, false},
	} {
		got, alarm := felt{base: device.LockReading{Bolt: tt.base}, secured: tt.secured, unsecured: tt.unsecured}.position()
		if got != tt.want || (alarm != "") != tt.alarm {
			t.Errorf("secured %v, unsecured %v, bolt %v: %v with %q, want %v", tt.secured, tt.unsecured, tt.base, got, alarm, tt.want)
		}
	}
	taken := time.Now()
	r := felt{base: device.LockReading{Bolt: s, DoorOpen: yes}, door: yes}.reading(taken)
	if r != (device.LockReading{Bolt: s, DoorOpen: no, Taken: taken}) {
		t.Errorf("%+v, want the door closed: its contact is made", r)
	}
}

func TestTraitsFollowFromWhatIsMounted(t *testing.T) {
	pulse := device.DoorTraits{Drive: device.DrivePulse}
	wise := device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true}
	for _, tt := range []struct {
		name  string
		parts Parts
		base  device.DoorTraits
		want  device.DoorTraits
	}{
		{"a relay alone", Parts{}, pulse, pulse},
		{"a closed contact", Parts{Closed: "a:1"}, pulse, device.DoorTraits{Drive: device.DrivePulse, SensesClosed: true, Refreshes: true}},
		{"both", Parts{Closed: "a:1", Open: "a:2"}, pulse, device.DoorTraits{Drive: device.DrivePulse, SensesClosed: true, SensesOpen: true, Refreshes: true}},
		{"a light is no warning", Parts{Light: "a:1"}, pulse, pulse},
		{"nor is a beeper", Parts{Beeper: "a:1"}, pulse, pulse},
		{"light and beeper", Parts{Light: "a:1", Beeper: "a:2"}, pulse, device.DoorTraits{Drive: device.DrivePulse, Warns: true}},
		{"an obstruction input senses no end", Parts{Obstructed: "a:1"}, pulse, pulse},
		{"one contact does not refresh what the opener senses", Parts{Open: "a:1"}, wise, wise},
		{"two do", Parts{Open: "a:1", Closed: "a:2"}, wise, device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true}},
	} {
		if got := tt.parts.Traits(tt.base); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if got := (OpenerConfig{OpenRelay: "a:1", CloseRelay: "a:2", StopRelay: "a:3"}).Traits(); got != (device.DoorTraits{Drive: device.DriveDiscrete, Stops: true}) {
		t.Errorf("discrete: %+v", got)
	}
	if got := (OpenerConfig{Relay: "a:1", Cycle: "no-stop"}).Traits(); got != (device.DoorTraits{Drive: device.DrivePulse, Cycle: device.CycleNoStop}) {
		t.Errorf("no-stop: %+v", got)
	}
	motor := device.BoltTraits{Drive: device.BoltDriveMotor}
	if got := (BoltParts{Door: "a:1", Secured: "a:2"}).Traits(motor); got != (device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: true, SensesDoor: true}) {
		t.Errorf("bolt: %+v", got)
	}
	if got := (BoltParts{Unsecured: "a:2"}).Traits(motor); got != motor {
		t.Errorf("a bolt that is never seen secured: %+v", got)
	}
}

func TestSettings(t *testing.T) {
	relay := OpenerConfig{Relay: "a:1", Pulse: 400 * time.Millisecond}
	discrete := OpenerConfig{OpenRelay: "a:1", CloseRelay: "a:2", Pulse: 400 * time.Millisecond}
	strike := StrikeConfig{Relay: "a:1", Hold: 5 * time.Second, Cap: 10 * time.Second}
	motor := MotorConfig{SecureRelay: "a:1", UnsecureRelay: "a:2", Pulse: time.Second}
	magnet := MaglockConfig{Relay: "a:1", Rest: "secured", HardWiredRelease: true}
	with := func(c OpenerConfig, f func(*OpenerConfig)) OpenerConfig { f(&c); return c }
	for _, tt := range []struct {
		name   string
		config hw.Checker
		wrong  string // the field; empty: nothing
	}{
		{"one button", relay, ""},
		{"a line a direction", discrete, ""},
		{"no relay", OpenerConfig{Pulse: time.Second}, "relay"},
		{"both kinds", with(discrete, func(c *OpenerConfig) { c.Relay = "a:9" }), "relay"},
		{"open alone", with(discrete, func(c *OpenerConfig) { c.CloseRelay = "" }), "open_relay"},
		{"stop alone", OpenerConfig{StopRelay: "a:1", Pulse: time.Second}, "open_relay"},
		{"a pulse of a minute", with(relay, func(c *OpenerConfig) { c.Pulse = time.Minute }), "pulse"},
		{"no pulse", with(relay, func(c *OpenerConfig) { c.Pulse = 0 }), "pulse"},
		{"a negative pulse", with(relay, func(c *OpenerConfig) { c.Pulse = -time.Second }), "pulse"},
		{"a strange cycle", with(relay, func(c *OpenerConfig) { c.Cycle = "waltz" }), "cycle"},
		{"strike", strike, ""},
		{"strike without a relay", StrikeConfig{Hold: time.Second, Cap: time.Second}, "relay"},
		{"hold above the cap", StrikeConfig{Relay: "a:1", Hold: 11 * time.Second, Cap: 10 * time.Second}, "hold"},
		{"no time to pull", StrikeConfig{Relay: "a:1", Hold: time.Millisecond, Cap: time.Second}, "hold"},
		{"a cap of an hour", StrikeConfig{Relay: "a:1", Hold: time.Second, Cap: time.Hour}, "cap"},
		{"motor", motor, ""},
		{"motor on a bridge", MotorConfig{Direction: "a:1", Enable: "a:2", DeadTime: 50 * time.Millisecond, Pulse: time.Second}, ""},
		{"motor on a bridge without enable", MotorConfig{Direction: "a:1", DeadTime: 50 * time.Millisecond, Pulse: time.Second}, "direction"},
		{"motor on a bridge and relays", MotorConfig{Direction: "a:1", Enable: "a:2", SecureRelay: "a:3", DeadTime: 50 * time.Millisecond, Pulse: time.Second}, "secure_relay"},
		{"motor on a bridge that turns at once", MotorConfig{Direction: "a:1", Enable: "a:2", Pulse: time.Second}, "dead_time"},
		{"motor on a bridge on two boards", MotorConfig{Direction: "a:1", Enable: "b:2", DeadTime: 50 * time.Millisecond, Pulse: time.Second}, "enable"},
		{"motor with one relay", MotorConfig{SecureRelay: "a:1", Pulse: time.Second}, "secure_relay"},
		{"motor without end", MotorConfig{SecureRelay: "a:1", UnsecureRelay: "a:2", Pulse: time.Hour}, "pulse"},
		{"magnet", magnet, ""},
		{"magnet without rest", MaglockConfig{Relay: "a:1", HardWiredRelease: true}, "rest"},
		{"magnet with a strange rest", MaglockConfig{Relay: "a:1", Rest: "on", HardWiredRelease: true}, "rest"},
		{"magnet that lets nobody out", MaglockConfig{Relay: "a:1", Rest: "secured"}, "hard_wired_release"},
		{"contact", SensorConfig{Contact: "a:1"}, ""},
		{"no contact", SensorConfig{}, "contact"},
	} {
		errs := hw.FieldErrors(tt.config.Check())
		switch {
		case tt.wrong == "" && len(errs) == 0:
		case len(errs) != 1 || errs[0].Field != tt.wrong || errs[0].Remedy == "":
			t.Errorf("%s: %v, want one about %q with a remedy", tt.name, errs, tt.wrong)
		}
	}
}
