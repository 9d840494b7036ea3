package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// subscribe asks for what e wants to hear, and tells it. What is denied is asked for again: whoever keeps
// the broker may have changed its mind without ending a connection.
func (c *Client) subscribe(l *link, e *ear) {
	for c.wanted(l, e) {
		denied, err := c.ask(l, e)
		if err != nil {
			l.drop(fmt.Errorf("subscribe: %w", err))
			_ = l.paho.Disconnect(&paho.Disconnect{}) // a new connection tries again
			return
		}
		if c.heard(l, e, denied) {
			return
		}
		timer := time.NewTimer(c.again)
		select {
		case <-l.done:
		case <-c.life.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// wanted reports whether somebody still listens, over this connection.
func (c *Client) wanted(l *link, e *ear) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, there := c.ears[e]
	return there && c.link == l
}

// ask returns what the broker does not let the house read.
func (c *Client) ask(l *link, e *ear) (denied []string, err error) {
	asked := &paho.Subscribe{}
	for _, f := range e.filters {
		asked.Subscriptions = append(asked.Subscriptions, e.subscription(f))
	}
	ctx, cancel := context.WithTimeout(c.life, connectTime)
	defer cancel()
	answer, err := l.paho.Subscribe(ctx, asked)
	if err == nil || answer == nil {
		return nil, err
	}
	for i, reason := range answer.Reasons {
		if reason >= 0x80 && i < len(e.filters) { // MQTT 5 3.9.3
			denied = append(denied, e.filters[i])
		}
	}
	return denied, nil
}

// subscription asks for one filter (MQTT 5 3.8.3.1).
func (e *ear) subscription(filter string) paho.SubscribeOptions {
	if e.orders {
		return paho.SubscribeOptions{Topic: filter, RetainHandling: doNotSend, RetainAsPublished: true, NoLocal: true}
	}
	return paho.SubscribeOptions{Topic: filter}
}

// doNotSend is the retain handling of who does not want to hear what is kept (MQTT 5 3.8.3.1).
const doNotSend = 2

// heard takes in the broker's answer, and reports whether there is nothing left to ask.
func (c *Client) heard(l *link, e *ear, denied []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.ears[e]; !there || c.link != l {
		return true
	}
	c.judge(e, denied)
	if len(denied) > 0 {
		return false
	}
	e.up()
	return true
}

// judge notes what e is denied, and tells of what is new and of what is over. c.mu is held.
func (c *Client) judge(e *ear, denied []string) {
	before := c.denied[e]
	if delete(c.denied, e); len(denied) > 0 {
		c.denied[e] = denied
	}
	for _, f := range denied {
		if !slices.Contains(before, f) {
			c.options.Log.Warn().Str("topic", f).Msg("the MQTT broker does not let the house read")
			c.options.Denied(f, true)
		}
	}
	for _, f := range before {
		if !c.denies(f) {
			c.options.Denied(f, false)
		}
	}
}

// denies reports whether anybody in the house is denied a topic. c.mu is held.
func (c *Client) denies(filter string) bool {
	for _, all := range c.denied {
		if slices.Contains(all, filter) {
			return true
		}
	}
	return false
}
