package broker

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// doorman decides who gets into the broker and what they may say there.
type doorman struct {
	mochi.HookBase
	server   *mochi.Server
	accounts *Accounts
	own      []string
	desk     *OrderDesk // nil: nobody gives orders
	told     func(Notice)

	mu       sync.RWMutex
	visitors map[*mochi.Client]*visitor
	names    map[string]ending // whose each client id is
	adopting adoption
	changes  map[string]*changes  // by client id
	quiet    map[string]time.Time // who said too much, by account or address, and until when it stays out
	kept     map[string]int       // bytes of the messages that are kept, by topic
	keptSum  int

	born  time.Time    // what is compared is counted from here: the calendar may be set meanwhile
	crush atomic.Int64 // until when the house cannot take in all that is said, in ns since then
}

// visitor is a client that got in.
type visitor struct {
	id     string
	user   string
	kind   string // of its account
	remote string
	rights Rights
	rate   rate
	talk   talk
}

// adoption lets devices without an account in, for a while.
type adoption struct {
	until  time.Time
	rights Rights
}

// changes are the times at which a client id went over to another address.
type changes struct {
	remote string
	times  []time.Time
}

// Bounds of what clients say.
const (
	maxFilters     = 64 // of one subscription
	maxKept        = 4096
	maxKeptBytes   = 4 << 20
	maxClientID    = 64
	quietTime      = 5 * time.Second
	throwsOut      = 3 // changes of address within throwsOutIn: two devices of one name
	throwsOutIn    = 2 * time.Minute
	maxClientsSeen = 256
)

func newDoorman(server *mochi.Server, o ServerOptions) *doorman {
	return &doorman{born: time.Now(), server: server, accounts: o.Accounts, own: o.Own, desk: o.Orders, told: o.Told, visitors: map[*mochi.Client]*visitor{}, names: map[string]ending{},
		changes: map[string]*changes{}, quiet: map[string]time.Time{}, kept: map[string]int{}}
}

// ID implements mochi.Hook.
func (d *doorman) ID() string { return "doorman" }

// Provides implements mochi.Hook.
func (d *doorman) Provides(b byte) bool {
	return bytes.IndexByte([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPacketRead, mochi.OnSubscribe,
		mochi.OnPublish, mochi.OnPublishDropped, mochi.OnWill, mochi.OnDisconnect}, b) >= 0
}

// OnPacketRead implements mochi.Hook. Devices that have no account say so with empty values, which MQTT 3.1.1
// allows (3.1.3.4, 3.1.3.5) and the library does not.
func (d *doorman) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Connect {
		pk.Connect.UsernameFlag = pk.Connect.UsernameFlag && len(pk.Connect.Username) > 0
		pk.Connect.PasswordFlag = pk.Connect.PasswordFlag && len(pk.Connect.Password) > 0
		return pk, nil
	}
	v := d.visitor(cl)
	if v == nil || v.rate.allows(time.Now(), pk.FixedHeader.Remaining) {
		return pk, nil
	}
	d.silence(v)
	d.told(Notice{Kind: TooMuch, Client: plain(v.id), Remote: v.remote, Detail: "it sent more than one device can have to say"})
	return pk, packets.ErrRejectPacket
}

// OnConnectAuthenticate implements mochi.Hook.
func (d *doorman) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	if cl.Net.Listener == forTheHouse {
		c, ok := cl.Net.Conn.(ending)
		return !ok || d.takeOver(cl.ID, c)
	}
	v := &visitor{id: cl.ID, user: string(pk.Connect.Username), remote: cl.Net.Remote, rate: newRate(time.Now())}
	why := d.admit(v, string(pk.Connect.Password))
	g, ours := cl.Net.Conn.(*guest)
	if why == "" && ours && !d.takeOver(v.id, g) {
		why = "its last connection does not end"
	}
	if why != "" {
		d.told(Notice{Kind: Refused, Client: plain(cl.ID), Remote: cl.Net.Remote, Detail: why})
		return false
	}
	if pk.Connect.WillFlag && (!v.may(pk.Connect.WillTopic, true) || d.ours(pk.Connect.WillTopic) || IsCommand(pk.Connect.WillTopic)) {
		cl.Properties.Will = mochi.Will{} // nobody asks about it again; and no device falls silent with an order
	}
	if ours {
		g.limit.Store(int64(v.rights.Packet))
		g.known.Store(true)
	}
	d.mu.Lock()
	d.visitors[cl] = v
	d.mu.Unlock()
	d.watch(cl, v)
	d.told(Notice{Kind: Entered, Client: plain(v.id), User: v.user, Remote: v.remote})
	d.watchName(v)
	return true
}

// admit says why a visitor does not get in.
func (d *doorman) admit(v *visitor, password string) string {
	if v.id == "" || len(v.id) > maxClientID || plain(v.id) != v.id || strings.ContainsAny(v.id, "/+#%$") {
		return "its client id cannot be used in a topic"
	}
	if d.silenced(v) {
		return "it said too much a moment ago"
	}
	if d.taken(v) {
		return "another device has this name already"
	}
	if v.user == "" && password == "" {
		d.mu.RLock()
		open := d.adopting
		d.mu.RUnlock()
		if !time.Now().Before(open.until) || d.accounts.owned(v.id) {
			return "it has no user and no password"
		}
		v.rights = open.rights.of(v.id)
		d.told(Notice{Kind: NotAdopted, Client: plain(v.id), Remote: v.remote})
		return ""
	}
	account, err := d.accounts.enter(v.user, password, v.id)
	if err != nil {
		return err.Error()
	}
	v.rights, v.kind = account.Rights.of(v.id), account.Kind
	return ""
}

// who is what a visitor is remembered by.
func (v *visitor) who() string {
	if v.user == "" {
		return host(v.remote)
	}
	return v.user
}

// silence keeps a visitor out for a while: a new connection is no new allowance.
func (d *doorman) silence(v *visitor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.quiet) >= maxClientsSeen {
		clear(d.quiet)
	}
	d.quiet[v.who()] = time.Now().Add(quietTime)
}

func (d *doorman) silenced(v *visitor) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return time.Now().Before(d.quiet[v.who()])
}

// taken reports whether somebody else is connected under this client id.
func (d *doorman) taken(v *visitor) bool {
	other, ok := d.server.Clients.Get(v.id)
	if !ok || other.Closed() {
		return false
	}
	there := d.visitor(other)
	if there == nil {
		return other.Net.Listener == forTheHouse
	}
	if there.user != v.user {
		return true
	}
	if v.user == "" && host(there.remote) != host(v.remote) { // nobody can say which of them is meant
		d.told(Notice{Kind: SameName, Client: plain(v.id), Remote: v.remote, Detail: host(there.remote) + " and " + host(v.remote)})
		return true
	}
	return false
}

// watchName notices two devices of one name that throw each other out for ever.
func (d *doorman) watchName(v *visitor) {
	now, at := time.Now(), host(v.remote)
	d.mu.Lock()
	c := d.changes[v.id]
	if c == nil && len(d.changes) >= maxClientsSeen {
		clear(d.changes)
	}
	if c == nil {
		c = &changes{remote: at}
		d.changes[v.id] = c
	}
	before := c.remote
	if before != at {
		c.remote = at
		c.times = append(slices.DeleteFunc(c.times, func(t time.Time) bool { return now.Sub(t) > throwsOutIn }), now)
	}
	often := before != at && len(c.times) >= throwsOut
	d.mu.Unlock()
	if often {
		d.told(Notice{Kind: SameName, Client: plain(v.id), Remote: v.remote, Detail: before + " and " + at})
	}
}

// OnACLCheck implements mochi.Hook. It is asked for each message and each subscription.
func (d *doorman) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	if cl.Net.Listener == forTheHouse {
		return true
	}
	v := d.visitor(cl)
	if v != nil && write && d.isOrder(topic) {
		return d.mayOrder(v, topic)
	}
	return v != nil && (v.may(topic, write) || write && d.announces(v, topic)) && (!write || !d.ours(topic))
}

// ours reports whether only the house writes a topic.
func (d *doorman) ours(topic string) bool {
	return slices.ContainsFunc(d.own, func(f string) bool { return Matches(f, topic) })
}

func (v *visitor) may(topic string, write bool) bool {
	allowed := v.rights.Read
	if write {
		allowed = v.rights.Write
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return Covers(a, topic) })
}

// OnSubscribe implements mochi.Hook. Nothing is ever sent a second time.
func (d *doorman) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	filters := slices.Clone(pk.Filters)
	for i := range filters {
		filters[i].Qos = 0
		if i >= maxFilters && cl.Net.Listener != forTheHouse {
			filters[i].Filter = "$refused" // too many: nobody may read that
		}
	}
	pk.Filters = filters
	return pk
}

// OnPublishDropped implements mochi.Hook: the house does not keep up.
func (d *doorman) OnPublishDropped(cl *mochi.Client, _ packets.Packet) {
	if cl.Net.Listener == forTheHouse {
		d.crush.Store(int64(time.Since(d.born) + crushTime))
	}
}

// OnPublish implements mochi.Hook. A command that is to be kept, or was sent before, is no command. When the
// house does not keep up, those who talk much are not heard: a board that says little is.
func (d *doorman) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	v := d.visitor(cl)
	if v != nil {
		now := time.Now()
		if v.talk.much(now) && int64(now.Sub(d.born)) < d.crush.Load() {
			return pk, packets.CodeSuccessIgnore
		}
	}
	if d.isOrder(pk.TopicName) {
		if v != nil {
			d.heard(v, pk)
		}
		return pk, packets.CodeSuccessIgnore
	}
	if IsCommand(pk.TopicName) && (pk.FixedHeader.Retain || pk.FixedHeader.Dup) {
		return pk, packets.CodeSuccessIgnore
	}
	if v != nil && len(v.rights.Nodes) > 0 && announced(pk.TopicName) != "" {
		if topic := v.foreign(pk.Payload); topic != "" {
			d.told(Notice{Kind: Foreign, Client: plain(v.id), User: v.user, Remote: v.remote, Detail: "its announcement names a topic that is not its own: " + plain(topic)})
			return pk, packets.CodeSuccessIgnore
		}
	}
	if pk.FixedHeader.Retain && !d.keep(pk.TopicName, len(pk.Payload)) {
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

// OnWill implements mochi.Hook: what a device leaves behind takes room as all that is kept does.
func (d *doorman) OnWill(_ *mochi.Client, will mochi.Will) (mochi.Will, error) {
	will.Retain = will.Retain && d.keep(will.TopicName, len(will.Payload))
	return will, nil
}

// keep reports whether there is room to keep a message.
func (d *doorman) keep(topic string, size int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, had := d.kept[topic]
	if size == 0 {
		delete(d.kept, topic)
		d.keptSum -= before
		return true
	}
	size += len(topic)
	if !had && len(d.kept) >= maxKept || d.keptSum-before+size > maxKeptBytes {
		return false
	}
	d.kept[topic] = size
	d.keptSum += size - before
	return true
}

// OnDisconnect implements mochi.Hook.
func (d *doorman) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.visitors, cl)
}

func (d *doorman) visitor(cl *mochi.Client) *visitor {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.visitors[cl]
}

// of puts a client id into the topics.
func (r Rights) of(client string) Rights {
	fill := func(in []string) []string {
		out := make([]string, len(in))
		for i, f := range in {
			out[i] = strings.ReplaceAll(f, "%c", client)
		}
		return out
	}
	chip, _ := strings.CutPrefix(client, "DVES_")
	if chip == client {
		chip = ""
	}
	nodes := fill(r.Nodes)
	for i, n := range nodes {
		nodes[i] = strings.ReplaceAll(n, "%n", chip)
	}
	return Rights{Write: fill(r.Write), Read: fill(r.Read), Packet: min(max(r.Packet, 256), MaxPacket), Nodes: nodes}
}

func host(remote string) string {
	at := strings.LastIndex(remote, ":")
	if at < 0 {
		return remote
	}
	return remote[:at]
}

// plain replaces what does not belong in a line of text.
func plain(s string) string {
	if len(s) > maxClientID {
		s = s[:maxClientID]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}
