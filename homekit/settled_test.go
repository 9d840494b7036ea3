package homekit

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// A controller gets its session at once, and its first answer when there is something to tell.
func TestRequestsWaitForTheFirstValues(t *testing.T) {
	settled := make(chan struct{})
	h := open(t, 1, func(c *Config) { c.Settled = settled })
	c := h.admin()
	if err := c.Send(haptest.Request("GET", "/characteristics?id=2.11", "", nil)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if e, err := c.NextEvent(50 * time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("something came before the first values: %s %v", e.Body, err)
	}
	if err := h.Publish(Value{2, iidTarget, 0}); err != nil {
		t.Fatal(err)
	}
	close(settled)
	r, err := c.ReadResponse()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Body); got != `{"characteristics":[{"aid":2,"iid":11,"value":0}]}` {
		t.Errorf("answer %s", got)
	}
}

// Nobody waits for a house that stops before it has settled.
func TestStopEndsTheWaitForTheFirstValues(t *testing.T) {
	h := open(t, 1, func(c *Config) { c.Settled = make(chan struct{}) })
	c := h.admin()
	if err := c.Send(haptest.Request("GET", "/accessories", "", nil)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := h.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Closed(5 * time.Second); err != nil {
		t.Error(err)
	}
}
