package lines

import (
	"context"
	"strings"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// contact is an input that may not be there.
type contact struct{ in hw.Input }

func borrow(ctx context.Context, env *hw.Env, ref hw.Ref) (contact, error) {
	if ref == "" {
		return contact{}, nil
	}
	in, err := env.Input(ctx, ref)
	return contact{in: in}, err
}

func (c contact) there() bool { return c.in != nil }

// watch returns nil, from which nothing ever comes, where there is no contact.
func (c contact) watch(ctx context.Context) <-chan hw.Level {
	if c.in == nil {
		return nil
	}
	return c.in.Watch(ctx)
}

// read returns Unknown where there is no contact.
func (c contact) read(ctx context.Context) (device.Tri, string, error) {
	if c.in == nil {
		return device.Unknown, "", nil
	}
	level, err := c.in.Read(ctx)
	return made(level), level.Fault, err
}

func made(level hw.Level) device.Tri {
	if level.Active {
		return device.Yes
	}
	return device.No
}

func not(t device.Tri) device.Tri {
	switch t {
	case device.Yes:
		return device.No
	case device.No:
		return device.Yes
	default:
		return device.Unknown
	}
}

// faults puts what is wrong into one sentence.
func faults(all ...string) string {
	var some []string
	for _, f := range all {
		if f != "" {
			some = append(some, f)
		}
	}
	return strings.Join(some, "; ")
}
