package tasmota

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/hw"
)

// most is how many relays or switches a device may have.
const most = 16

// Config are the settings of the board driver "tasmota".
type Config struct {
	Topic     string        `yaml:"topic" jsonschema:"required" jsonschema_description:"the device's own topic, as its page shows it under Configure MQTT"`
	FullTopic string        `yaml:"full_topic,omitempty" jsonschema_description:"the device's full topic, if it was changed; %prefix%/%topic%/ if not given"`
	Relays    int           `yaml:"relays,omitempty" jsonschema_description:"how many relays it has: lines relay-1 and up"`
	Switches  int           `yaml:"switches,omitempty" jsonschema_description:"how many switch inputs it has: lines switch-1 and up"`
	Poll      time.Duration `yaml:"poll,omitempty" jsonschema_description:"how often the device is asked where everything is, 250ms to 1s"`
}

func defaults() Config {
	return Config{FullTopic: "%prefix%/%topic%/", Relays: 1, Switches: 0, Poll: time.Second}
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if c.Topic == "" || len(c.Topic) > 64 || strings.ContainsAny(c.Topic, "+#%\x00/$ ") {
		add("topic", "this is not the topic of one device", "copy it from the device's own page: Configuration, Configure MQTT, Topic")
	}
	if c.Topic == "tasmotas" || c.Topic == "sonoffs" {
		add("topic", "this is the topic of all devices at once", "give the device a topic of its own on its page under Configure MQTT")
	}
	if strings.Count(c.FullTopic, "%prefix%") != 1 || strings.Count(c.FullTopic, "%topic%") != 1 || len(c.FullTopic) > 128 ||
		!strings.HasSuffix(c.FullTopic, "/") || strings.HasPrefix(c.FullTopic, "/") || strings.ContainsAny(c.FullTopic, "+#\x00$ ") {
		add("full_topic", "this is not a full topic", "copy it from the device's own page under Configure MQTT, such as %prefix%/%topic%/")
	}
	if c.Relays < 0 || c.Relays > most || c.Switches < 0 || c.Switches > most || c.Relays+c.Switches == 0 {
		add("relays", fmt.Sprintf("a device has relays or switches, %d of each at most", most), "count them: its page shows a button for each relay")
	}
	if c.Poll < 250*time.Millisecond || c.Poll > time.Second {
		add("poll", fmt.Sprintf("%v is not between 250ms and 1s", c.Poll), "take 1s")
	}
	return errors.Join(errs...)
}

// at is a topic of the device: its prefix is cmnd, stat or tele.
func (c Config) at(prefix, leaf string) string {
	return strings.NewReplacer("%prefix%", prefix, "%topic%", c.Topic).Replace(c.FullTopic) + leaf
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (Config) UsesMQTT() {}

// BoardDriver is the board driver "tasmota".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("tasmota", "relays and switch inputs of a device with the Tasmota firmware, over MQTT", defaults(), open)
}

func open(_ context.Context, env *hw.Env, c Config) (hw.Board, error) {
	m, err := env.MQTT()
	if err != nil {
		return nil, err
	}
	return newBoard(env.Log, c, m), nil
}
