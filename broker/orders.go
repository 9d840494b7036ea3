package broker

import (
	"net"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// OrderDesk is where clients of the broker give orders to the house. What is said there is delivered to nobody, never
// kept and never queued: it is heard once, while the client that says it is connected, or not at all.
type OrderDesk struct {
	Filter string // the topics, which must be among those that the house alone writes
	Kind   string // the kind of account that may write there all the same
	// Take hears what is said there, in the order of each client; it must not wait.
	Take func(Order)
}

// Order is what a client said on a topic of orders. With a Fault it is none.
type Order struct {
	Client, User, Remote string // User is the account that the client proved; empty: none
	Topic                string
	Payload              string // empty with a Fault
	Fault                OrderFault
}

// OrderFault is why something that was said on a topic of orders is no order.
type OrderFault uint8

// Faults.
const (
	OrderFine    OrderFault = iota
	OrderForeign            // the account may not give any
	OrderKept               // it was to be kept by the broker for whoever comes later
	OrderAgain              // it was sent before
	OrderLong               // it is longer than an order can be
)

// maxOrder is the longest order, in bytes.
const maxOrder = 32

// heard takes what a client said on a topic of orders.
func (d *doorman) heard(v *visitor, pk packets.Packet) {
	o := Order{Client: plain(v.id), User: v.user, Remote: v.remote, Topic: pk.TopicName}
	switch {
	case pk.FixedHeader.Retain:
		o.Fault = OrderKept
	case pk.FixedHeader.Dup:
		o.Fault = OrderAgain
	case len(pk.Payload) > maxOrder:
		o.Fault = OrderLong
	default:
		o.Payload = string(pk.Payload)
	}
	d.desk.Take(o)
}

// isOrder reports whether a topic is one of orders to the house.
func (d *doorman) isOrder(topic string) bool { return d.desk != nil && Matches(d.desk.Filter, topic) }

// mayOrder reports whether a client may give orders, and tells of one that may not.
func (d *doorman) mayOrder(v *visitor, topic string) bool {
	if v.user != "" && v.kind == d.desk.Kind {
		return true
	}
	d.desk.Take(Order{Client: plain(v.id), User: v.user, Remote: v.remote, Topic: topic, Fault: OrderForeign})
	return false
}

// How a connection that gives orders is watched: together with TCP_USER_TIMEOUT (giveUp) it ends about five seconds after
// the other side was last heard of, so that what was held up for longer on its way never arrives.
const (
	watchIdle  = 2 * time.Second
	watchEvery = time.Second
	watchTimes = 3
)

func watchful() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: watchIdle, Interval: watchEvery, Count: watchTimes}
}

// watch does so with the connection of a client that gives orders.
func (d *doorman) watch(cl *mochi.Client, v *visitor) {
	g, ok := cl.Net.Conn.(*guest)
	if !ok || d.desk == nil || v.kind != d.desk.Kind {
		return
	}
	if c, ok := g.Conn.(*net.TCPConn); ok {
		_ = c.SetKeepAliveConfig(watchful()) // without it such an order is as old as TCP lets it become
	}
}
