package homekit

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/brutella/hap/accessory"
)

// table owns the structure, the live values and the list of sessions that may want to hear of them. Its lock is held
// for memory only, never over I/O, so that Publish cannot wait for a controller.
type table struct {
	mu       sync.RWMutex
	st       *structure
	sessions map[*session]struct{}
	version  uint64 // grows with each change of a value
	news     []news // of the present publish
	text     []byte
}

func newTable() *table {
	return &table{version: 1, st: &structure{units: map[uint64]*unit{}, attrs: map[ID]*attribute{}}, sessions: map[*session]struct{}{}}
}

func (t *table) structure() *structure {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.st
}

// attach lists a session as a listener, forget takes it off.
func (t *table) attach(ss *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions[ss] = struct{}{}
}

func (t *table) forget(ss *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, ss)
}

// listeners returns the sessions that are open now.
func (t *table) listeners() []*session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*session, 0, len(t.sessions))
	for ss := range t.sessions {
		all = append(all, ss)
	}
	return all
}

// replace swaps the structure. A characteristic that can notify and was there before keeps its live value; the fixed
// ones (name, firmware) take what the definition says.
func (t *table) replace(st *structure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, a := range st.attrs {
		old := t.st.attrs[id]
		if old != nil && a.can(permNotify) && a.typ == old.typ && a.fits(old.value) {
			a.value, a.version = old.value, old.version
		}
	}
	t.st = st
	for ss := range t.sessions {
		ss.prune(st)
	}
}

// publish takes all values or none, and tells the subscribers.
func (t *table) publish(values []Value) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.news = t.news[:0]
	var errs []error
	for _, v := range values {
		n, err := t.look(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("homekit: publish %d.%d: %w", v.AID, v.IID, err))
			continue
		}
		t.news = append(t.news, n)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for i := range t.news {
		n := &t.news[i]
		if n.attr.instant {
			n.changed = !bytes.Equal(n.value, []byte("null"))
			continue // the press goes out, the value stays null
		}
		if n.changed = !bytes.Equal(n.attr.value, n.value); n.changed {
			t.version++
			n.attr.before, n.attr.value, n.attr.version = n.attr.value, n.value, t.version
		}
	}
	for ss := range t.sessions {
		ss.hear(t.news)
	}
	return nil
}

// look finds the characteristic of a value and encodes it. It runs under the lock.
func (t *table) look(v Value) (news, error) {
	a := t.st.attrs[ID{v.AID, v.IID}]
	if a == nil {
		return news{}, errors.New("no such characteristic")
	}
	var err error
	if a.instant && v.Value != nil {
		t.text, err = a.appendEvent(t.text[:0], v.Value)
	} else {
		t.text, err = a.append(t.text[:0], v.Value)
	}
	if err != nil {
		return news{}, err
	}
	return news{attr: a, value: a.known(t.text)}, nil
}

// told reports whether a controller was shown the present value of a characteristic in one of its sessions that are
// open: by an event or by an answer.
func (t *table) told(controller string, a *attribute) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for ss := range t.sessions {
		if ss.controller == controller && ss.knows(a) {
			return true
		}
	}
	return false
}

// news is one published value on its way to the sessions.
type news struct {
	attr    *attribute
	value   []byte
	changed bool
}

// SetAccessories says what the server serves, before Start and again at run time. Every accessory, service and
// characteristic carries its own id, which must never be reused for another thing; the bridge is accessory 1. Sessions
// and subscriptions stay, c# rises if anything but a value changed (HAP R2 6.6.2), and a characteristic that can
// notify keeps its live value. The definitions must not be changed afterwards.
func (s *Server) SetAccessories(as []*accessory.A) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	st, err := buildStructure(as, s.table.structure())
	if err != nil {
		return fmt.Errorf("homekit: %w", err)
	}
	s.table.replace(st)
	config := s.vault.configInfo()
	if config.number != 0 && config.hash == st.hash {
		return nil
	}
	next := configInfo{number: config.number%65535 + 1, hash: st.hash}
	if s.vault.isDamaged(keyConfig) {
		// The last number is not known. One made from the structure differs from most and is the same at each start.
		next.number = (uint16(st.hash[0])<<8|uint16(st.hash[1]))%65535 + 1
	}
	if err := s.vault.setConfig(next); err != nil {
		s.log.Error().Err(err).Msg("the configuration number could not be kept")
	}
	s.announce()
	return nil
}

// Publish sets live values. All of one call reach a controller in one message, so that no one sees the target of a
// door without its position. It never waits for a controller or a disk. If one value does not fit its characteristic,
// none is taken. A value equal to the one shown notifies nobody.
func (s *Server) Publish(values ...Value) error { return s.table.publish(values) }

// SetReachable says whether an accessory answers. While it does not, reads and writes of it give -70402; the list of
// accessories goes on showing the values last published. An unknown accessory is ignored.
func (s *Server) SetReachable(aid uint64, reachable bool) {
	if u := s.table.structure().units[aid]; u != nil {
		u.unreachable.Store(!reachable)
	}
}

// accessories answers GET /accessories from memory (HAP R2 6.6.4). The values are one consistent picture: they are
// collected under the lock and copied outside of it.
func (t *table) accessories(buf []byte, reader *session) *message {
	t.mu.RLock()
	st, version := t.st, t.version
	size := st.size
	values := make([][]byte, 0, len(st.parts))
	for i := range st.parts {
		if a := st.parts[i].value; a != nil {
			values = append(values, a.value)
			size += len(a.value)
		}
	}
	reader.sawAll(version)
	t.mu.RUnlock()
	if cap(buf) < headRoom+size {
		buf = make([]byte, 0, headRoom+size+size/8)
	}
	m := newMessage(buf)
	for i := range st.parts {
		m.b = append(m.b, st.parts[i].text...)
		if i < len(values) {
			m.b = append(m.b, values[i]...)
		}
	}
	return m.respond(200, typeJSON)
}

func (v *vault) configInfo() configInfo {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.config
}

func (v *vault) isDamaged(key string) bool {
	for _, k := range v.damage() {
		if k == key {
			return true
		}
	}
	return false
}

// Value returns the JSON of the value shown for a characteristic.
func (s *Server) Value(aid, iid uint64) ([]byte, bool) {
	s.table.mu.RLock()
	defer s.table.mu.RUnlock()
	a := s.table.st.attrs[ID{aid, iid}]
	if a == nil {
		return nil, false
	}
	return bytes.Clone(a.value), true
}
