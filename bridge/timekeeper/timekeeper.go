// Package timekeeper tells what time it is in the house and how far that is known, and takes the word of an owner
// for it where no network does.
package timekeeper

import (
	"context"
	"net/http"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/clock"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// Subject is what history calls the clock where it calls a device by its id.
const Subject = "clock"

// near is how far the machine's time may be from what somebody says it is: codes go by minutes.
const near = 2 * time.Minute

// Clock is the clock of the house.
type Clock interface {
	Standing() clock.Standing
	// Confirm takes somebody's word, and reports whether the time is trusted now; an error says that it was not kept.
	Confirm(source string) (bool, error)
}

// Timekeeper implements api.Timekeeper. Its functions may be called from any goroutine.
type Timekeeper struct {
	Clock   Clock
	Zone    func() *time.Location // of the house
	Journal device.Journal
	Board   *health.Board
	Changed func() // the time is known now: codes may belong on locks
}

var _ api.Timekeeper = (*Timekeeper)(nil)

// ClockFacts implements api.Timekeeper.
func (t *Timekeeper) ClockFacts() api.ClockFacts {
	s, zone := t.Clock.Standing(), t.Zone()
	in := func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return at.In(zone).Round(0)
	}
	name := zone.String()
	if name == "Local" {
		name = "" // nobody said where the house is
	}
	return api.ClockFacts{At: in(s.Now), Machine: in(s.Machine), Zone: name, Trust: s.Trust.String(), By: s.By,
		Since: in(s.Since), Until: in(s.Until), Doubted: s.Doubted}
}

// ConfirmClock implements api.Timekeeper. Who said it stands in the history before it counts.
func (t *Timekeeper) ConfirmClock(ctx context.Context, by device.Cause, at time.Time) (api.ClockFacts, error) {
	machine := t.Clock.Standing().Machine
	if machine.Sub(at).Abs() > near {
		return api.ClockFacts{}, &api.Error{Status: http.StatusConflict, Code: "wrong-time", Title: "The machine's time is another one",
			Why:    "this machine says that it is " + machine.In(t.Zone()).Format("2006-01-02 15:04:05 MST"),
			Remedy: "set it right on the machine (sudo timedatectl set-time), then confirm it"}
	}
	if _, err := t.Journal.Record(ctx, device.Entry{Kind: device.EntryNote, Device: Subject, Cause: by, Detail: "confirmed as right"}); err != nil {
		return api.ClockFacts{}, err
	}
	ok, err := t.Clock.Confirm(by.Actor)
	switch {
	case err != nil:
		return api.ClockFacts{}, err
	case !ok:
		return api.ClockFacts{}, &api.Error{Status: http.StatusConflict, Code: "second-voice", Title: "Somebody else must confirm it as well",
			Why:    "the machine's time jumped, or lies before what was seen already: two must find it right",
			Remedy: "confirm it once more with a token from another computer (loquet token create, then loquet clock confirm --url), connect the machine to the network, or restart it and confirm again"}
	}
	t.Board.Clear(health.ClockUntrusted, "")
	t.Board.Clear(health.ClockJumped, "")
	t.Board.Clear(health.ClockWordEnds, "")
	t.Changed()
	return t.ClockFacts(), nil
}
