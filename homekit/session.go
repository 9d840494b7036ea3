package homekit

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	writeLimit   = 10 * time.Second // a controller that takes no bytes for so long is gone
	instantQueue = 32               // button presses that wait for one session
)

// session is a verified connection: one controller, its keys, its subscriptions, its timed write. All of that dies
// with it. Its writer goroutine alone touches the cipher and the socket.
type session struct {
	number     uint64
	controller string // id of the pairing; what it may do is looked up at each use
	nc         net.Conn
	table      *table
	quiet      time.Duration // time between two events; 0: none
	cipher     *frameCipher

	ctx    context.Context // ends when the session is revoked or the server stops, not when the controller hangs up
	cancel context.CancelCauseFunc

	out    chan *message
	wake   chan struct{}
	done   chan struct{}
	closed sync.Once
	gone   func(*session) // called once when the session ends
	free   func([]byte)   // takes buffers back

	prepared prepared // used by the reader only

	mu       sync.Mutex // after table.mu
	subs     map[ID]*subscription
	pending  []ID
	instants []instantEvent
	inflight int // requests without a written answer; events wait
	lastSent time.Time
	seen     map[ID]uint64 // the versions of writable characteristics that it was shown
	seenAll  uint64        // the version of the table that it was shown whole

	scratch []byte // of the writer: an event that is being written
}

// subscription is a characteristic that the session wants to hear of.
type subscription struct {
	pending bool
	wrote   []byte // the value this session wrote itself and has not heard another one since
}

type instantEvent struct {
	attr  *attribute
	value []byte
}

// close ends the session at once.
func (ss *session) close() {
	ss.closed.Do(func() {
		close(ss.done)
		ss.nc.Close()
		ss.gone(ss)
	})
}

// revoke closes the session and tells a write in flight to give up.
func (ss *session) revoke(cause error) {
	ss.cancel(cause)
	ss.close()
}

// begin marks a request as being answered: events wait until its response is written.
func (ss *session) begin() {
	ss.mu.Lock()
	ss.inflight++
	ss.mu.Unlock()
}

// send hands a response to the writer. It waits only while the writer is at work on the one before.
func (ss *session) send(m *message) bool {
	select {
	case ss.out <- m:
		return true
	case <-ss.done:
		m.finish()
		return false
	}
}

// write is the one goroutine that writes to the socket.
func (ss *session) write() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	defer ss.close()
	var frames, events []byte
	for {
		var m *message
		select {
		case m = <-ss.out:
		case <-ss.wake:
		case <-timer.C:
		case <-ss.done:
			return
		}
		frames = frames[:0]
		if m != nil {
			if need := len(m.bytes()) + (len(m.bytes())/frameMax+1)*(2+tagSize); cap(frames) < need {
				frames = make([]byte, 0, need)
			}
			frames = ss.cipher.seal(frames, m.bytes())
			ss.free(m.b)
		}
		var wait time.Duration
		events, wait = ss.collect(events[:0], m != nil)
		frames = ss.cipher.seal(frames, events)
		if wait > 0 {
			timer.Reset(wait)
		}
		if len(frames) > 0 {
			ss.nc.SetWriteDeadline(time.Now().Add(writeLimit))
			_, err := ss.nc.Write(frames)
			m.finish()
			if err != nil {
				return
			}
		}
		if m != nil && m.last {
			linger(ss.nc)
			return
		}
		if cap(frames) > 32<<10 { // one large answer must not keep its size for hours
			frames = nil
		}
	}
}

// linger lets the last answer arrive: closing with unread bytes in the socket would reset the connection and could
// destroy it.
func linger(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if tcp.CloseWrite() != nil {
		return
	}
	if tcp.SetReadDeadline(time.Now().Add(500*time.Millisecond)) != nil {
		return
	}
	var drop [512]byte
	for range 64 {
		if _, err := tcp.Read(drop[:]); err != nil {
			return
		}
	}
}

// collect appends the event messages that are due. answered says that a response has just been put into the batch.
// The result's wait is when to look again, 0 for not at all.
func (ss *session) collect(b []byte, answered bool) (events []byte, wait time.Duration) {
	ss.table.mu.RLock()
	defer ss.table.mu.RUnlock()
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if answered {
		ss.inflight--
	}
	if ss.inflight > 0 {
		return b, 0
	}
	for _, e := range ss.instants {
		m := newMessage(ss.scratch)
		m.b = append(m.b, `{"characteristics":[`...)
		m.b = append(appendItem(m.b, e.attr, e.value), "]}"...)
		b = append(b, m.event().bytes()...)
		ss.scratch = m.b
	}
	ss.instants = ss.instants[:0]
	if len(ss.pending) == 0 {
		return b, 0
	}
	if wait := time.Until(ss.lastSent.Add(ss.quiet)); ss.quiet > 0 && !ss.lastSent.IsZero() && wait > 0 {
		return b, wait
	}
	m := newMessage(ss.scratch)
	m.b = append(m.b, `{"characteristics":[`...)
	first := true
	for _, id := range ss.pending {
		sub, a := ss.subs[id], ss.table.st.attrs[id]
		if sub == nil || a == nil || !sub.pending {
			continue
		}
		sub.pending = false
		ss.note(a)
		if sub.wrote != nil {
			if string(sub.wrote) == string(a.value) {
				continue // its own write: HAP R2 6.8 excludes the originator
			}
			sub.wrote = nil
		}
		if !first {
			m.b = append(m.b, ',')
		}
		first = false
		m.b = appendItem(m.b, a, a.value)
	}
	ss.pending = ss.pending[:0]
	if first {
		return b, 0
	}
	m.b = append(m.b, "]}"...)
	ss.lastSent, ss.scratch = time.Now(), m.b
	return append(b, m.event().bytes()...), 0
}

func appendItem(b []byte, a *attribute, value []byte) []byte {
	b = append(append(b, a.idJSON...), `,"value":`...)
	return append(append(b, value...), '}')
}

// hear takes note of published values. It runs under the table's lock.
func (ss *session) hear(all []news) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	awake := false
	for _, n := range all {
		sub := ss.subs[n.attr.ID]
		if sub == nil {
			continue
		}
		if n.attr.instant {
			if n.changed && len(ss.instants) < instantQueue {
				ss.instants = append(ss.instants, instantEvent{n.attr, n.value})
				awake = true
			}
			continue
		}
		// A controller that wrote 1 shows 1. If the owner then says 0, it must hear so even where 0 was shown before.
		stale := sub.wrote != nil && string(sub.wrote) != string(n.value)
		if (n.changed || stale) && !sub.pending {
			sub.pending = true
			ss.pending = append(ss.pending, n.attr.ID)
		}
		awake = awake || sub.pending
	}
	if awake {
		ss.nudge()
	}
}

func (ss *session) nudge() {
	select {
	case ss.wake <- struct{}{}:
	default:
	}
}

// prune drops the subscriptions of characteristics that are gone. It runs under the table's lock.
func (ss *session) prune(st *structure) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	for id := range ss.subs {
		if a := st.attrs[id]; a == nil || !a.can(permNotify) {
			delete(ss.subs, id)
		}
	}
}

func (ss *session) subscribe(id ID, on bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	switch {
	case !on && ss.subs[id] != nil:
		delete(ss.subs, id)
		ss.pending = slices.DeleteFunc(ss.pending, func(p ID) bool { return p == id })
	case !on:
	case ss.subs[id] == nil:
		ss.subs[id] = &subscription{}
	}
}

func (ss *session) subscribed(id ID) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.subs[id] != nil
}

// writing notes the value that this session is about to write; failed takes that back.
func (ss *session) writing(id ID, value []byte) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if sub := ss.subs[id]; sub != nil {
		sub.wrote = value
	}
}

func (ss *session) failed(id ID) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if sub := ss.subs[id]; sub != nil {
		sub.wrote = nil
	}
}
