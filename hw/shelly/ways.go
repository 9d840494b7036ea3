package shelly

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/board"
)

// way is an order to a cover.
type way string

// Ways a cover goes, in the words of the first generation (/roller/0?go=).
const (
	wayOpen  way = "open"
	wayClose way = "close"
	wayStop  way = "stop"
)

// cover is what a device says of the door at its motor.
type cover struct {
	at      device.Place
	moving  device.Target
	blocked bool   // an obstacle or the safety switch stopped it
	fault   string // what else is wrong
}

const uncalibrated = "the device does not know where the door is: calibrate it on its own page, or wire a contact"

// limits are what a device does with a cover without being told.
type limits struct {
	powerOn       string // what it does when power comes
	opens, closes time.Duration
	feels         bool // it notices what is in the way, or has a safety switch
}

// seconds is a time as devices write it; a number that is none is longer than any.
func seconds(s float64) time.Duration {
	if !(s >= 0 && s <= 3600) {
		return time.Hour
	}
	return time.Duration(s * float64(time.Second))
}

// firstRoller is a roller in /status of the first generation ("Gen1 Device API", Shelly2.5): its state is where the
// motor goes, and its position is valid only once it was calibrated.
type firstRoller struct {
	State       string `json:"state"` // open and close while it moves, stop
	StopReason  string `json:"stop_reason"`
	Safety      bool   `json:"safety_switch"`
	Hot         bool   `json:"overtemperature"`
	Positioning bool   `json:"positioning"`
	Position    *int   `json:"current_pos"`
	Calibrating bool   `json:"calibrating"`
}

func (r firstRoller) read() cover {
	c := cover{blocked: r.Safety || r.State == "stop" && (r.StopReason == "obstacle" || r.StopReason == "safety_switch")}
	switch {
	case r.Hot, r.StopReason == "overpower":
		c.fault = "the device stopped its motor: it is too hot, or draws too much power"
	}
	switch {
	case r.Calibrating:
		c.fault = "the device is calibrating its motor"
	case r.State == "open":
		c.at, c.moving = device.PlaceBetween, device.TargetOpen
	case r.State == "close":
		c.at, c.moving = device.PlaceBetween, device.TargetClosed
	case r.State == "stop" && r.Positioning:
		c.at = place(r.Position)
		if c.at == device.PlaceUnknown {
			c.fault = uncalibrated
		}
	case r.State == "stop":
		c.fault = uncalibrated
	}
	return c
}

// place is what a position in per cent says.
func place(position *int) device.Place {
	switch {
	case position == nil, *position < 0, *position > 100:
		return device.PlaceUnknown
	case *position == 0:
		return device.PlaceClosed
	case *position == 100:
		return device.PlaceOpen
	}
	return device.PlaceBetween
}

// readCover reads the status of a cover of the second generation ("Gen2 Device API", Cover, Status). What it says of an
// end is believed where it was calibrated, or where the motor was seen to stop there: a time that is over is no end.
func readCover(part json.RawMessage) cover {
	var s struct {
		State    string   `json:"state"`
		Source   string   `json:"source"`
		Control  bool     `json:"pos_control"`
		Position *int     `json:"current_pos"`
		Errors   []string `json:"errors"`
	}
	if json.Unmarshal(part, &s) != nil {
		return cover{fault: "the device tells a state that is none"}
	}
	var c cover
	for _, e := range s.Errors {
		if e == "obstruction" || e == "safety_switch" {
			c.blocked = true
		} else {
			c.fault = "the device reports " + board.Clip(e)
		}
	}
	end := map[string]device.Place{"closed": device.PlaceClosed, "open": device.PlaceOpen}[s.State]
	switch {
	case s.State == "opening":
		c.at, c.moving = device.PlaceBetween, device.TargetOpen
	case s.State == "closing":
		c.at, c.moving = device.PlaceBetween, device.TargetClosed
	case s.State == "calibrating":
		c.fault = "the device is calibrating its motor"
	case end != device.PlaceUnknown && (s.Control && place(s.Position) == end || !s.Control && s.Source == "limit_switch"):
		c.at = end
	case end != device.PlaceUnknown && s.Control, s.State == "stopped" && s.Control:
		c.at = device.PlaceBetween // its words and its numbers disagree, or it is on its way: closed it is not said to be
		if place(s.Position) == device.PlaceUnknown {
			c.at = device.PlaceUnknown
		}
	case end != device.PlaceUnknown, s.State == "stopped":
		c.fault = uncalibrated
	default:
		c.fault = "the device tells a state that is none"
	}
	return c
}

// limits reads what the device does by itself (/settings/roller/N).
func (f *first) limits(ctx context.Context, n int) (limits, error) {
	var s struct {
		Default  string   `json:"default_state"`
		Longest  float64  `json:"maxtime"`
		Opens    *float64 `json:"maxtime_open"`
		Closes   *float64 `json:"maxtime_close"`
		Obstacle string   `json:"obstacle_mode"`
	}
	if err := f.question(ctx, "/settings/roller/"+strconv.Itoa(n), &s); err != nil {
		return limits{}, err
	}
	l := limits{powerOn: s.Default, opens: seconds(s.Longest), closes: seconds(s.Longest), feels: s.Obstacle != "" && s.Obstacle != "disabled"}
	if s.Opens != nil {
		l.opens = seconds(*s.Opens)
	}
	if s.Closes != nil {
		l.closes = seconds(*s.Closes)
	}
	return l, nil
}

// move sends /roller/N?go=open, close or stop; the answer is the roller.
func (f *first) move(ctx context.Context, n int, to way) error {
	var answer struct {
		State string `json:"state"`
	}
	if err := f.get(ctx, "/roller/"+strconv.Itoa(n), url.Values{"go": {string(to)}}, &answer); err != nil {
		return err
	}
	if !slices.Contains([]string{"open", "close", "stop"}, answer.State) {
		return fmt.Errorf("%w: the device does not confirm the order", device.ErrUnsure)
	}
	return nil
}

// limits reads Cover.GetConfig.
func (r *rpc) limits(ctx context.Context, n int) (limits, error) {
	var s struct {
		Initial     string   `json:"initial_state"`
		Opens       *float64 `json:"maxtime_open"`
		Closes      *float64 `json:"maxtime_close"`
		Obstruction struct {
			Enable bool `json:"enable"`
		} `json:"obstruction_detection"`
		Safety struct {
			Enable bool `json:"enable"`
		} `json:"safety_switch"`
	}
	if err := r.question(ctx, "Cover.GetConfig", map[string]int{"id": n}, &s); err != nil {
		return limits{}, err
	}
	l := limits{powerOn: s.Initial, opens: time.Hour, closes: time.Hour, feels: s.Obstruction.Enable || s.Safety.Enable}
	if s.Opens != nil {
		l.opens = seconds(*s.Opens)
	}
	if s.Closes != nil {
		l.closes = seconds(*s.Closes)
	}
	return l, nil
}

// move sends Cover.Open, Cover.Close or Cover.Stop, whose answer is null.
func (r *rpc) move(ctx context.Context, n int, to way) error {
	method := map[way]string{wayOpen: "Cover.Open", wayClose: "Cover.Close", wayStop: "Cover.Stop"}[to]
	var answer json.RawMessage
	return refused(r.call(ctx, method, map[string]int{"id": n}, &answer))
}
