package lines

import (
	"context"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// SensorConfig are the settings of the sensor driver "lines".
type SensorConfig struct {
	Contact hw.Ref `yaml:"contact" line:"input" jsonschema_description:"the contact that is made while it is closed"`
}

// Check implements hw.Checker.
func (c SensorConfig) Check() error {
	if c.Contact == "" {
		return &hw.FieldError{Field: "contact", Problem: "there is no contact", Remedy: "name its line, for example !gpio:25"}
	}
	return nil
}

// SensorDriver is the sensor driver "lines".
func SensorDriver() hw.Driver[device.Sensor] {
	return hw.New("lines", "a contact on a line, on no door that loquet moves", SensorConfig{},
		func(ctx context.Context, env *hw.Env, c SensorConfig) (device.Sensor, error) {
			return NewSensor(ctx, env, c)
		})
}

// Sensor is a contact on a line.
type Sensor struct{ in hw.Input }

var _ device.Sensor = (*Sensor)(nil)

// NewSensor borrows the line.
func NewSensor(ctx context.Context, env *hw.Env, c SensorConfig) (*Sensor, error) {
	in, err := env.Input(ctx, c.Contact)
	if err != nil {
		return nil, err
	}
	return &Sensor{in: in}, nil
}

// Readings implements device.Sensor.
func (s *Sensor) Readings(ctx context.Context) <-chan device.ContactReading {
	out := make(chan device.ContactReading, 1)
	go func() {
		for level := range s.in.Watch(ctx) {
			hw.Offer(out, device.ContactReading{Open: not(made(level)), Taken: level.At, Fault: level.Fault})
		}
		close(out)
	}()
	return out
}
