package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/hw"
)

// How long a device may let its relay be away from rest: longer is no output's cap.
const (
	minAutoOff = 100 * time.Millisecond
	maxAutoOff = 30 * time.Second
)

// SwitchConfig are the settings of the board driver "mqtt": a switch in Home Assistant's words, the line relay-1.
type SwitchConfig struct {
	Command   string        `yaml:"command" jsonschema:"required" jsonschema_description:"the topic for orders"`
	On        string        `yaml:"on,omitempty" jsonschema_description:"the order to switch on; ON if not given"`
	Off       string        `yaml:"off,omitempty" jsonschema_description:"the order to switch off; OFF if not given"`
	State     string        `yaml:"state,omitempty" jsonschema_description:"the topic on which it says whether it is on; without it nobody knows what becomes of an order"`
	StateOn   string        `yaml:"state_on,omitempty" jsonschema_description:"what it says when it is on; the order if not given"`
	StateOff  string        `yaml:"state_off,omitempty" jsonschema_description:"what it says when it is off; the order if not given"`
	AutoOff   time.Duration `yaml:"auto_off" jsonschema:"required" jsonschema_description:"after how long the device itself brings its relay back, as it is set on the device: as long as the pulse or hold at least, and no longer than the output's cap"`
	Confirmed string        `yaml:"confirmed,omitempty" jsonschema_description:"after the relay did not come back by itself and the device was set right: what loquet doctor says"`
	Source    `yaml:",inline"`
}

// Check implements hw.Checker.
func (c SwitchConfig) Check() error {
	var errs []error
	bad := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	c = c.whole()
	if c.Command == "" {
		bad("command", "there is no topic for orders", "name the switch's command topic")
	}
	if c.On == c.Off {
		bad("off", "one word stands for both orders: that is a button", "give each a word of its own")
	}
	if c.StateOn == c.StateOff {
		bad("state_off", "one word stands for both states", "give each a word of its own")
	}
	if c.Command != "" && c.State == c.Command {
		bad("state", "this is the topic for orders: an order would look like the device's answer", "name the topic on which the device itself says whether it is on, or leave state out")
	}
	switch {
	case c.AutoOff == 0:
		bad("auto_off", "nothing says after how long the device itself brings its relay back: a relay in the network must end its pulse when the network dies",
			"set the device's own auto-off timer, such as 1s, and write the same here: auto_off: 1s; a device without such a timer cannot be used")
	case c.AutoOff < minAutoOff || c.AutoOff > maxAutoOff:
		bad("auto_off", fmt.Sprintf("%v is not between %v and %v", c.AutoOff, minAutoOff, maxAutoOff), "set the device's own timer to 1s for an opener, or as long as the strike's hold, and write the same here")
	}
	checkTopic("command", c.Command, bad)
	checkTopic("state", c.State, bad)
	if c.State == "" && c.Ask != "" {
		bad("ask", "there is no topic on which it would answer", "name the switch's state topic, or leave ask out and name its availability")
	}
	if len(c.Confirmed) > maxText {
		bad("confirmed", "this is too long", "copy it from loquet doctor")
	}
	c.check(bad)
	return errors.Join(errs...)
}

// whole are the settings with the words that were not given.
func (c SwitchConfig) whole() SwitchConfig {
	c.On, c.Off = cmp.Or(c.On, "ON"), cmp.Or(c.Off, "OFF")
	c.StateOn, c.StateOff = cmp.Or(c.StateOn, c.On), cmp.Or(c.StateOff, c.Off)
	return c
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (SwitchConfig) UsesMQTT() {}

// Unproven tells the owner what nobody can find out about this switch: the setting, what, and what to do; all empty
// where the device itself tells.
func (c SwitchConfig) Unproven() (field, what, remedy string) {
	if c.State != "" {
		return "", "", ""
	}
	return "auto_off", "without a state topic nothing tells whether the relay follows an order, or comes back by itself: auto_off is believed",
		"name its state topic; if it has none, switch it on by hand and see that it goes off by itself after auto_off"
}

// BoardDriver is the board driver "mqtt".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("mqtt", "a relay on MQTT with a timer of its own, as Home Assistant's switches", SwitchConfig{},
		func(ctx context.Context, env *hw.Env, c SwitchConfig) (hw.Board, error) {
			return OpenSwitch(ctx, env, c)
		})
}
