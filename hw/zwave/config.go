package zwave

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Bounds of settings.
const (
	lastNode     = 4000 // Z-Wave Long Range; 232 in a classic network
	lastEndpoint = 127
	leastDigits  = 4 // of a code (Z-Wave Application Layer, User Code CC)
	mostDigits   = 10
)

// Config are the settings of the bolt driver "zwave".
type Config struct {
	URL        string `yaml:"url" jsonschema_description:"the zwave-js-server: ws://host:3000"`
	Node       int    `yaml:"node" jsonschema_description:"the lock's node id, as the Z-Wave software shows it"`
	Endpoint   int    `yaml:"endpoint,omitempty" jsonschema_description:"the endpoint of the lock in a device with several; mostly 0"`
	DoorSensor bool   `yaml:"door_sensor,omitempty" jsonschema_description:"the lock tells whether its door is open"`
	CodeDigits int    `yaml:"code_digits,omitempty" jsonschema_description:"how many digits each code has, 4 to 10, on locks whose codes all have one length; 0: any"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if err := checkURL(c.URL); err != nil {
		add("url", err.Error(), "write the address of the zwave-js-server, mostly ws://localhost:3000")
	}
	if c.Node < 1 || c.Node > lastNode {
		add("node", fmt.Sprintf("a node id is 1 to %d", lastNode), "take the node id that the Z-Wave software shows for the lock")
	}
	if c.Endpoint < 0 || c.Endpoint > lastEndpoint {
		add("endpoint", fmt.Sprintf("an endpoint is 0 to %d", lastEndpoint), "leave it out")
	}
	if c.CodeDigits != 0 && (c.CodeDigits < leastDigits || c.CodeDigits > mostDigits) {
		add("code_digits", fmt.Sprintf("a code has %d to %d digits", leastDigits, mostDigits), "leave it out unless all codes of this lock have one length")
	}
	return errors.Join(errs...)
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return errors.New("there is no address")
	case err != nil:
		return errors.New("it is no address")
	case u.Scheme != "ws" && u.Scheme != "wss":
		return fmt.Errorf("the address begins with %q, not with ws:// or wss://", u.Scheme)
	case u.Hostname() == "":
		return errors.New("the address has no host")
	case u.User != nil:
		return errors.New("a zwave-js-server takes no name and password")
	}
	return nil
}

// Traits implements hw.BoltDescriber.
func (c Config) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true, SensesDoor: c.DoorSensor}
}

// Driver is the bolt driver "zwave".
func Driver() hw.Driver[device.Bolt] {
	return hw.New("zwave", "a Z-Wave lock, through a zwave-js-server", Config{},
		func(ctx context.Context, env *hw.Env, c Config) (device.Bolt, error) { return Open(ctx, env, c) })
}

// Open starts to connect to the lock. Orders are refused until it has answered.
func Open(ctx context.Context, env *hw.Env, c Config) (*Lock, error) {
	server, err := hw.Share(ctx, env, "zwave:"+c.URL, func(context.Context) (*server, func() error, error) {
		s := newServer(env.Log, c.URL)
		return s, s.close, nil
	})
	if err != nil {
		return nil, err
	}
	key := fmt.Sprintf("zwave:%s#%d.%d:%s", c.URL, c.Node, c.Endpoint, env.Device())
	return hw.Share(ctx, env, key, func(context.Context) (*Lock, func() error, error) {
		l := newLock(env.Device(), env.Log, server, c)
		if err := server.join(l); err != nil {
			l.cancel()
			return nil, nil, err
		}
		go l.run()
		return l, l.close, nil
	})
}
