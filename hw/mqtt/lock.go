package mqtt

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// LockConfig are the settings of the bolt driver "mqtt": a lock in Home Assistant's words.
type LockConfig struct {
	Command string    `yaml:"command" jsonschema:"required" jsonschema_description:"the topic for orders"`
	Lock    string    `yaml:"lock,omitempty" jsonschema_description:"the order to lock; LOCK if not given"`
	Unlock  string    `yaml:"unlock,omitempty" jsonschema_description:"the order to unlock; UNLOCK if not given"`
	State   string    `yaml:"state" jsonschema:"required" jsonschema_description:"the topic on which it says LOCKED, UNLOCKED or JAMMED (or locked, unlocked, jammed)"`
	Words   LockWords `yaml:"words,omitempty" jsonschema_description:"what the lock says on state, if it has words of its own"`
	Source  `yaml:",inline"`
}

// LockWords are the words of a state. Those that are not given are Home Assistant's, in small or capital letters.
type LockWords struct {
	Locked    string `yaml:"locked,omitempty" jsonschema_description:"LOCKED if not given"`
	Unlocked  string `yaml:"unlocked,omitempty" jsonschema_description:"UNLOCKED if not given"`
	Locking   string `yaml:"locking,omitempty" jsonschema_description:"LOCKING if not given"`
	Unlocking string `yaml:"unlocking,omitempty" jsonschema_description:"UNLOCKING if not given"`
	Jammed    string `yaml:"jammed,omitempty" jsonschema_description:"JAMMED if not given"`
}

// usual is a value in the words that are used here; a word that was replaced has no meaning any more.
func (w LockWords) usual(value string) string {
	small := strings.ToLower(value)
	for word, own := range map[string]string{"locked": w.Locked, "unlocked": w.Unlocked, "locking": w.Locking, "unlocking": w.Unlocking, "jammed": w.Jammed} {
		if own != "" && value == own {
			return word
		}
		if own != "" && (small == word || small == strings.TrimSuffix(word, "ed")) {
			small = ""
		}
	}
	return small
}

// twice reports whether one word stands for two states.
func (w LockWords) twice() bool {
	words := []string{cmp.Or(w.Locked, "LOCKED"), cmp.Or(w.Unlocked, "UNLOCKED"), cmp.Or(w.Locking, "LOCKING"), cmp.Or(w.Unlocking, "UNLOCKING"), cmp.Or(w.Jammed, "JAMMED")}
	slices.Sort(words)
	return len(slices.Compact(words)) < 5
}

// Check implements hw.Checker.
func (c LockConfig) Check() error {
	var errs []error
	bad := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if c.Command == "" {
		bad("command", "there is no topic for orders", "name the lock's command topic")
	}
	if c.State == "" {
		bad("state", "nothing tells whether it is locked", "name the lock's state topic")
	}
	if cmp.Or(c.Lock, "LOCK") == cmp.Or(c.Unlock, "UNLOCK") {
		bad("unlock", "one word stands for both orders", "give each a word of its own")
	}
	if c.Words.twice() {
		bad("words", "one word stands for two states", "give each a word of its own")
	}
	checkTopic("command", c.Command, bad)
	checkTopic("state", c.State, bad)
	c.check(bad)
	return errors.Join(errs...)
}

// Traits implements hw.BoltDescriber.
func (LockConfig) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true}
}

// UsesMQTT tells the configuration that the driver needs the section mqtt.
func (LockConfig) UsesMQTT() {}

// BoltDriver is the bolt driver "mqtt".
func BoltDriver() hw.Driver[device.Bolt] {
	return hw.New("mqtt", "a lock on MQTT, as Home Assistant's locks", LockConfig{},
		func(ctx context.Context, env *hw.Env, c LockConfig) (device.Bolt, error) {
			return OpenLock(ctx, env, c)
		})
}

// Lock is a lock on MQTT.
type Lock struct {
	config LockConfig
	link   link
	feed   hw.Feed[device.LockReading]
}

var _ device.Bolt = (*Lock)(nil)

// OpenLock listens until env is closed. It sends no order.
func OpenLock(ctx context.Context, env *hw.Env, c LockConfig) (*Lock, error) {
	c.Lock, c.Unlock = cmp.Or(c.Lock, "LOCK"), cmp.Or(c.Unlock, "UNLOCK")
	l := &Lock{config: c}
	l.link = link{source: c.Source, fields: map[string]string{c.State: c.Field}, heard: l.heard, lost: l.feed.Break}
	return l, l.link.start(ctx, env, c.Command)
}

func (l *Lock) heard(_, value string, at time.Time) {
	r := device.LockReading{Energised: device.No, Taken: at}
	switch l.config.Words.usual(value) {
	case "locked", "lock":
		r.Bolt = device.BoltSecured
	case "unlocked", "unlock":
		r.Bolt = device.BoltUnsecured
	case "jammed":
		r.Bolt = device.BoltJammed
	case "locking", "unlocking":
		return // it is neither; what it was is older than this
	}
	l.feed.Publish(r)
}

// Readings implements device.Bolt.
func (l *Lock) Readings(ctx context.Context) <-chan device.LockReading { return l.feed.Subscribe(ctx) }

// Throw implements device.Bolt. Nothing answers an order but the lock.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	_, there := l.feed.Last()
	switch target {
	case device.BoltTargetSecured:
		return l.link.tell(ctx, there, "lock", l.config.Command, l.config.Lock)
	case device.BoltTargetUnsecured:
		return l.link.tell(ctx, there, "unlock", l.config.Command, l.config.Unlock)
	case device.BoltTargetUnknown:
	}
	return l.link.wrong("throw", errors.New("no target is given"), "ask for secured or unsecured")
}
