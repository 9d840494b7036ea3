package shelly

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// sending tells whether a request left this machine, perhaps: as soon as there is a connection it may.
type sending struct{ connected atomic.Bool }

func (s *sending) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { s.connected.Store(true) },
	})
}

func (s *sending) done() bool { return s.connected.Load() }
