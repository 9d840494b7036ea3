package esphome

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Port is where the native API listens when the address does not say.
const Port = "6053"

// keySize is the length of a key in bytes.
const keySize = 32

// Config are the settings of the drivers "esphome": of an opener, a bolt and a sensor alike.
type Config struct {
	Host    string `yaml:"host" jsonschema_description:"the device's address, such as 192.168.1.70 or garage.local:6053"`
	MAC     string `yaml:"mac" jsonschema_description:"the device's MAC address, as its log or page shows it: a device with another one is not used, whatever its address"`
	KeyFile string `yaml:"key_file,omitempty" jsonschema_description:"a file that holds the API encryption key (api: encryption: key: of the device), and nothing else"`
	Plain   bool   `yaml:"plain,omitempty" jsonschema_description:"the device has no key: everybody in the network can operate it"`
	Entity  string `yaml:"entity" jsonschema_description:"what on the device: the object id of its cover, lock or binary sensor, such as garage_door"`
}

var (
	macText    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9A-F]{12}$`) })
	entityText = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9_-]{1,120}$`) })
)

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if host, port, err := net.SplitHostPort(c.address()); err != nil || host == "" || port == "" || strings.ContainsAny(c.Host, "/@ ") {
		add("host", "this is not the address of a device", "write 192.168.1.70, or 192.168.1.70:6053")
	}
	if !macText().MatchString(normal(c.MAC)) {
		add("mac", "a MAC address has twelve digits", "read it in the device's log or on its page, such as A8:03:2A:B1:23:45")
	}
	if (c.KeyFile != "") == c.Plain {
		add("key_file", "the connection is encrypted with a key, or everybody in the network can operate the device",
			"name the file with the key that the device's own configuration has under api: encryption:, or write plain: true")
	}
	if !entityText().MatchString(c.Entity) {
		add("entity", "this is not the object id of an entity", "write the entity's name in small letters, with _ for blanks: garage_door")
	}
	return errors.Join(errs...)
}

func (c Config) address() string {
	if _, _, err := net.SplitHostPort(c.Host); err == nil {
		return c.Host
	}
	return net.JoinHostPort(strings.Trim(c.Host, "[]"), Port)
}

// key reads the key; nil where there is none. The file is read at every connection, so that a new key needs
// no restart.
func (c Config) key() ([]byte, error) {
	if c.KeyFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s holds no key: write the 44 characters into it that the device's configuration has", c.KeyFile)
	}
	return key, nil
}

// OpenerDriver is the driver "esphome" for doors: a cover.
func OpenerDriver() hw.Driver[device.Opener] {
	return hw.New("esphome", "a cover of an ESPHome device: ratgdo and blaQ boards, and everything else that has one", openerConfig{},
		func(ctx context.Context, env *hw.Env, c openerConfig) (device.Opener, error) {
			t, err := join(ctx, env, c.Config(), listCover)
			return &Cover{t}, err
		})
}

// BoltDriver is the driver "esphome" for locks.
func BoltDriver() hw.Driver[device.Bolt] {
	return hw.New("esphome", "a lock of an ESPHome device", boltConfig{},
		func(ctx context.Context, env *hw.Env, c boltConfig) (device.Bolt, error) {
			t, err := join(ctx, env, c.Config(), listLock)
			return &Lock{t}, err
		})
}

// SensorDriver is the driver "esphome" for contacts: a binary sensor.
func SensorDriver() hw.Driver[device.Sensor] {
	return hw.New("esphome", "a binary sensor of an ESPHome device; on means open", Config{},
		func(ctx context.Context, env *hw.Env, c Config) (device.Sensor, error) {
			t, err := join(ctx, env, c, listBinarySensor)
			return &Contact{t}, err
		})
}

// openerConfig and boltConfig are the same settings with traits.
type (
	openerConfig Config
	boltConfig   Config
)

// Config are the settings.
func (c openerConfig) Config() Config { return Config(c) }

// Config are the settings.
func (c boltConfig) Config() Config { return Config(c) }

// Check implements hw.Checker.
func (c openerConfig) Check() error { return Config(c).Check() }

// Check implements hw.Checker.
func (c boltConfig) Check() error { return Config(c).Check() }

// Traits implements hw.DoorDescriber.
func (c openerConfig) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Stops: true, Refreshes: true}
}

// Traits implements hw.BoltDescriber.
func (c boltConfig) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true}
}

// join shares the connection of a device with everything else that is on it.
func join(ctx context.Context, env *hw.Env, c Config, kind int) (*thing, error) {
	l, err := hw.Share(ctx, env, "esphome:"+c.address(), func(context.Context) (*link, func() error, error) {
		l := newLink(env.Log, c)
		return l, l.Close, nil
	})
	if err != nil {
		return nil, err
	}
	if own, other := c, l.c; normal(own.MAC) != normal(other.MAC) || own.KeyFile != other.KeyFile || own.Plain != other.Plain {
		return nil, &hw.OpError{Op: "open " + c.Entity, Device: env.Device(), Err: errors.New("another entity of this device has another mac, key_file or plain"),
			Hint: "give all entities of one device the same settings"}
	}
	return l.add(env.Device(), kind, c.Entity), nil
}
