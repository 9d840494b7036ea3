package device

import (
	"context"
	"errors"
	"time"
)

// Contact is a contact of its own. All its methods may be called from any goroutine.
type Contact struct {
	cfg ContactConfig
	a   *actor[ContactState, ContactReading]
}

// NewContact returns a contact that does nothing until Run.
func NewContact(cfg ContactConfig, s Sensor, deps Deps[ContactState]) (*Contact, error) {
	if cfg.ID == "" {
		return nil, errors.New("a contact has no id")
	}
	if s == nil {
		return nil, errors.New("contact " + cfg.ID + ": it has no sensor")
	}
	d := driver[ContactReading]{readings: s.Readings}
	if i, ok := s.(Identifier); ok {
		d.identify = i.Identify
	}
	a, err := newActor(cfg.ID, &contactMachine{desk: desk{id: cfg.ID}}, d, deps)
	if err != nil {
		return nil, err
	}
	return &Contact{cfg: cfg, a: a}, nil
}

// ID returns the id of the configuration.
func (c *Contact) ID() string { return c.cfg.ID }

// Name returns the name of the configuration.
func (c *Contact) Name() string { return c.cfg.Name }

// Config returns what the contact is.
func (c *Contact) Config() ContactConfig { return c.cfg }

// Run lets the contact live until ctx ends, and returns its error.
func (c *Contact) Run(ctx context.Context) error { return c.a.serve(ctx) }

// State returns what is known of the contact now. It never waits.
func (c *Contact) State() ContactState { return c.a.state() }

// Busy is false: nothing is ever owed to a contact.
func (c *Contact) Busy() bool { return false }

// Identify lets the contact show which one it is. errors.ErrUnsupported if it cannot.
func (c *Contact) Identify(ctx context.Context) error {
	_, err := c.a.ask(ctx, message{kind: messageIdentify})
	return err
}

// contactMachine shows a contact once it has been still for 300 ms.
type contactMachine struct {
	desk
	st   ContactState
	up   bool
	r    ContactReading
	open steady[Tri]
}

func (m *contactMachine) state() ContactState { return m.st }
func (m *contactMachine) busy() bool          { return false }
func (m *contactMachine) begin(time.Time)     {}

func (m *contactMachine) command(_ time.Time, r request) {
	m.reject(r, m.refusal(RefusedUnsupported, nil))
}

func (m *contactMachine) lockOut(_ time.Time, _ bool, _ Cause, id uint64) {
	m.fx.tell(reply{id: id, err: m.refusal(RefusedUnsupported, nil)})
}

func (m *contactMachine) reading(now time.Time, r ContactReading) {
	r.Taken = taken(now, r.Taken, m.r.Taken)
	if m.up && r.Taken.Before(m.r.Taken) {
		return
	}
	m.alarm(NoticeAway, false, "")
	m.r, m.up = r, true
	m.open.see(now, r.Open)
	m.trouble(r.Fault, false, m.open.restless(now))
	m.expire(now)
	m.st.Available, m.st.Fault, m.st.Battery = true, r.Fault, r.Battery
}

func (m *contactMachine) lost(time.Time) {
	m.alarm(NoticeAway, true, "")
	m.up, m.st.Available = false, false
}

func (m *contactMachine) suspended(now time.Time) {
	if m.up {
		m.open.doubt(now)
	}
}

func (m *contactMachine) expire(now time.Time) {
	m.alarm(NoticeBounces, m.open.restless(now), "")
	known := !m.open.truthAt.IsZero()
	if !m.up || !m.open.settle(now, stableTime) || m.open.truth == m.st.Open {
		return
	}
	m.st.Open, m.st.Since = m.open.truth, now
	if known {
		word := "closed"
		switch m.st.Open {
		case Yes:
			word = "open"
		case Unknown:
			word = "unknown"
		case No:
		}
		m.fx.write(Entry{Kind: EntryObserved, Device: m.id, Cause: outside(), State: word})
	}
}

func (m *contactMachine) done(_ time.Time, r result[ContactReading]) {
	switch {
	case r.late:
	case r.op.kind == opIdentify:
		m.fx.tell(reply{id: r.op.asker, err: r.err})
	case r.op.kind == opRecord:
		m.journalled(r.err)
	}
}

func (m *contactMachine) next() time.Time {
	if !m.up {
		return m.open.quietAt()
	}
	return earlier(m.open.due(stableTime), m.open.quietAt())
}

func (m *contactMachine) end(time.Time) { m.up, m.st.Available = false, false }
