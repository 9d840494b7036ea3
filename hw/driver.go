package hw

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"

	"github.com/loquet/loquet/device"
)

// Driver is one way to make a device of kind D (device.Opener, device.Bolt, Board ...): a name, a line
// of documentation, typed settings and how to open it. Make one with New.
type Driver[D any] struct {
	Name   string
	Doc    string       // one line
	Config reflect.Type // the struct of its settings

	load func(decode func(any) error) (any, func(context.Context, *Env) (D, error), error)
}

// Checker is implemented by settings that can be wrong although each of them has the right type. The
// error is a FieldError, or several joined.
type Checker interface{ Check() error }

// DoorDescriber is implemented by the settings of every opener.
type DoorDescriber interface{ Traits() device.DoorTraits }

// BoltDescriber is implemented by the settings of every bolt.
type BoltDescriber interface{ Traits() device.BoltTraits }

// New makes a driver. defaults is copied for each device; fields tagged `line:"output"` or
// `line:"input"` are the lines it will ask for (see Uses). open asks env for everything it needs, and
// starts nothing that outlives env.
func New[D, C any](name, doc string, defaults C, open func(ctx context.Context, env *Env, c C) (D, error)) Driver[D] {
	load := func(decode func(any) error) (any, func(context.Context, *Env) (D, error), error) {
		c := defaults
		if decode != nil {
			if err := decode(&c); err != nil {
				return nil, nil, err
			}
		}
		if err := check(c); err != nil {
			return nil, nil, err
		}
		return c, func(ctx context.Context, env *Env) (D, error) { return open(ctx, env, c) }, nil
	}
	return Driver[D]{Name: name, Doc: doc, Config: reflect.TypeFor[C](), load: load}
}

func check(c any) error {
	err := checkRefs(c)
	if checker, ok := c.(Checker); ok {
		err = errors.Join(err, checker.Check())
	}
	return err
}

// Chosen is a driver with the settings of one device, checked but not opened.
type Chosen[D any] struct {
	Driver string
	Config any // the settings, by value; ask it for its Traits

	open func(context.Context, *Env) (D, error)
}

// Open opens the device. Errors name it and say what to do.
func (c Chosen[D]) Open(ctx context.Context, env *Env) (D, error) {
	d, err := c.open(ctx, env)
	if err != nil {
		var none D
		return none, opError(env.device, "open "+c.Driver, err)
	}
	return d, nil
}

// ErrUnknownDriver is wrapped when a configuration names a driver that this build does not have.
var ErrUnknownDriver = errors.New("unknown driver")

// Registry holds the drivers for one kind of device.
type Registry[D any] struct{ drivers map[string]Driver[D] }

// NewRegistry lists drivers. It panics when a name is listed twice, which no configuration can cause.
func NewRegistry[D any](drivers ...Driver[D]) *Registry[D] {
	r := &Registry[D]{drivers: make(map[string]Driver[D], len(drivers))}
	for _, d := range drivers {
		if _, ok := r.drivers[d.Name]; ok {
			panic("hw: two drivers named " + d.Name)
		}
		r.drivers[d.Name] = d
	}
	return r
}

// Names returns the names of the drivers, sorted.
func (r *Registry[D]) Names() iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(r.drivers)))
}

// All returns the drivers, sorted by name.
func (r *Registry[D]) All() iter.Seq[Driver[D]] {
	return func(yield func(Driver[D]) bool) {
		for name := range r.Names() {
			if !yield(r.drivers[name]) {
				return
			}
		}
	}
}

// Load reads the settings of one device: decode fills a struct that already holds the defaults, and is
// strict about what it does not know. Nothing is opened. A nil decode leaves the defaults.
func (r *Registry[D]) Load(name string, decode func(any) error) (Chosen[D], error) {
	d, ok := r.drivers[name]
	if !ok {
		return Chosen[D]{}, fmt.Errorf("%w %q, have %v", ErrUnknownDriver, name, slices.Collect(r.Names()))
	}
	config, open, err := d.load(decode)
	if err != nil {
		return Chosen[D]{}, err
	}
	return Chosen[D]{Driver: name, Config: config, open: open}, nil
}

// Open is Load followed by Chosen.Open.
func (r *Registry[D]) Open(ctx context.Context, env *Env, name string, decode func(any) error) (D, error) {
	chosen, err := r.Load(name, decode)
	if err != nil {
		var none D
		return none, err
	}
	return chosen.Open(ctx, env)
}
