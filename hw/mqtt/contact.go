package mqtt

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// ContactConfig are the settings of the sensor driver "mqtt": a binary sensor in Home Assistant's words.
type ContactConfig struct {
	State  string `yaml:"state" jsonschema:"required" jsonschema_description:"the topic on which it says whether it is open"`
	Open   string `yaml:"open,omitempty" jsonschema_description:"what it says when it is open; ON if not given"`
	Closed string `yaml:"closed,omitempty" jsonschema_description:"what it says when it is closed; OFF if not given"`
	Source `yaml:",inline"`
}

// Check implements hw.Checker.
func (c ContactConfig) Check() error {
	var errs []error
	bad := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if c.State == "" {
		bad("state", "there is no topic", "name the contact's state topic")
	}
	if cmp.Or(c.Open, "ON") == cmp.Or(c.Closed, "OFF") {
		bad("closed", "one word stands for both", "give each a word of its own")
	}
	checkTopic("state", c.State, bad)
	c.check(bad)
	return errors.Join(errs...)
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (ContactConfig) UsesMQTT() {}

// SensorDriver is the sensor driver "mqtt".
func SensorDriver() hw.Driver[device.Sensor] {
	return hw.New("mqtt", "a contact on MQTT, as Home Assistant's binary sensors", ContactConfig{},
		func(ctx context.Context, env *hw.Env, c ContactConfig) (device.Sensor, error) {
			return OpenContact(ctx, env, c)
		})
}

// Contact is a contact on MQTT.
type Contact struct {
	config ContactConfig
	link   link
	feed   hw.Feed[device.ContactReading]
}

var _ device.Sensor = (*Contact)(nil)

// OpenContact listens until env is closed.
func OpenContact(ctx context.Context, env *hw.Env, c ContactConfig) (*Contact, error) {
	c.Open, c.Closed = cmp.Or(c.Open, "ON"), cmp.Or(c.Closed, "OFF")
	s := &Contact{config: c}
	s.link = link{source: c.Source, fields: map[string]string{c.State: c.Field}, heard: s.heard, lost: s.feed.Break}
	return s, s.link.start(ctx, env, "contact of "+env.Device()+" at "+c.State)
}

func (s *Contact) heard(_, value string, at time.Time) {
	r := device.ContactReading{Taken: at}
	switch value {
	case s.config.Open:
		r.Open = device.Yes
	case s.config.Closed:
		r.Open = device.No
	}
	s.feed.Publish(r)
}

// Readings implements device.Sensor.
func (s *Contact) Readings(ctx context.Context) <-chan device.ContactReading {
	return s.feed.Subscribe(ctx)
}
