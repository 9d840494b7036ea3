package sim

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Times of a client.
const (
	answerWithin = time.Second // a world that works answers in microseconds
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// Client is a world in another process. While there is no connection its lines are unavailable; it
// connects again by itself and then requests every output anew, at rest. It never repeats an order.
type Client struct {
	path   string
	dial   func(context.Context) (net.Conn, error)
	holder string // the same for all connections of this process, so that its pulses are counted together
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	link    *link // nil while there is no connection, or lines are still being requested on it
	outputs map[string]*remoteOutput
	inputs  map[string]*remoteInput
	taps    map[int]*remoteEdges
	lastTap int
}

var _ Simulation = (*Client)(nil)

// Dial connects to the world behind a unix socket. It is an error if nobody answers there now; ctx
// bounds only that first attempt.
func Dial(ctx context.Context, path string) (*Client, error) {
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return connect(ctx, path, dial)
}

func connect(ctx context.Context, path string, dial func(context.Context) (net.Conn, error)) (*Client, error) {
	c := &Client{
		path: path, dial: dial, holder: rand.Text(), done: make(chan struct{}),
		outputs: make(map[string]*remoteOutput),
		inputs:  make(map[string]*remoteInput),
		taps:    make(map[int]*remoteEdges),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	first, err := c.open(ctx)
	if err != nil {
		c.cancel()
		return nil, &hw.OpError{
			Op: "connect to the simulated world at " + path, Err: fmt.Errorf("%w: %w", device.ErrUnavailable, err),
			Hint: "start the world first, and name its socket",
		}
	}
	c.link = first // there are no lines yet that would have to be requested first
	go c.run(first)
	return c, nil
}

// Close drives every output to rest, gives it back, and ends the connection.
func (c *Client) Close() error {
	var err error
	for _, o := range c.borrowed() {
		if closing := o.Close(); err == nil {
			err = closing
		}
	}
	c.cancel()
	<-c.done
	return err
}

func (c *Client) borrowed() []*remoteOutput {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*remoteOutput, 0, len(c.outputs))
	for _, o := range c.outputs {
		list = append(list, o)
	}
	return list
}

// Devices implements Simulation.
func (c *Client) Devices(ctx context.Context) ([]string, error) {
	r, err := c.ask(ctx, request{Op: opDevices})
	return r.Devices, err
}

// Status implements Simulation. Pulses are those since this process came.
func (c *Client) Status(ctx context.Context, device string) (Status, error) {
	r, err := c.ask(ctx, request{Op: opStatus, Device: device})
	if err != nil || r.Status == nil {
		return Status{}, err
	}
	return *r.Status, nil
}

// Event implements Simulation.
func (c *Client) Event(ctx context.Context, device string, e Event) error {
	_, err := c.ask(ctx, request{Op: opEvent, Device: device, Event: &e})
	return err
}

// ask sends a request on the connection there is.
func (c *Client) ask(ctx context.Context, r request) (reply, error) {
	l := c.connected()
	if l == nil {
		return reply{}, fmt.Errorf("%w: no connection to the simulated world at %s", device.ErrUnavailable, c.path)
	}
	return l.call(ctx, r, answerWithin)
}

func (c *Client) connected() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link
}

// open makes a connection and says hello.
func (c *Client) open(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWithin)
	defer cancel()
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, out: frameWriter{conn: conn}, waiting: make(map[uint64]chan reply), gone: make(chan struct{})}
	go l.read(c.push)
	if _, err := l.call(ctx, request{Op: opHello, Version: wireVersion, Holder: c.holder}, answerWithin); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// run keeps a connection. It alone says when lines are lost and back.
func (c *Client) run(l *link) {
	defer close(c.done)
	defer c.end()
	backoff := firstBackoff
	for {
		if l != nil {
			if c.use(l) {
				backoff = firstBackoff
			}
			l.close()
			c.leave()
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
		var err error
		if l, err = c.open(c.ctx); err != nil {
			l = nil
		}
	}
}

// use serves one connection until it ends; false if it never came into use. A line that is refused,
// because another bridge has it, is asked for again now and then.
func (c *Client) use(l *link) bool {
	used := false
	for {
		refused, ok := c.enter(l)
		if !ok {
			return used
		}
		used = true
		var again <-chan time.Time
		if len(refused) > 0 {
			again = time.After(lastBackoff)
		}
		select {
		case <-l.gone:
			return true
		case <-c.ctx.Done():
			return true
		case <-again:
			c.mu.Lock()
			for _, r := range refused {
				r.claim(nil)
			}
			c.mu.Unlock()
		}
	}
}

// enter requests the lines that are not requested on this connection, and then puts it to use.
func (c *Client) enter(l *link) (refused []registrar, ok bool) {
	var back []*remoteOutput
	for {
		todo, told := c.missing(l, back)
		if len(todo) == 0 {
			return refused, true
		}
		if told {
			back = nil
		}
		for _, r := range todo {
			_, err := l.call(c.ctx, r.request(), answerWithin)
			if err != nil && !l.alive() {
				return nil, false
			}
			if err != nil {
				refused = append(refused, r)
			} else if o, isOutput := r.(*remoteOutput); isOutput {
				back = append(back, o)
			}
		}
	}
}

// missing lists what is not requested on a connection; whoever gets it from here requests it. If that is
// nothing, the connection is put to use. Outputs are said to be back in the same instant: before, an order
// would be refused, and afterwards Back would forget an order.
func (c *Client) missing(l *link, back []*remoteOutput) (todo []registrar, told bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.outputs {
		if o.on != l {
			todo = append(todo, o)
		}
	}
	for _, in := range c.inputs {
		if in.on != l {
			todo = append(todo, in)
		}
	}
	for _, e := range c.taps {
		if e.on != l {
			todo = append(todo, e)
		}
	}
	for _, r := range todo {
		r.claim(l)
	}
	if len(todo) > 0 && c.link != l {
		return todo, false
	}
	c.link = l
	for _, o := range back {
		o.Back()
	}
	return todo, true
}

// registrar is a line that is requested on each connection.
type registrar interface {
	request() request
	claim(*link) // it is being requested on that connection; with the client locked
}

// leave says that all lines are unavailable.
func (c *Client) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
	for _, o := range c.outputs {
		o.Lost()
	}
	for _, in := range c.inputs {
		in.high.Break()
		in.low.Break()
	}
	for _, e := range c.taps {
		e.lose()
	}
}

func (c *Client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, in := range c.inputs {
		in.high.Close()
		in.low.Close()
	}
	for _, e := range c.taps {
		e.lose()
	}
}

// push takes what the world says by itself.
func (c *Client) push(r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Edge != nil {
		if e, ok := c.taps[r.Tap]; ok {
			e.edge(*r.Edge)
		}
		return
	}
	if in, ok := c.inputs[r.Line]; ok {
		in.publish(r)
	}
}
