package device

import "context"

// ping asks the actor for nothing and waits for its turn.
func (a *actor[S, R]) ping(ctx context.Context) error {
	_, err := a.ask(ctx, message{kind: messagePing})
	return err
}

// Ping returns nil once the door's own goroutine has come to it: the door makes progress. It asks
// neither the driver nor the journal.
func (d *Door) Ping(ctx context.Context) error { return d.a.ping(ctx) }

// Ping does the same as Door.Ping.
func (l *Lock) Ping(ctx context.Context) error { return l.a.ping(ctx) }

// Ping does the same as Door.Ping.
func (c *Contact) Ping(ctx context.Context) error { return c.a.ping(ctx) }
