package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Bounds of the client. The keep-alive finds a broker that hangs within ten seconds.
const (
	keepAlive      = 5 // seconds
	connectTime    = 5 * time.Second
	firstWait      = 200 * time.Millisecond
	lastWait       = 3 * time.Second
	messageExpiry  = uint32(5) // seconds: what is older must not move a door any more
	maxTopic       = 512
	maxPublished   = 256 << 10
	incomingAtOnce = uint16(64)
	deniedWait     = 30 * time.Second // before a topic that is denied is asked for again
)

// ClientOptions say how to reach a broker. Dial and ID are required.
type ClientOptions struct {
	Dial func(ctx context.Context) (net.Conn, error)
	ID   string // the client id; two clients of one id throw each other out
	User string
	// Password is asked before each connection; nil: there is none.
	Password func() ([]byte, error)
	// Will is what the broker keeps and says on this topic when the connection ends; empty: nothing.
	WillTopic, Will string
	// Changed hears of each new connection (nil) and why there is none; it must not wait.
	Changed func(err error)
	// Denied hears of a topic that the broker does not let the house read (on), and when that is over:
	// it may, or nobody in the house wants it any more. It must not wait, nor ask the client anything.
	Denied func(filter string, on bool)
	Log    zerolog.Logger
}

// Client is the house's one connection. It serves every driver; make it with NewClient and let it Run.
type Client struct {
	options ClientOptions
	life    context.Context
	end     context.CancelFunc
	again   time.Duration // before a topic that is denied is asked for again

	mu   sync.Mutex
	link *link // nil while there is no connection
	ears map[*ear]struct{}
	// denied are the topics that the broker does not let an ear hear.
	denied map[*ear][]string
}

var _ hw.MQTT = (*Client)(nil)

// link is one connection, from the broker's welcome to its end.
type link struct {
	paho *paho.Client
	done chan struct{}
	once sync.Once
	why  error
}

func (l *link) drop(why error) {
	l.once.Do(func() {
		l.why = why
		close(l.done)
	})
}

// NewClient returns a client that is not connected yet.
func NewClient(o ClientOptions) *Client {
	c := &Client{options: o, again: deniedWait, ears: map[*ear]struct{}{}, denied: map[*ear][]string{}}
	c.life, c.end = context.WithCancel(context.Background())
	if c.options.Changed == nil {
		c.options.Changed = func(error) {}
	}
	if c.options.Denied == nil {
		c.options.Denied = func(string, bool) {}
	}
	return c
}

// Run keeps the connection up until ctx ends; then every Listen ends.
func (c *Client) Run(ctx context.Context) {
	defer c.end()
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, lastWait) {
		l, err := c.connect(ctx)
		if err == nil {
			wait = firstWait
			err = c.serve(ctx, l)
		}
		if ctx.Err() != nil {
			return
		}
		c.options.Changed(err)
		pause(ctx, wait)
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (c *Client) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var password []byte
	if c.options.Password != nil {
		var err error
		if password, err = c.options.Password(); err != nil {
			return nil, err
		}
	}
	conn, err := c.options.Dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &link{done: make(chan struct{})}
	l.paho = paho.NewClient(paho.ClientConfig{
		ClientID: c.options.ID, Conn: newWire(conn), PacketTimeout: connectTime,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){c.receive},
		OnClientError:     l.drop,
		OnServerDisconnect: func(d *paho.Disconnect) {
			l.drop(fmt.Errorf("the broker ended the connection, reason %#x", d.ReasonCode))
		},
	})
	receive, size := incomingAtOnce, uint32(MaxPacket)
	hello := &paho.Connect{ClientID: c.options.ID, CleanStart: true, KeepAlive: keepAlive,
		Properties: &paho.ConnectProperties{ReceiveMaximum: &receive, MaximumPacketSize: &size}}
	if c.options.User != "" {
		hello.UsernameFlag, hello.Username = true, c.options.User
	}
	if len(password) > 0 {
		hello.PasswordFlag, hello.Password = true, password
	}
	if c.options.WillTopic != "" {
		hello.WillMessage = &paho.WillMessage{Retain: true, Topic: c.options.WillTopic, Payload: []byte(c.options.Will)}
	}
	answer, err := l.paho.Connect(ctx, hello)
	if answer != nil && (answer.ReasonCode == 0x86 || answer.ReasonCode == 0x87) { // MQTT 5 3.2.2.2
		return nil, ErrCredentials
	}
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if answer.SessionPresent { // MQTT 5 3.2.2.1.1: it must not be, and who knows what waits in it
		_ = l.paho.Disconnect(&paho.Disconnect{}) // it is going anyway
		return nil, errors.New("the broker resumes a session of another day, which it was told to forget")
	}
	return l, nil
}

// ErrCredentials says that the broker does not know the user or the password.
var ErrCredentials = errors.New("the broker refuses the user or the password")

// serve lets every listener know of the connection, and waits for its end.
func (c *Client) serve(ctx context.Context, l *link) error {
	c.mu.Lock()
	c.link = l
	for e := range c.ears {
		go c.subscribe(l, e)
	}
	c.mu.Unlock()
	c.options.Changed(nil)
	select {
	case <-ctx.Done():
		bye := &paho.Disconnect{}
		if c.options.WillTopic != "" {
			bye.ReasonCode = 0x04 // and say what is left behind (MQTT 5 3.14.2.1)
		}
		_ = l.paho.Disconnect(bye) // it is going anyway
		l.drop(ctx.Err())
	case <-l.paho.Done():
		l.drop(errors.New("the connection ended"))
	case <-l.done:
	}
	<-l.paho.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = nil
	for e := range c.ears {
		e.down()
	}
	return l.why
}

// Publish implements hw.MQTT.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte) error {
	expiry := messageExpiry
	return c.publish(ctx, &paho.Publish{Topic: topic, Payload: payload, Properties: &paho.PublishProperties{MessageExpiry: &expiry}})
}

// Keep publishes something that is so, which the broker keeps for whoever comes later; an empty payload takes it
// away. It is refused on topics that devices take orders on.
func (c *Client) Keep(ctx context.Context, topic string, payload []byte) error {
	if IsCommand(topic) {
		return fmt.Errorf("keep at %.80q: orders are never kept", topic)
	}
	return c.publish(ctx, &paho.Publish{Topic: topic, Payload: payload, Retain: true})
}

func (c *Client) publish(ctx context.Context, m *paho.Publish) error {
	if m.Topic == "" || len(m.Topic) > maxTopic || strings.ContainsAny(m.Topic, "+#\x00") || len(m.Payload) > maxPublished {
		return fmt.Errorf("publish to %.80q: not a topic, or too much to say", m.Topic)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l == nil {
		return fmt.Errorf("%w: there is no connection to the MQTT broker", device.ErrUnavailable)
	}
	if _, err := l.paho.Publish(ctx, m); err != nil {
		// a packet that was cut short is none: the broker never acts on it
		return fmt.Errorf("%w: the connection to the MQTT broker broke: %w", device.ErrUnavailable, err)
	}
	return nil
}

// Listen implements hw.MQTT. A filter stays subscribed until the connection ends.
func (c *Client) Listen(ctx context.Context, filters ...string) <-chan hw.MQTTEvent {
	return c.listen(ctx, newEar(filters))
}

// Orders is Listen for topics of orders to the house. What the broker has kept there is not asked for, and a message
// that is to be kept says so (Retained) when it is heard live as well (MQTT 5 3.8.3.1). No other Listen of this
// client may name such a topic: the broker may deliver a message once for each.
func (c *Client) Orders(ctx context.Context, filter string) <-chan hw.MQTTEvent {
	e := newEar([]string{filter})
	e.orders = true
	return c.listen(ctx, e)
}

func (c *Client) listen(ctx context.Context, e *ear) <-chan hw.MQTTEvent {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(c.life, cancel)
	go func() {
		defer cancel()
		e.serve(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.ears, e)
		c.judge(e, nil)
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ears[e] = struct{}{}
	if c.link == nil {
		e.down()
		return e.out
	}
	go c.subscribe(c.link, e)
	return e.out
}

// receive hands one message to everybody who wants it.
func (c *Client) receive(p paho.PublishReceived) (bool, error) {
	event := hw.MQTTEvent{Up: true, Topic: p.Packet.Topic, Payload: p.Packet.Payload, Retained: p.Packet.Retain,
		Duplicate: p.Packet.Duplicate(), Taken: time.Now()}
	if event.Payload == nil {
		event.Payload = []byte{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range c.ears {
		if e.wants(event.Topic) {
			e.put(event)
		}
	}
	return true, nil
}
