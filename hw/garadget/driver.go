package garadget

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Config are the settings of the opener driver "garadget". The times are written to the board if they are
// given and it has others; what is not given is left as it is.
type Config struct {
	ID        string        `yaml:"id" jsonschema:"required" jsonschema_description:"the board's own number, 24 hexadecimal digits: loquet adopt garadget shows it"`
	Move      time.Duration `yaml:"move,omitempty" jsonschema_description:"how long the board takes the door to move (mtt), 5s to 60s: a little more than it needs"`
	Pulse     time.Duration `yaml:"pulse,omitempty" jsonschema_description:"how long the relay pulls (rlt), 10ms to 2s"`
	Gap       time.Duration `yaml:"gap,omitempty" jsonschema_description:"the pause between two pulses (rlp), 10ms to 5s"`
	Scan      time.Duration `yaml:"scan,omitempty" jsonschema_description:"how often the laser looks (rdt), 200ms to 60s"`
	Threshold int           `yaml:"threshold,omitempty" jsonschema_description:"how much light must come back from a closed door (srt), 1 to 80 percent"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	if !isID(strings.ToLower(c.ID)) {
		errs = append(errs, &hw.FieldError{Field: "id", Problem: "this is not the number of a board",
			Remedy: "write its 24 hexadecimal digits in quotes: loquet adopt garadget shows them"})
	}
	for _, d := range []struct {
		field     string
		v         time.Duration
		low, high time.Duration
	}{
		{"move", c.Move, 5 * time.Second, time.Minute}, {"pulse", c.Pulse, 10 * time.Millisecond, 2 * time.Second},
		{"gap", c.Gap, 10 * time.Millisecond, 5 * time.Second}, {"scan", c.Scan, 200 * time.Millisecond, time.Minute},
	} {
		if d.v != 0 && (d.v < d.low || d.v > d.high || d.v%time.Millisecond != 0) {
			errs = append(errs, &hw.FieldError{Field: d.field, Problem: fmt.Sprintf("%v is not between %v and %v", d.v, d.low, d.high),
				Remedy: "the board takes nothing else; leave it out to keep what the board has"})
		}
	}
	if c.Threshold < 0 || c.Threshold > 80 {
		errs = append(errs, &hw.FieldError{Field: "threshold", Problem: "it is not between 1 and 80", Remedy: "10 suits most doors"})
	}
	return errors.Join(errs...)
}

// Traits implements hw.DoorDescriber.
func (Config) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, Stops: true, Refreshes: true}
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (Config) UsesMQTT() {}

// Driver is the opener driver "garadget".
func Driver() hw.Driver[device.Opener] {
	return hw.New("garadget", "a Garadget board over MQTT, without its maker's cloud", Config{},
		func(ctx context.Context, env *hw.Env, c Config) (device.Opener, error) { return Open(ctx, env, c) })
}

// wanted are the settings that the board should have and has not, as it takes them (set-config).
func (c Config) wanted(has settings) map[string]int {
	want := map[string]int{}
	for _, s := range []struct {
		key  string
		want int
		has  int
	}{
		{"mtt", int(c.Move.Milliseconds()), has.Travel}, {"rlt", int(c.Pulse.Milliseconds()), has.Pulse},
		{"rlp", int(c.Gap.Milliseconds()), has.Gap}, {"rdt", int(c.Scan.Milliseconds()), has.Scan}, {"srt", c.Threshold, has.Threshold},
	} {
		if s.want != 0 && s.want != s.has {
			want[s.key] = s.want
		}
	}
	return want
}

func encode(want map[string]int) []byte {
	b, _ := json.Marshal(want) // a map of numbers always can be
	return b
}
