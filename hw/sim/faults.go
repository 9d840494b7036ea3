package sim

import (
	"fmt"
	"strings"
	"time"
)

// A contact that bounces by event chatters for three seconds of real time, far above any debouncing and
// whatever the speed of physics: rules about it are in real time.
const (
	bounceEvery = 40 * time.Millisecond
	bounceFlips = 74
)

// lose breaks the wires of contacts, or mends them.
func lose(id string, contacts []*contact, e Event) error {
	found := false
	for _, c := range contacts {
		if e.Sensor == "" || c.line.name == id+"/"+e.Sensor {
			c.lost = e.Name == LoseSensor
			found = true
		}
	}
	if !found {
		return noSensor(id, contacts, e)
	}
	return nil
}

// shake makes the contact named by the event chatter, or else the given one.
func shake(u *unit, t time.Duration, c *contact, contacts []*contact, e Event) error {
	if e.Sensor != "" {
		c = nil
		for _, other := range contacts {
			if other.line.name == u.id+"/"+e.Sensor {
				c = other
			}
		}
	}
	if c == nil {
		return noSensor(u.id, contacts, e)
	}
	c.flips = c.flips[:0]
	c.shake(t, time.Duration(float64(bounceEvery)*u.world.speed), bounceFlips)
	return nil
}

func noSensor(id string, contacts []*contact, e Event) error {
	var have []string
	for _, c := range contacts {
		have = append(have, strings.TrimPrefix(c.line.name, id+"/"))
	}
	return fmt.Errorf("%w: no sensor %q, have %v", ErrNoEvent, e.Sensor, have)
}
