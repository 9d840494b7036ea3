package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/sim"
	"github.com/loquet/loquet/hw/wiegand"
)

// demoConfig is the configuration of a simulated house: the same file an owner would write for real
// doors, with lines of the simulation. It goes through the same checks.
func demoConfig(h sim.House) *config.Config {
	cfg := &config.Config{Home: config.Home{Name: "Loquet", Zone: localZone(os.Getenv("TZ"), "/etc/localtime")}}
	for _, d := range h.Doors {
		cfg.Doors = append(cfg.Doors, demoDoor(d))
	}
	for _, l := range h.Locks {
		cfg.Locks = append(cfg.Locks, demoLock(l))
		if l.Keypad != "" {
			cfg.Keypads = append(cfg.Keypads, demoKeypad(l))
		}
	}
	return cfg
}

// localZone is the time zone of this machine by name: what TZ says, else the file that localtime stands for.
// It is UTC where neither is a zone by name.
func localZone(tz, localtime string) string {
	file, err := filepath.EvalSymlinks(localtime)
	if err != nil {
		file = ""
	}
	_, linked, _ := strings.Cut(file, "/zoneinfo/")
	for _, name := range []string{strings.TrimPrefix(tz, ":"), linked} {
		if _, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
			return name
		}
	}
	return "UTC"
}

func demoDoor(d sim.DoorSpec) config.Door {
	line := func(name string) hw.Ref { return hw.Ref("sim:" + d.ID + "/" + name) }
	door := config.Door{
		ID: d.ID, Name: d.Name, Kind: config.Kind(d.Kind), Travel: d.Travel + time.Second,
		Closed: config.Line(line("closed")), Open: config.Line(line("open")), Obstruction: config.Line(line("obstructed")),
		Matter: config.MatterCovering, // every ecosystem shows it, and nothing is behind it that a blind's scene could hurt
	}
	if d.Discrete {
		door.Opener = config.NewPart("lines", lines.OpenerConfig{
			OpenRelay: line("open-relay"), CloseRelay: line("close-relay"), StopRelay: line("stop-relay"),
		})
		door.RemoteClose = config.RemoteCloseDeclared
		return door
	}
	door.Opener = config.NewPart("lines", lines.OpenerConfig{Relay: line("relay"), Pulse: 400 * time.Millisecond})
	door.RemoteClose = config.RemoteCloseWarned
	door.Warning = &config.Warning{Light: config.Line(line("lamp")), Beeper: config.Line(line("beeper")), Time: 5 * time.Second}
	return door
}

func demoKeypad(l sim.LockSpec) config.Keypad {
	line := func(name string) hw.Ref { return hw.Ref("sim:" + l.Keypad + "/" + name) }
	return config.Keypad{ID: l.Keypad, Name: l.Name + " keypad", Opens: []string{l.ID},
		Part: config.NewPart("wiegand", wiegand.Config{D0: line("d0"), D1: line("d1"), LED: line("led"), Beeper: line("beeper")})}
}

func demoLock(l sim.LockSpec) config.Lock {
	line := func(name string) hw.Ref { return hw.Ref("sim:" + l.ID + "/" + name) }
	lock := config.Lock{ID: l.ID, Name: l.Name, Door: config.Line(line("door"))}
	if l.Drive == sim.Strike {
		lock.Bolt = config.NewPart("strike", lines.StrikeConfig{Relay: line("relay"), Hold: 5 * time.Second, FailSafe: l.FailSafe})
		lock.Secured = config.Line(line("secured"))
		return lock
	}
	lock.Bolt = config.NewPart("motor", lines.MotorConfig{
		SecureRelay: line("secure"), UnsecureRelay: line("unsecure"), Secured: line("secured"), Unsecured: line("unsecured"),
	})
	return lock
}
