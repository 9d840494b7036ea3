package hw

import (
	"context"
	"errors"
	"time"
)

// MQTT is the house's one connection to its broker, the embedded one or another. Commands are sent once
// by construction: quality of service 0, never retained, never kept for later.
type MQTT interface {
	// Publish hands one message to the broker. While there is no connection it fails at once and the
	// message is gone: nothing is sent when the broker is back.
	Publish(ctx context.Context, topic string, payload []byte) error
	// Listen delivers what arrives for the filters until ctx ends, and what becomes of the connection.
	// The first event tells whether there is one. A reader that falls behind by more than a few
	// hundred messages misses the oldest, and is told so by Lost. The channel is closed when ctx
	// ends or the house does.
	Listen(ctx context.Context, filters ...string) <-chan MQTTEvent
}

// MQTTEvent is one message, or a change of the connection (then Topic is empty).
type MQTTEvent struct {
	Up        bool // whether the broker is connected and the filters are subscribed
	Lost      bool // messages before this one were dropped
	Topic     string
	Payload   []byte // not to be changed; nil for a change of the connection
	Retained  bool   // the broker kept it: it may be as old as the broker, and is never a command
	Duplicate bool   // sent before
	Taken     time.Time
}

// ErrNoMQTT is returned by Env.MQTT in a house without a broker.
var ErrNoMQTT = errors.New("the house has no MQTT broker")

// UseMQTT gives the house its connection. It is called before the first For.
func (e *Env) UseMQTT(m MQTT) {
	e.house.mu.Lock()
	defer e.house.mu.Unlock()
	e.house.mqtt = m
}

// MQTT lends the house's connection to its broker.
func (e *Env) MQTT() (MQTT, error) {
	e.house.mu.Lock()
	defer e.house.mu.Unlock()
	if e.house.mqtt == nil {
		return nil, &OpError{Op: "connect to MQTT", Device: e.device, Err: ErrNoMQTT, Hint: "add an mqtt section to the configuration: listen for the built-in broker, url for another"}
	}
	return e.house.mqtt, nil
}
