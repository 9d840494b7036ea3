package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// stateWords says what is known of a device, for people.
func stateWords(d api.Device) string {
	s := d.State
	words := placeWords(d.Kind, s)
	switch s.Confidence {
	case "timed":
		words += " (by the clock)"
	case "inferred":
		words += " (assumed)"
	}
	if !d.Available {
		words = "not answering (was " + words + ")"
	}
	return words
}

// noteWords says what else an owner should see.
func noteWords(s api.State) string {
	notes := []struct {
		say  bool
		what string
	}{
		{s.DoorOpen == "yes", "door open"},
		{s.DoorOpen == "no", "door closed"},
		{s.Obstructed == "yes", "something is in the way"},
		{s.Warning, "warning before it closes"},
		{s.Suspended, "waits for your confirmation"},
		{s.LockedOut, "remote operation is off"},
		{s.Battery != nil && s.Battery.Low, "battery low"},
		{s.Fault != "", s.Fault},
	}
	var said []string
	for _, n := range notes {
		if n.say {
			said = append(said, n.what)
		}
	}
	return strings.Join(said, ", ")
}

func placeWords(kind string, s api.State) string {
	switch {
	case s.Position != "":
		return placeWord(s.Position)
	case s.Bolt != "":
		return placeWord(s.Bolt)
	case s.Open == "yes":
		return "open"
	case s.Open == "no":
		return "closed"
	case kind == api.KindKeypad:
		return "ready"
	}
	return placeWord("unknown")
}

// placeWord turns the API's word for a position, a bolt or a target into a householder's.
func placeWord(w string) string {
	switch w {
	case "secured":
		return "locked"
	case "unsecured":
		return "unlocked"
	case "stopped":
		return "stopped part-way"
	case "unknown", "":
		return "not known"
	}
	return w
}

// causeWords says who or what it was.
func causeWords(c api.Cause) string {
	who := c.Name
	if who == "" {
		who = c.Actor
	}
	switch c.Kind {
	case "homekit":
		return join(who, "HomeKit", " over ")
	case "matter":
		return join(who, "Matter", " over ")
	case "mqtt":
		return mqttWords(c)
	case "code":
		return join(join("code", who, " "), c.Place, " at ")
	case "console":
		return consoleWords(c)
	case "auto-close", "auto-relock":
		return "by itself"
	case "exit":
		return "exit button"
	case "outside":
		return "by hand or remote"
	}
	return ""
}

// mqttWords names the account beside the name: that is what the broker let in.
func mqttWords(c api.Cause) string {
	if c.Name == "" || c.Actor == device.UnverifiedAccount {
		return join(c.Name, "MQTT", " over ")
	}
	return c.Name + " (" + c.Actor + ") over MQTT"
}

func consoleWords(c api.Cause) string {
	if c.Name != "" {
		return c.Name
	}
	if uid, ok := strings.CutPrefix(c.Actor, "uid:"); ok {
		return "local user " + uid
	}
	if id, ok := strings.CutPrefix(c.Actor, "token:"); ok {
		return "token " + id
	}
	return c.Actor
}

func join(a, b, between string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + between + b
}

// rowWords says what a row of the history says.
func rowWords(r api.Row) string {
	switch r.Kind {
	case "warning":
		return "warning before it closes"
	case "intent":
		if r.Confirmed {
			return "asked to " + r.Action + ", confirmed by a person"
		}
		return "asked to " + r.Action
	case "started":
		return "starts to " + r.Action
	case "released":
		return "relay at rest"
	case "outcome":
		return outcomeWords(r)
	case "observed":
		return "is " + placeWord(r.State)
	case "refused":
		if r.Action == "" {
			return join("refused", strings.ReplaceAll(r.Code, "-", " "), ": ")
		}
		return join("refused to "+r.Action, strings.ReplaceAll(r.Code, "-", " "), ": ")
	}
	if r.Detail == device.RemoteCloseDeclared.String() {
		return "may close from afar without a warning, as its owner declared" // where the door was says nothing here
	}
	return join(r.Detail, r.State, ": ")
}

func outcomeWords(r api.Row) string {
	switch r.Outcome {
	case "reached":
		if r.State != "" {
			return "is " + placeWord(r.State)
		}
		return "is " + placeWord(r.Target)
	case "timed-out":
		return "did not get there in time"
	case "contradicted":
		return "went the other way"
	case "aborted":
		return "given up before anything moved"
	}
	return "nobody saw how it ended"
}

// ago says how long ago something was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := now.Sub(t)
	switch {
	case d < -time.Minute || d > 7*24*time.Hour:
		return t.Format("2006-01-02 15:04")
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 24*time.Hour:
		return plural(int(d/time.Hour), "hour")
	}
	return plural(int(d/(24*time.Hour)), "day")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what + " ago"
	}
	return fmt.Sprintf("%d %ss ago", n, what)
}
