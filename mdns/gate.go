package mdns

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Bounds of what is taken in. A legitimate packet fits a jumbo frame (RFC 6762 17); the longest
// known-answer list of one packet stays below maxRecords.
const (
	headerSize   = 12
	maxPacket    = 9000
	maxQuestions = 128
	maxRecords   = 512
	maxSources   = 1024
	// maxQueued bounds the memory of packets that wait: the most costly ones, which are 15 each, take
	// some 600 kB, because names of 255 bytes are two bytes on the wire.
	maxQueued  = 512
	familiar   = 3 * time.Second // a source heard for that long is no stranger
	forgotten  = time.Minute     // a silent source is forgotten
	sweepEvery = time.Second
)

// Rates in packets a second; large packets count more.
const (
	packetsPerSource = 100
	packetsOfAll     = 3000 // beyond what quiet sources send
	// Unicast answers are few: one to a host that does not exist waits in the kernel for seconds,
	// and enough of them would fill the socket. Who gets none is answered by multicast.
	repliesPerSource = 10
	repliesToAll     = 15
	// quietRate is what a familiar source may always send (not ask to be sent). With maxSources it bounds what many of
	// them can cost.
	quietRate = 5
)

// inbound is a packet that was let in and read.
type inbound struct {
	msg       *dns.Msg
	cost      int64
	sum       uint64 // of the bytes, to know our own
	link      int
	family    Family
	from      netip.AddrPort
	multicast bool
}

// gate stands between the readers and the owner: it drops what is malformed, too large or too much,
// before it costs anything, and never waits.
type gate struct {
	limit    *limiter
	queued   atomic.Int64 // cost of what is in the inbox
	received atomic.Uint64
	flooded  atomic.Uint64
	bad      atomic.Uint64
	full     atomic.Uint64
}

// deliver runs on the readers.
func (o *owner) deliver(p Packet) {
	g := o.gate
	g.received.Add(1)
	cost, ok := weigh(p.Data)
	if !ok {
		g.bad.Add(1)
		return
	}
	if !g.limit.allow(p.From.Addr(), cost, time.Now()) {
		g.flooded.Add(1)
		return
	}
	msg, err := parse(p.Data)
	if err != nil {
		g.bad.Add(1)
		return
	}
	in := &inbound{
		msg:       msg,
		cost:      int64(cost),
		sum:       maphash.Bytes(o.seed, p.Data),
		link:      p.Interface,
		family:    p.Family,
		from:      p.From,
		multicast: p.Multicast,
	}
	if g.queued.Add(in.cost) > maxQueued {
		g.queued.Add(-in.cost)
		g.full.Add(1)
		return
	}
	o.inbox <- in // never full: each packet costs 1 at least
}

// weigh looks at the header only: whether the packet is worth reading, and what reading it costs.
func weigh(data []byte) (cost float64, ok bool) {
	if len(data) < headerSize || len(data) > maxPacket {
		return 0, false
	}
	count := func(at int) int { return int(binary.BigEndian.Uint16(data[at:])) }
	questions, records := count(4), count(6)+count(8)+count(10)
	if questions > maxQuestions || records > maxRecords || questions+records == 0 {
		return 0, false
	}
	return float64(1 + len(data)/2048 + (questions+records)/64), true
}

// parse reads a packet that weigh has accepted. Messages with another opcode or with a response code
// are not for us (RFC 6762 18.3, 18.11).
func parse(data []byte) (*dns.Msg, error) {
	msg := new(dns.Msg)
	if err := msg.Unpack(data); err != nil {
		return nil, err
	}
	if msg.Opcode != dns.OpcodeQuery || msg.Rcode != dns.RcodeSuccess {
		return nil, dns.ErrRcode
	}
	return msg, nil
}

// limiter gives each source a token bucket, and all sources of a family together one for strangers and
// one for those that have been heard for a while; what a familiar source sends at an ordinary pace
// passes in any case. So a loud source costs only itself, and a flood from made-up addresses costs
// only newcomers. It holds at most maxSources sources.
type limiter struct {
	mu      sync.Mutex
	sources map[netip.Addr]*sender
	all     [len(families)][2]bucket // strangers, familiars
	swept   time.Time
}

// sender is one source.
type sender struct {
	since   time.Time // first heard
	quiet   bucket
	loud    bucket
	replies bucket
}

func newLimiter() *limiter { return &limiter{sources: map[netip.Addr]*sender{}} }

// allow takes tokens for a packet of a source, or says that there are none.
func (l *limiter) allow(from netip.Addr, cost float64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sources[from]
	if s == nil {
		l.sweep(now)
		s = &sender{since: now}
		if len(l.sources) < maxSources {
			l.sources[from] = s
		}
	}
	known := s.familiar(now)
	if known == 1 && s.quiet.take(quietRate, cost, now) {
		return true
	}
	return s.loud.take(packetsPerSource, cost, now) && l.all[familyOf(from)][known].take(packetsOfAll, cost, now)
}

// familiar is 1 for a source that has been heard for a while.
func (s *sender) familiar(now time.Time) int {
	if now.Sub(s.since) >= familiar {
		return 1
	}
	return 0
}

// replies limits the unicast answers to sources that the limiter knows.
type replies struct {
	limit *limiter
	all   [2]bucket // to strangers, to familiars
}

// allow takes a token for an answer to a source, or says that there is none.
func (r *replies) allow(to netip.Addr, now time.Time) bool {
	r.limit.mu.Lock()
	defer r.limit.mu.Unlock()
	s := r.limit.sources[to]
	if s == nil {
		s = &sender{since: now}
	}
	return s.replies.take(repliesPerSource, 1, now) && r.all[s.familiar(now)].take(repliesToAll, 1, now)
}

// bucket holds tokens up to one burst: two seconds of its rate.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) take(rate, cost float64, now time.Time) bool {
	const burst = 2
	if b.last.IsZero() {
		b.tokens = burst * rate
	} else {
		b.tokens = min(burst*rate, b.tokens+now.Sub(b.last).Seconds()*rate)
	}
	b.last = now
	if b.tokens < cost {
		return false
	}
	b.tokens -= cost
	return true
}

// sweep makes room when the table is full.
func (l *limiter) sweep(now time.Time) {
	if len(l.sources) < maxSources || now.Sub(l.swept) < sweepEvery {
		return
	}
	l.swept = now
	for addr, s := range l.sources {
		if now.Sub(s.quiet.last) > forgotten && now.Sub(s.loud.last) > forgotten {
			delete(l.sources, addr)
		}
	}
}
