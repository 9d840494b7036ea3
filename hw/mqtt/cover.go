package mqtt

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"strconv"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// CoverConfig are the settings of the opener driver "mqtt": a cover in Home Assistant's words, or a ratgdo.
type CoverConfig struct {
	Ratgdo      string     `yaml:"ratgdo,omitempty" jsonschema_description:"the topic of a board with ratgdo's MQTT firmware, such as home/garage/ratgdo; it stands for all that follows"`
	Command     string     `yaml:"command,omitempty" jsonschema_description:"the topic for orders"`
	Open        string     `yaml:"open,omitempty" jsonschema_description:"the order to open; OPEN if not given"`
	Close       string     `yaml:"close,omitempty" jsonschema_description:"the order to close; CLOSE if not given"`
	Stop        string     `yaml:"stop,omitempty" jsonschema_description:"the order to stop, such as STOP; not given: it has none"`
	State       string     `yaml:"state,omitempty" jsonschema_description:"the topic on which the device says open, opening, closed, closing or stopped"`
	Position    string     `yaml:"position,omitempty" jsonschema_description:"a topic with a number instead of state: how far the door is open"`
	OpenAt      *int       `yaml:"position_open,omitempty" jsonschema_description:"the number of a door that is open; 100 if not given"`
	ClosedAt    *int       `yaml:"position_closed,omitempty" jsonschema_description:"the number of a door that is closed; 0 if not given"`
	Words       CoverWords `yaml:"words,omitempty" jsonschema_description:"what the device says on state, if it has words of its own"`
	Obstruction string     `yaml:"obstructed,omitempty" jsonschema_description:"the topic on which it says whether something is in the way: obstructed or clear, ON or OFF"`
	Source      `yaml:",inline"`
}

// CoverWords are the words of a state.
type CoverWords struct {
	Open    string `yaml:"open,omitempty" jsonschema_description:"open if not given"`
	Opening string `yaml:"opening,omitempty" jsonschema_description:"opening if not given"`
	Closed  string `yaml:"closed,omitempty" jsonschema_description:"closed if not given"`
	Closing string `yaml:"closing,omitempty" jsonschema_description:"closing if not given"`
	Stopped string `yaml:"stopped,omitempty" jsonschema_description:"stopped if not given"`
}

// readings are what the words stand for; false if one stands for two.
func (w CoverWords) readings() (map[string]device.Reading, bool) {
	m := map[string]device.Reading{
		cmp.Or(w.Closed, "closed"): {At: device.PlaceClosed}, cmp.Or(w.Open, "open"): {At: device.PlaceOpen}, cmp.Or(w.Stopped, "stopped"): {At: device.PlaceBetween},
	}
	m[cmp.Or(w.Opening, "opening")] = device.Reading{At: device.PlaceBetween, Moving: device.TargetOpen}
	m[cmp.Or(w.Closing, "closing")] = device.Reading{At: device.PlaceBetween, Moving: device.TargetClosed}
	return m, len(m) == 5
}

// place is what a number on the topic position says.
func (c CoverConfig) place(value string) device.Place {
	at, err := strconv.ParseFloat(value, 64)
	open, closed := 100.0, 0.0
	if c.OpenAt != nil {
		open = float64(*c.OpenAt)
	}
	if c.ClosedAt != nil {
		closed = float64(*c.ClosedAt)
	}
	switch {
	case err != nil, at < min(open, closed), at > max(open, closed), at != at:
		return device.PlaceUnknown
	case at == closed:
		return device.PlaceClosed
	case at == open:
		return device.PlaceOpen
	}
	return device.PlaceBetween
}

// shape fills in what the firmware decides.
func (c CoverConfig) shape() CoverConfig {
	if c.Ratgdo != "" {
		t := c.Ratgdo
		return CoverConfig{Ratgdo: t, Command: t + "/command/door", Open: "open", Close: "close", Stop: "stop", State: t + "/status/door",
			Obstruction: t + "/status/obstruction", Source: Source{Availability: t + "/status/availability", Online: "online", Offline: "offline"}}
	}
	c.Open, c.Close = cmp.Or(c.Open, "OPEN"), cmp.Or(c.Close, "CLOSE")
	return c
}

// Check implements hw.Checker.
func (c CoverConfig) Check() error {
	var errs []error
	bad := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if c.Ratgdo != "" {
		checkTopic("ratgdo", c.Ratgdo, bad)
		if !reflect.DeepEqual(c, CoverConfig{Ratgdo: c.Ratgdo}) {
			bad("ratgdo", "it stands for all topics and words", "remove the others, or ratgdo")
		}
		return errors.Join(errs...)
	}
	c = c.shape()
	if c.Command == "" {
		bad("command", "there is no topic for orders", "name the device's command topic, or ratgdo:")
	}
	if c.State != "" && c.Position != "" {
		bad("position", "there is a state as well", "keep one of the two")
	}
	if _, ok := c.Words.readings(); !ok {
		bad("words", "one word stands for two states", "give each a word of its own")
	}
	if c.OpenAt != nil && c.ClosedAt != nil && *c.OpenAt == *c.ClosedAt {
		bad("position_closed", "one number stands for open and closed", "give each its own")
	}
	if c.State == "" && c.Position == "" {
		bad("state", "nothing tells where the door is", "name the device's state topic: a door that nobody sees is not moved")
	}
	if c.Open == c.Close || c.Stop != "" && (c.Stop == c.Open || c.Stop == c.Close) {
		bad("close", "one word stands for two orders: that is a button", "put the relay on a board whose lines loquet pulses itself (driver lines)")
	}
	for field, topic := range map[string]string{"command": c.Command, "state": c.State, "position": c.Position, "obstructed": c.Obstruction} {
		checkTopic(field, topic, bad)
	}
	c.check(bad)
	return errors.Join(errs...)
}

// Traits implements hw.DoorDescriber.
func (c CoverConfig) Traits() device.DoorTraits {
	c = c.shape()
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Stops: c.Stop != "", Refreshes: c.Ask != ""}
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (CoverConfig) UsesMQTT() {}

// OpenerDriver is the opener driver "mqtt".
func OpenerDriver() hw.Driver[device.Opener] {
	return hw.New("mqtt", "a garage door or gate on MQTT, as Home Assistant's covers, or a ratgdo", CoverConfig{},
		func(ctx context.Context, env *hw.Env, c CoverConfig) (device.Opener, error) {
			return OpenCover(ctx, env, c)
		})
}

// Cover is a door on MQTT.
type Cover struct {
	config CoverConfig
	words  map[string]device.Reading
	link   link
	feed   hw.Feed[device.Reading]
	now    device.Reading // of run; without a time until the state was heard
	asked  []chan device.Reading
}

var (
	_ device.Opener    = (*Cover)(nil)
	_ device.Stopper   = (*Cover)(nil)
	_ device.Refresher = (*Cover)(nil)
)

// OpenCover listens until env is closed. It sends no order.
func OpenCover(ctx context.Context, env *hw.Env, c CoverConfig) (*Cover, error) {
	c = c.shape()
	o := &Cover{config: c, now: device.Reading{Energised: device.No}}
	o.words, _ = c.Words.readings()
	o.link = link{source: c.Source, fields: map[string]string{cmp.Or(c.State, c.Position): c.Field}, heard: o.heard, lost: o.lost}
	if c.Obstruction != "" {
		o.link.fields[c.Obstruction] = ""
	}
	return o, o.link.start(ctx, env, c.Command)
}

func (o *Cover) heard(topic, value string, at time.Time) {
	if topic == o.config.Obstruction {
		o.now.Obstructed = map[string]device.Tri{"obstructed": device.Yes, "ON": device.Yes, "true": device.Yes, "clear": device.No, "OFF": device.No, "false": device.No}[value]
		if !o.now.Taken.IsZero() {
			o.feed.Publish(o.now)
		}
		return
	}
	place, known := o.words[value]
	if o.config.Position != "" {
		place, known = device.Reading{At: o.config.place(value)}, true
	}
	if !known {
		place.At = device.PlaceUnknown
	}
	o.now.At, o.now.Moving, o.now.Taken = place.At, place.Moving, at
	o.feed.Publish(o.now)
	for _, ask := range o.asked {
		ask <- o.now
	}
	o.asked = nil
}

func (o *Cover) lost() {
	o.now = device.Reading{Energised: device.No}
	o.feed.Break()
}

// Readings implements device.Opener.
func (o *Cover) Readings(ctx context.Context) <-chan device.Reading { return o.feed.Subscribe(ctx) }

// Trigger implements device.Opener. Nothing answers an order but the door.
func (o *Cover) Trigger(ctx context.Context, target device.Target) error {
	r, there := o.feed.Last()
	switch {
	case target != device.TargetOpen && target != device.TargetClosed:
		return o.link.wrong("trigger", errors.New("no target is given"), "ask for open or closed")
	case there && r.Moving == target && ctx.Err() == nil:
		return nil // it is on its way
	case target == device.TargetOpen:
		return o.link.tell(ctx, there, "open", o.config.Command, o.config.Open)
	}
	return o.link.tell(ctx, there, "close", o.config.Command, o.config.Close)
}

// Stop implements device.Stopper, where the device has one.
func (o *Cover) Stop(ctx context.Context) error {
	if o.config.Stop == "" {
		return o.link.wrong("stop", errors.ErrUnsupported, "this device has no stop of its own")
	}
	_, there := o.feed.Last()
	return o.link.tell(ctx, there, "stop", o.config.Command, o.config.Stop)
}

// Refresh implements device.Refresher, where the device can be asked.
func (o *Cover) Refresh(ctx context.Context) (device.Reading, error) {
	if o.config.Ask == "" {
		if r, there := o.feed.Last(); there {
			return r, nil // as old as it says
		}
		return device.Reading{}, o.link.tell(ctx, false, "ask", "", "")
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	answer := make(chan device.Reading, 1)
	err := o.link.do(ctx, func(run context.Context) {
		if len(o.asked) >= maxText {
			o.asked = nil
		}
		o.asked = append(o.asked, answer)
		o.link.question(run)
	})
	if err == nil {
		select {
		case r := <-answer:
			return r, nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return device.Reading{}, o.link.wrong("ask", errors.Join(device.ErrUnavailable, err), "see that the device has power and reaches the MQTT broker")
}
