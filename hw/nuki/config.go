package nuki

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Config are the settings of the bolt driver "nuki".
type Config struct {
	ID         string `yaml:"id" jsonschema:"required" jsonschema_description:"the lock's Nuki ID, 8 hexadecimal digits in quotes: it stands on the lock and in the app"`
	DoorSensor bool   `yaml:"door_sensor,omitempty" jsonschema_description:"the lock has a door sensor"`
	Unlatch    bool   `yaml:"unlatch,omitempty" jsonschema_description:"to unlock also pulls the latch: the door stands open afterwards; not given: it is unlocked, and opened by its handle"`
}

// IDs of locks are 32 bits.
var idText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-F]{8}$`) })

// ID returns a Nuki ID as it stands in topics, and whether it is one.
func ID(text string) (string, bool) {
	id := strings.ToUpper(text)
	return id, idText().MatchString(id)
}

// Check implements hw.Checker.
func (c Config) Check() error {
	if _, ok := ID(c.ID); !ok {
		return &hw.FieldError{Field: "id", Problem: "this is no Nuki ID", Remedy: `write its 8 hexadecimal digits in quotes, such as "2BB28570": the app shows them under Features & Configuration`}
	}
	return nil
}

// Traits implements hw.BoltDescriber.
func (c Config) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true, SensesDoor: c.DoorSensor}
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (Config) UsesMQTT() {}

// Driver is the bolt driver "nuki".
func Driver() hw.Driver[device.Bolt] {
	return hw.New("nuki", "a Nuki lock over MQTT, without its maker's servers", Config{},
		func(ctx context.Context, env *hw.Env, c Config) (device.Bolt, error) { return Open(ctx, env, c) })
}
