// Package mqtt is the house's MQTT as the program holds it: the broker in the process or the connection to
// another one, the accounts of devices, and what the owner is told when something is wrong with them.
package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

// Options say which broker. Config is nil in a house without MQTT.
type Options struct {
	Config  *config.MQTT
	Install string // the identity of the house, for what it publishes
	Storage broker.Storage
	Roster  *roster.Roster // what accounts that give orders may do
	// Command and Refused are the devices and the history of the house, for the orders it takes.
	Command func(ctx context.Context, id string, c device.Command) (device.Answer, error)
	Refused func(device.Entry)
	Board   *health.Board
	Log     zerolog.Logger
}

// House is the MQTT of a running house.
type House struct {
	options  Options
	accounts *broker.Accounts
	server   *broker.Server // nil with another broker
	client   *broker.Client
	shown    *publisher // nil where nothing is published
	desk     *desk      // nil where no orders are taken

	life   context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu   sync.Mutex
	told map[trouble]last // what strangers caused
	// boards are the numbers of Garadget boards, by name.
	boards map[string]string
	seen   map[string]time.Time // when an account was let in last
}

// clientID is what the house calls itself at a broker.
const clientID = "loquet"

// What strangers on the network can put on the list of problems, and how long it stays there.
const (
	maxTold     = 16
	forgetAfter = 10 * time.Minute
	toldOnce    = 10 * time.Second // in which the same is logged once
)

// Open starts the broker or the connection to one; it waits for neither. It returns nil in a house without.
func Open(o Options) (*House, error) {
	if o.Config == nil {
		return nil, nil
	}
	h := &House{options: o, told: map[trouble]last{}, boards: map[string]string{}, seen: map[string]time.Time{}}
	c := broker.ClientOptions{ID: clientID, Changed: h.changed, Denied: h.denied, Log: o.Log}
	ctx, cancel := context.WithCancel(context.Background())
	h.life, h.cancel = ctx, cancel
	node := nodeOf(o.Install)
	if o.Config.Publishes() {
		c.WillTopic, c.Will = statusTopic(node), "offline"
		h.shown = newPublisher(node, o.Config.TakesOrders(), o.Log)
	}
	if o.Config.TakesOrders() {
		h.desk = &desk{node: node, shown: h.shown, may: h.may, command: o.Command, refused: o.Refused, strange: h.strange, log: o.Log, ctx: ctx,
			line: map[string]chan device.Command{}}
	}
	if err := h.choose(&c); err != nil {
		cancel()
		return nil, err
	}
	h.client = broker.NewClient(c)
	if h.server != nil {
		h.all.Go(func() {
			if err := h.server.Run(ctx); err != nil {
				o.Log.Error().Err(err).Msg("the MQTT broker ended")
			}
		})
		h.all.Go(func() { h.meet(ctx) })
	}
	if h.shown != nil {
		events := h.client.Listen(ctx, keptTopics(node)...)
		h.all.Go(func() { h.shown.run(ctx, h.client.Keep, events) })
	}
	if h.desk != nil && h.server == nil {
		events := h.client.Orders(ctx, orderTopics(node))
		h.all.Go(func() { h.desk.listen(events) })
	}
	h.all.Go(func() { h.client.Run(ctx) })
	h.all.Go(func() { h.forget(ctx) })
	return h, nil
}

// choose says how the client reaches its broker.
func (h *House) choose(c *broker.ClientOptions) error {
	if h.options.Config.URL == "" {
		accounts, err := broker.OpenAccounts(h.options.Storage)
		if err != nil {
			return err
		}
		accounts.Revise(revised)
		h.accounts = accounts
		node := nodeOf(h.options.Install)
		server := broker.ServerOptions{Listen: h.options.Config.Listen, Accounts: accounts, Own: ownTopics(node), Told: h.notice, Log: h.options.Log}
		if h.desk != nil {
			server.Orders = &broker.OrderDesk{Filter: orderTopics(node), Kind: homeAssistant, Take: h.desk.take}
		}
		h.server = broker.NewServer(server)
		c.Dial = h.server.Dial
		return nil
	}
	at, err := url.Parse(h.options.Config.URL)
	if err != nil {
		return fmt.Errorf("mqtt url: %w", err)
	}
	c.Dial = broker.Dialer(at)
	c.User = h.options.Config.User
	if file := h.options.Config.PasswordFile; file != "" {
		c.Password = func() ([]byte, error) {
			password, err := os.ReadFile(file)
			return bytes.TrimRight(password, "\r\n"), err
		}
	}
	return nil
}

// Connection is what drivers are lent.
func (h *House) Connection() hw.MQTT { return h.client }

// Stop ends the connection and the broker.
func (h *House) Stop(ctx context.Context) error {
	h.cancel()
	done := make(chan struct{})
	go func() {
		h.all.Wait()
		h.desk.wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// changed hears whether there is a connection.
func (h *House) changed(err error) {
	if err == nil {
		h.options.Log.Info().Msg("connected to the MQTT broker")
		h.options.Board.Clear(health.MQTTAway, "")
		return
	}
	h.options.Log.Warn().Err(err).Msg("no connection to the MQTT broker")
	h.options.Board.Raise(health.MQTTAway, "", err.Error())
}

// denied hears of topics that the broker does not let the house read.
func (h *House) denied(filter string, on bool) {
	if on {
		h.options.Board.Raise(health.MQTTDenied, filter, "")
		return
	}
	h.options.Board.Clear(health.MQTTDenied, filter)
}

// notice hears from the broker in the process.
func (h *House) notice(n broker.Notice) {
	code, listed := map[broker.NoticeKind]health.Code{
		broker.Refused: health.MQTTRefused, broker.SameName: health.MQTTSameName, broker.TooMuch: health.MQTTTooMuch,
	}[n.Kind]
	switch {
	case n.Kind == broker.PortBusy && n.On:
		h.options.Board.Raise(health.MQTTPortBusy, "", n.Detail)
	case n.Kind == broker.PortBusy:
		h.options.Board.Clear(health.MQTTPortBusy, "")
	case n.Kind == broker.Entered:
		h.mu.Lock()
		h.seen[n.User] = time.Now()
		h.mu.Unlock()
		h.welcome(n)
	case n.Kind == broker.Foreign:
		h.options.Log.Warn().Str("client", n.Client).Str("user", n.User).Str("remote", n.Remote).Str("detail", n.Detail).Msg("an announcement was not taken")
	case listed:
		h.options.Log.Warn().Str("client", n.Client).Str("remote", n.Remote).Str("detail", n.Detail).Msg("MQTT device not served")
		h.tell(code, n)
	}
}

// strange tells the owner of what was no order, once in a while of each client.
func (h *House) strange(code health.Code, n broker.Notice) {
	h.mu.Lock()
	was, known := h.told[trouble{code, n.Client}]
	h.mu.Unlock()
	if !known || time.Since(was.at) >= toldOnce {
		h.options.Log.Warn().Str("client", n.Client).Str("user", n.User).Str("remote", n.Remote).Str("detail", n.Detail).Msg("an order over MQTT was not followed")
	}
	h.tell(code, n)
}

// trouble is a problem with one client of the broker.
type trouble struct {
	code   health.Code
	client string
}

// last is when a problem happened last, and from where.
type last struct {
	at   time.Time
	host string
}

// tell puts a client on the list of problems, while there is room.
func (h *House) tell(code health.Code, n broker.Notice) {
	t := trouble{code, n.Client}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.told[t]; !known && len(h.told) >= maxTold {
		return
	}
	h.told[t] = last{time.Now(), host(n.Remote)}
	h.options.Board.Raise(code, n.Client, n.Detail)
}

// welcome takes a device off the list that was refused and gets in now. One that gets in from another
// address may be another device: the one that was refused may still stand outside.
func (h *House) welcome(n broker.Notice) {
	t := trouble{health.MQTTRefused, n.Client}
	h.mu.Lock()
	defer h.mu.Unlock()
	if was, known := h.told[t]; known && was.host == host(n.Remote) {
		delete(h.told, t)
		h.options.Board.Clear(t.code, t.client)
	}
}

// host is an address without its port.
func host(remote string) string {
	if at, _, err := net.SplitHostPort(remote); err == nil {
		return at
	}
	return remote
}

// forget takes what did not happen again off the list.
func (h *House) forget(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			h.mu.Lock()
			for t, was := range h.told {
				if now.Sub(was.at) > forgetAfter {
					delete(h.told, t)
					h.options.Board.Clear(t.code, t.client)
				}
			}
			h.mu.Unlock()
		}
	}
}
