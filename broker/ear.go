package broker

import (
	"context"
	"slices"
	"sync"

	"github.com/loquet/loquet/hw"
)

// What one listener may leave unread: so many messages, or so many bytes in more than one.
const (
	maxUnread      = 512
	maxUnreadBytes = 512 << 10
)

// ear is one listener and what it has not read yet.
type ear struct {
	filters []string
	orders  bool // what is kept is no order
	out     chan hw.MQTTEvent
	wake    chan struct{} // something is in the queue

	mu         sync.Mutex
	subscribed bool
	queue      []hw.MQTTEvent
	early      []hw.MQTTEvent // came before the subscription was confirmed
	bytes      int            // of both
	topics     map[string]share
	lost       bool // the next message comes after lost ones
}

// share is what one topic has of what is unread.
type share struct{ messages, bytes int }

func newEar(filters []string) *ear {
	return &ear{filters: slices.Clone(filters), out: make(chan hw.MQTTEvent), wake: make(chan struct{}, 1), topics: map[string]share{}}
}

// count notes that a message came (1) or went (-1); mu is held.
func (e *ear) count(event hw.MQTTEvent, n int) {
	if event.Topic == "" {
		return
	}
	e.bytes += n * len(event.Payload)
	s := e.topics[event.Topic]
	s.messages, s.bytes = s.messages+n, s.bytes+n*len(event.Payload)
	if e.topics[event.Topic] = s; s.messages == 0 {
		delete(e.topics, event.Topic)
	}
}

// serve hands over what is in the queue until ctx ends.
func (e *ear) serve(ctx context.Context) {
	defer close(e.out)
	for {
		event, ok := e.take()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-e.wake:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case e.out <- event:
		}
	}
}

func (e *ear) take() (hw.MQTTEvent, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.queue) == 0 {
		return hw.MQTTEvent{}, false
	}
	event := e.queue[0]
	e.queue[0] = hw.MQTTEvent{} // its payload may go
	if e.queue = e.queue[1:]; len(e.queue) == 0 {
		e.queue = nil
	}
	e.count(event, -1)
	if event.Topic != "" && e.lost {
		event.Lost, e.lost = true, false
	}
	return event, true
}

func (e *ear) wants(topic string) bool {
	return slices.ContainsFunc(e.filters, func(f string) bool { return Matches(f, topic) })
}

// put adds a message; where there are too many, the oldest go of the topic that has most of them: who talks
// much does not talk others down.
func (e *ear) put(event hw.MQTTEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.subscribed {
		e.early = append(e.early, event)
	} else {
		e.queue = append(e.queue, event)
	}
	e.count(event, 1)
	for unread := len(e.queue) + len(e.early); unread > 1 && (unread > maxUnread || e.bytes > maxUnreadBytes); unread-- {
		e.forget(unread > maxUnread)
	}
	e.ring()
}

// forget drops a message: of the topic with most messages, or most bytes.
func (e *ear) forget(messages bool) {
	e.lost = true
	size := func(topic string) int {
		if messages {
			return e.topics[topic].messages
		}
		return e.topics[topic].bytes
	}
	most := 0
	for topic := range e.topics {
		most = max(most, size(topic))
	}
	for _, list := range []*[]hw.MQTTEvent{&e.queue, &e.early} {
		i := slices.IndexFunc(*list, func(event hw.MQTTEvent) bool { return event.Topic != "" && size(event.Topic) == most })
		if i < 0 {
			continue
		}
		e.count((*list)[i], -1)
		*list = slices.Delete(*list, i, i+1)
		return
	}
}

// up says that the filters are subscribed, and then what came meanwhile.
func (e *ear) up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subscribed = true
	e.change(true)
	e.queue = append(e.queue, e.early...)
	e.early = nil
	e.ring()
}

// down says that there is no connection.
func (e *ear) down() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.subscribed = false
	for _, event := range e.early {
		e.count(event, -1)
	}
	e.early = nil
	e.change(false)
	e.ring()
}

// change adds what became of the connection. Of several changes without a message between them the last
// one counts, and that there was a loss.
func (e *ear) change(up bool) {
	fell := false
	for n := len(e.queue); n > 0 && e.queue[n-1].Topic == ""; n-- {
		fell = fell || !e.queue[n-1].Up
		e.queue = e.queue[:n-1]
	}
	if up && fell {
		e.queue = append(e.queue, hw.MQTTEvent{})
	}
	e.queue = append(e.queue, hw.MQTTEvent{Up: up})
}

func (e *ear) ring() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
