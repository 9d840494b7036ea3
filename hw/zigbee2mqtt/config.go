package zigbee2mqtt

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Bounds of settings.
const (
	longestName = 200
	lastSlot    = 1000
	leastDigits = 4 // of a code (ZCL 7.3.2.12.2); locks may want more
	mostDigits  = 10
)

// Config are the settings of the bolt driver "zigbee2mqtt".
type Config struct {
	Name       string `yaml:"name" jsonschema_description:"the lock's friendly name in Zigbee2MQTT"`
	Base       string `yaml:"base,omitempty" jsonschema_description:"Zigbee2MQTT's base topic"`
	DoorSensor bool   `yaml:"door_sensor,omitempty" jsonschema_description:"the lock tells whether its door is open (door_state)"`
	FirstSlot  int    `yaml:"first_slot,omitempty" jsonschema_description:"the first slot for codes; some locks keep slot 0 or 1 for the owner's code"`
	Slots      int    `yaml:"slots,omitempty" jsonschema_description:"how many slots may be used, from first_slot on"`
	CodeDigits int    `yaml:"code_digits,omitempty" jsonschema_description:"how many digits each code has, 4 to 10, on locks whose codes all have one length; 0: any"`
}

func defaults() Config { return Config{Base: "zigbee2mqtt", FirstSlot: 1, Slots: 20} }

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if why := topic(c.Name); why != "" {
		add("name", why, "take the friendly name that Zigbee2MQTT shows for the lock")
	}
	if why := topic(c.Base); why != "" {
		add("base", why, "leave it out for zigbee2mqtt")
	}
	if c.FirstSlot < 0 || c.FirstSlot > lastSlot {
		add("first_slot", fmt.Sprintf("a slot is 0 to %d", lastSlot), "leave it out for 1")
	}
	if c.Slots < 1 || c.FirstSlot+c.Slots-1 > lastSlot {
		add("slots", fmt.Sprintf("there is at least one slot, and the last one is at most %d", lastSlot), "leave it out for 20, or take what the lock's manual says")
	}
	if c.CodeDigits != 0 && (c.CodeDigits < leastDigits || c.CodeDigits > mostDigits) {
		add("code_digits", fmt.Sprintf("a code has %d to %d digits", leastDigits, mostDigits), "leave it out unless all codes of this lock have one length")
	}
	return errors.Join(errs...)
}

// topic says why a name cannot be a part of a topic.
func topic(name string) string {
	switch last := name[strings.LastIndex(name, "/")+1:]; {
	case name == "":
		return "there is no name"
	case len(name) > longestName:
		return "the name is too long"
	case strings.ContainsAny(name, "+#\x00"):
		return "a name has no +, no # and no zero byte"
	case strings.HasPrefix(name, "/"), last == "", strings.HasPrefix(name, "$"):
		return "a name does not begin or end with a slash, nor begin with $"
	case last == "set", last == "get", last == "availability":
		return "a name does not end with /set, /get or /availability"
	}
	return ""
}

// Traits implements hw.BoltDescriber.
func (c Config) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true, SensesDoor: c.DoorSensor}
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (Config) UsesMQTT() {}

// Driver is the bolt driver "zigbee2mqtt".
func Driver() hw.Driver[device.Bolt] {
	return hw.New("zigbee2mqtt", "a Zigbee lock, through Zigbee2MQTT", defaults(),
		func(ctx context.Context, env *hw.Env, c Config) (device.Bolt, error) { return Open(ctx, env, c) })
}
