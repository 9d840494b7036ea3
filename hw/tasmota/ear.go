package tasmota

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board"
)

// ear hears what the broker delivers of one device, and says whether that is there.
type ear struct {
	c      Config
	mqtt   hw.MQTT
	cancel context.CancelFunc
	done   chan struct{}
	come   chan struct{} // it is worth asking the device

	mu     sync.Mutex
	broker bool            // there is one
	away   bool            // it says that the device is not there
	kept   map[string]bool // orders that it keeps
	asked  *tally          // what was asked over this connection
	talk   *link           // what hears the device; nil while nothing is asked
}

func listen(c Config, m hw.MQTT) *ear {
	ctx, cancel := context.WithCancel(context.Background())
	e := &ear{c: c, mqtt: m, cancel: cancel, done: make(chan struct{}), come: make(chan struct{}, 1), kept: map[string]bool{}, asked: newTally()}
	events := m.Listen(ctx, c.at("stat", "+"), c.at("tele", "+"), c.at("cmnd", "+"))
	go func() {
		defer close(e.done)
		for event := range events {
			e.event(event)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.changed(false)
	}()
	return e
}

func (e *ear) close() {
	e.cancel()
	<-e.done
}

// begin says who may be asked now, or why nobody.
func (e *ear) begin() (board.Link, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case !e.broker:
		return nil, fmt.Errorf("%w: there is no connection to the MQTT broker", device.ErrUnavailable)
	case e.away:
		return nil, fmt.Errorf("%w: the broker says that the device is not connected", device.ErrUnavailable)
	}
	for topic := range e.kept {
		return nil, strange("take it away: publish an empty message that is kept (retained) to that topic, and switch SwitchRetain, ButtonRetain and PowerRetain off on the device",
			"the broker keeps an order for it at %s, which would be carried out at each reconnection", board.Clip(topic))
	}
	e.talk = newLink(e.c, e.mqtt, e.asked)
	return e.talk, nil
}

func (e *ear) event(m hw.MQTTEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case m.Topic == "":
		clear(e.kept)
		e.away = false
		e.changed(m.Up)
	case strings.HasPrefix(m.Topic, e.c.at("cmnd", "")):
		if m.Retained {
			e.kept[m.Topic] = true
			e.drop()
		} else if len(m.Payload) == 0 {
			delete(e.kept, m.Topic)
		}
	case m.Topic == e.c.at("tele", "LWT"):
		if len(m.Payload) <= len("Offline") {
			e.present(string(m.Payload), m.Retained)
		}
	case m.Retained: // nobody says how old it is
	default:
		e.hear(m.Topic, m.Payload)
	}
}

// hear takes a live message of stat or tele. The caller holds mu.
func (e *ear) hear(topic string, payload []byte) {
	leaf, answer := strings.CutPrefix(topic, e.c.at("stat", ""))
	if !answer {
		leaf, _ = strings.CutPrefix(topic, e.c.at("tele", ""))
	}
	s, ok := parse(leaf, payload)
	if !ok {
		return
	}
	old := !answer || e.asked.answered(s.question())
	if e.talk != nil {
		e.talk.hear(s, old)
	}
}

// present is what the broker says of the device's connection. One that is new begins from the start: the
// device may have been set otherwise. The caller holds mu.
func (e *ear) present(word string, retained bool) {
	switch word {
	case "Offline":
		e.away = true
		e.drop()
	case "Online":
		e.away = false
		if !retained {
			e.asked = newTally()
			e.drop()
		}
		e.look()
	}
}

// changed is a change of the broker. The caller holds mu.
func (e *ear) changed(up bool) {
	e.broker = up
	e.asked = newTally()
	e.drop()
	e.look()
}

// drop ends what is said to the device. The caller holds mu.
func (e *ear) drop() {
	if e.talk != nil {
		e.talk.Close()
		e.talk = nil
	}
}

func (e *ear) look() {
	select {
	case e.come <- struct{}{}:
	default:
	}
}
