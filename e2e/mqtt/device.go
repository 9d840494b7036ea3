package mqtt

import (
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// reconnect is how long a device waits between two tries.
const reconnect = 100 * time.Millisecond

// Device is the connection of a device, which its firmware makes anew whenever it is gone.
type Device struct {
	account Account
	options Options
	hello   func(*Client)
	off     chan struct{} // closed: no power; nil as well
	all     sync.WaitGroup

	mu     sync.Mutex
	client *Client // nil while there is no connection
	frozen bool
	visits int
}

// NewDevice makes a device that has no power yet. hello, which may be nil, is what it says with each connection,
// before anything else.
func NewDevice(t testing.TB, a Account, o Options, hello func(*Client)) *Device {
	t.Helper()
	d := &Device{account: a, options: o, hello: hello}
	t.Cleanup(d.Off)
	return d
}

// Start is NewDevice with power; it returns when the device has said hello.
func Start(t testing.TB, a Account, o Options, hello func(*Client)) *Device {
	t.Helper()
	d := NewDevice(t, a, o, hello)
	d.On(t)
	return d
}

// On gives it power, and returns when the device has said hello.
func (d *Device) On(t testing.TB) {
	t.Helper()
	before := d.count()
	off := make(chan struct{})
	d.off = off
	d.mu.Lock()
	d.frozen = false
	d.mu.Unlock()
	d.all.Go(func() { d.run(off) })
	d.Await(t, before+1)
}

// Off cuts the power. The network sees that the connection has ended; nothing is said or heard any more.
func (d *Device) Off() {
	if d.off == nil {
		return
	}
	close(d.off)
	d.mu.Lock()
	if d.client != nil {
		_ = d.client.conn.Close()
	}
	d.mu.Unlock()
	d.all.Wait()
	d.off = nil
}

// Freeze stops the device without a word to anybody, the network among them: the broker finds out by itself.
// It lasts until Off.
func (d *Device) Freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = true
	if d.client != nil {
		d.client.quiet.Store(true)
	}
}

// Hush makes the device deaf and dumb for the rest of this connection.
func (d *Device) Hush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client != nil {
		d.client.quiet.Store(true)
	}
}

// Cut ends the connection, and the device makes another.
func (d *Device) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client != nil {
		_ = d.client.conn.Close()
	}
}

// Say publishes a message if there is a connection.
func (d *Device) Say(m Message) {
	d.mu.Lock()
	c := d.client
	d.mu.Unlock()
	if c != nil {
		c.Say(m)
	}
}

// Await waits until the device has said hello n times.
func (d *Device) Await(t testing.TB, n int) {
	t.Helper()
	e2e.Until(t, Limit, func() string {
		if d.count() < n {
			return d.options.ID + " to reach the broker"
		}
		return ""
	})
}

// Visits is how often it has said hello.
func (d *Device) Visits() int { return d.count() }

func (d *Device) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.visits
}

func (d *Device) run(off chan struct{}) {
	for {
		if c, err := d.account.Connect(d.options); err == nil {
			d.serve(c, off)
		}
		d.mu.Lock()
		frozen := d.frozen
		d.mu.Unlock()
		if frozen {
			<-off
			return
		}
		pause := time.NewTimer(reconnect)
		select {
		case <-off:
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// serve lasts as long as the connection.
func (d *Device) serve(c *Client, off chan struct{}) {
	defer c.Close()
	d.mu.Lock()
	select {
	case <-off:
		d.mu.Unlock()
		return
	default:
	}
	d.client = c
	c.quiet.Store(d.frozen)
	d.mu.Unlock()
	if d.hello != nil {
		d.hello(c)
	}
	d.mu.Lock()
	d.visits++
	d.mu.Unlock()
	select {
	case <-c.done:
	case <-off:
	}
	d.mu.Lock()
	d.client = nil
	d.mu.Unlock()
}
