package netlocktest

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A connection may come about in the moment in which the house ends and finds none to close.
func TestAConnectionAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := &house{ctx: ctx}
	near, far := net.Pipe()
	defer near.Close()
	cancel()
	h.set(near)
	_ = far.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the connection stays: %v", err)
	}
}
