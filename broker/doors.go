package broker

import (
	"log/slog"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// inside are the clients that came in by one listener. The library's own list of them waits for itself for ever when
// another client comes or goes at that moment (Clients.GetByListener takes a lock for reading twice).
func inside(m *mochi.Server, listener string) []*mochi.Client {
	var out []*mochi.Client
	for _, cl := range m.Clients.GetAll() {
		if cl.Net.Listener == listener && !cl.Closed() {
			out = append(out, cl)
		}
	}
	return out
}

// sendAway ends the connections of a listener; the library would ask its own list.
func sendAway(m *mochi.Server, listener string) {
	for _, cl := range inside(m, listener) {
		_ = m.DisconnectClient(cl, packets.ErrServerShuttingDown) // it is going anyway
	}
}

// outdoors is the listener for devices.
type outdoors struct {
	*listeners.Net
	server *mochi.Server
}

// Close implements listeners.Listener.
func (o *outdoors) Close(listeners.CloseFn) {
	o.Net.Close(func(id string) { sendAway(o.server, id) })
}

// indoors is the listener of the house's own client: nothing listens there.
type indoors struct {
	serving chan struct{}
	server  *mochi.Server
}

func newIndoors(m *mochi.Server) *indoors { return &indoors{make(chan struct{}), m} }

func (*indoors) Init(*slog.Logger) error       { return nil }
func (i *indoors) Serve(listeners.EstablishFn) { close(i.serving) }
func (*indoors) ID() string                    { return forTheHouse }
func (*indoors) Address() string               { return "" }
func (*indoors) Protocol() string              { return "pipe" }
func (i *indoors) Close(listeners.CloseFn)     { sendAway(i.server, forTheHouse) }
