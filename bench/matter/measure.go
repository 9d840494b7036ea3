package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/bench/figures"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// Names of the metrics.
const (
	metricStart     = "cold start to the first answered CASE session"
	metricAdd       = "commissioning"
	metricRead      = "read of everything"
	metricReadOne   = "read of one attribute"
	metricInvoke    = "timed invoke that owes nothing"
	metricReport    = "report of what a sensor saw"
	metricMemory    = "memory after the run"
	metricBothRatio = "memory of both protocols"
)

// Of the clusters and commands that are used.
const (
	doorLock      = 0x101
	lockState     = 0
	doorState     = 3
	covering      = 0x102
	safetyStatus  = 26
	lockDoor      = 0
	setUser       = 0x1A
	setCredential = 0x22
	node          = 5
)

// tb lets the controller of the tests work outside of a test: what fails there ends the program.
type tb struct {
	testing.TB
	ends []func()
}

func (t *tb) Helper()                   {}
func (t *tb) Cleanup(f func())          { t.ends = append(t.ends, f) }
func (t *tb) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (t *tb) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

func (t *tb) end() {
	for _, f := range slices.Backward(t.ends) {
		f()
	}
}

// visitor is a controller that has added a server.
type visitor struct {
	*mattertest.Controller
	tb    *tb
	to    net.Addr
	on    *session.Session
	locks []uint16
}

func newVisitor() (*visitor, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &tb{}
	return &visitor{tb: t, Controller: mattertest.NewControllerOn(t, conn, mattertest.NewAuthority(t, 0xB0, false), 112233),
		to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}}, nil
}

// measure adds a server, gives each lock a user with a PIN, starts it again, and asks it. It returns the memory in the end.
func (o *options) measure(ctx context.Context, k kind, like figures.Record) (float64, error) {
	dir, err := os.MkdirTemp("", "lqm")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	s, v, err := o.inUse(ctx, k, dir, like)
	if err != nil {
		return 0, err
	}
	defer v.tb.end()
	defer s.stop()
	if err := o.ask(ctx, s, v, like); err != nil {
		return 0, fmt.Errorf("%w; it said: %s", err, s.Said())
	}
	memory := figures.Status(s.PID(), "VmRSS") / 1000
	return memory, o.say(like, metricMemory, "MB", figures.One(memory))
}

func (o *options) say(like figures.Record, metric, unit string, f figures.Figure) error {
	like.Metric, like.Unit, like.Figure = metric, unit, f
	return o.out.Add(like)
}

// inUse is a server that was added, has users and was started again: a cold start of a home in use.
func (o *options) inUse(ctx context.Context, k kind, dir string, like figures.Record) (*server, *visitor, error) {
	s, err := k.start(o, dir)
	if err != nil {
		return nil, nil, err
	}
	v, err := newVisitor()
	if err != nil {
		return nil, nil, errors.Join(err, s.stop())
	}
	if err := v.add(ctx, o, s, like); err != nil {
		return nil, nil, errors.Join(err, errors.New(s.Said()), s.stop())
	}
	if err := s.stop(); err != nil {
		return nil, nil, err
	}
	if s, err = k.start(o, dir); err != nil {
		return nil, nil, err
	}
	if err := v.back(ctx, s); err != nil {
		return nil, nil, errors.Join(err, errors.New(s.Said()), s.stop())
	}
	return s, v, o.say(like, metricStart, "ms", figures.One(float64(time.Since(s.Began))/1e6))
}

// add commissions a server and gives each lock a user with a PIN.
func (v *visitor) add(ctx context.Context, o *options, s *server, like figures.Record) error {
	code, err := s.passcode(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = figures.Within(ctx, 2*time.Minute, func() error {
		limited, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		v.on, err = v.Commission(limited, v.tb, v.to, code, node)
		return err
	})
	if err != nil {
		return fmt.Errorf("commissioning: %w", err)
	}
	if err := o.say(like, metricAdd, "ms", figures.One(float64(time.Since(began))/1e6)); err != nil {
		return err
	}
	all, err := v.Read(ctx, v.on)
	if err != nil {
		return err
	}
	for at := range all.Values {
		if at.Cluster == doorLock && at.Attribute == lockState {
			v.locks = append(v.locks, at.Endpoint)
		}
	}
	slices.Sort(v.locks)
	if len(v.locks) != s.kind.locks {
		return fmt.Errorf("%d locks, not %d", len(v.locks), s.kind.locks)
	}
	for i, lock := range v.locks {
		if err := v.people(ctx, lock, i); err != nil {
			return fmt.Errorf("user and PIN of lock %d: %w", i+1, err)
		}
	}
	return nil
}

// people gives a lock a user with a PIN of six digits (Matter 1.4 sections 5.2.10.34 and 5.2.10.39).
func (v *visitor) people(ctx context.Context, lock uint16, i int) error {
	if _, err := v.Invoke(ctx, v.on, mattertest.Command{Endpoint: lock, Cluster: doorLock, ID: setUser, Timed: true, Fill: func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 0) // add
		w.Uint(tlv.Context(1), 1) // the first user
		w.Text(tlv.Context(2), fmt.Sprintf("User %d", i+1))
		w.Null(tlv.Context(3))
		w.Uint(tlv.Context(4), 1) // enabled
		w.Uint(tlv.Context(5), 0) // unrestricted
		w.Uint(tlv.Context(6), 0) // single
	}}); err != nil {
		return fmt.Errorf("SetUser: %w", err)
	}
	answer, err := v.Invoke(ctx, v.on, mattertest.Command{Endpoint: lock, Cluster: doorLock, ID: setCredential, Timed: true, Fill: func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 0) // add
		w.Struct(tlv.Context(1))
		w.Uint(tlv.Context(0), 1) // a PIN
		w.Uint(tlv.Context(1), 1)
		w.End()
		w.Octets(tlv.Context(2), fmt.Appendf(nil, "%06d", 480271+7919*i))
		w.Uint(tlv.Context(3), 1)
		w.Null(tlv.Context(4))
		w.Null(tlv.Context(5))
	}})
	if err == nil && answer.Uint8(0) != 0 {
		err = fmt.Errorf("status %d", answer.Uint8(0))
	}
	if err != nil {
		return fmt.Errorf("SetCredential: %w", err)
	}
	return nil
}

// back opens a session with a server that has just been started.
func (v *visitor) back(ctx context.Context, s *server) error {
	if err := s.listens(ctx); err != nil {
		return err
	}
	return figures.Within(ctx, 2*time.Minute, func() (err error) {
		limited, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		v.on, err = v.CASE(limited, v.to, node)
		return err
	})
}

// ask measures what a controller does all day.
func (o *options) ask(ctx context.Context, s *server, v *visitor, like figures.Record) error {
	if err := v.settled(ctx); err != nil {
		return err
	}
	everything, err := repeat(5, func(int) error { _, err := v.Read(ctx, v.on); return err })
	if err != nil {
		return fmt.Errorf("%s: %w", metricRead, err)
	}
	one, err := repeat(o.samples, func(i int) error {
		_, err := v.Read(ctx, v.on, model.Change{Endpoint: v.locks[i%len(v.locks)], Cluster: doorLock, Attribute: lockState})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", metricReadOne, err)
	}
	invoke, err := repeat(o.samples, func(i int) error {
		_, err := v.Invoke(ctx, v.on, mattertest.Command{Endpoint: v.locks[i%len(v.locks)], Cluster: doorLock, ID: lockDoor, Timed: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", metricInvoke, err)
	}
	reports, err := v.reports(ctx, s, o.events)
	if err != nil {
		return fmt.Errorf("%s: %w", metricReport, err)
	}
	for _, m := range []struct {
		metric string
		took   []time.Duration
	}{{metricRead, everything}, {metricReadOne, one}, {metricInvoke, invoke}, {metricReport, reports}} {
		if err := o.say(like, m.metric, "ms", figures.Of(m.took)); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until the first and the last lock are known to be locked: until then locking them owes something.
func (v *visitor) settled(ctx context.Context) error {
	return errors.Join(v.state(ctx, v.locks[0], 1), v.state(ctx, v.locks[len(v.locks)-1], 1))
}

// state waits until a lock is in a state.
func (v *visitor) state(ctx context.Context, lock uint16, want uint64) error {
	at := model.Change{Endpoint: lock, Cluster: doorLock, Attribute: lockState}
	return figures.Within(ctx, 20*time.Second, func() error {
		r, err := v.Read(ctx, v.on, at)
		if err != nil {
			return err
		}
		if state, err := r.Values[at].Uint(); err != nil || state != want {
			return fmt.Errorf("the lock at %d is in state %d, not %d", lock, state, want)
		}
		return nil
	})
}

// pause lies between two changes, for the least interval between two reports and what a bouncing contact needs to rest.
const pause = 700 * time.Millisecond

// reports measures from a change until the controller is told of it.
func (v *visitor) reports(ctx context.Context, s *server, n int) ([]time.Duration, error) {
	if _, err := v.Subscribe(ctx, v.on, 0, 60); err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range n {
		if err := rest(ctx, pause); err != nil {
			return nil, err
		}
		for len(v.Reports) > 0 {
			<-v.Reports
		}
		began := time.Now()
		if err := s.kind.turn(s, i%2 == 0); err != nil {
			return nil, err
		}
		if err := v.told(ctx, s.kind.watch); err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, n, err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// told waits for a report of an attribute, of any endpoint.
func (v *visitor) told(ctx context.Context, at model.Change) error {
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		select {
		case r := <-v.Reports:
			for got := range r.Values {
				if got.Cluster == at.Cluster && got.Attribute == at.Attribute {
					return nil
				}
			}
		case <-limit.C:
			return errors.New("no report")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func repeat(n int, ask func(i int) error) ([]time.Duration, error) {
	took := make([]time.Duration, 0, n)
	for i := range n {
		began := time.Now()
		if err := ask(i); err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, n, err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
