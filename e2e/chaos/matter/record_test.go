package matter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// recording is a house that lives on a forgetful disk, and who is there in it.
type recording struct {
	t        *testing.T
	volume   *forgetful.Volume
	passcode uint32
	founder  *owner
	owners   map[string]*owner // everybody who ever was, by fabric
	users    uint16            // that were made so far
}

// load is how much happens in one life.
type load struct{ codes, guests, writes int }

func (r *recording) mark(p promise) error {
	text, err := encoded(p)
	if err != nil {
		return err
	}
	return r.volume.Mark(text)
}

// did notes that something was asked, does it, and notes that it was answered.
func (r *recording) did(p promise, do func() error) error {
	if err := r.mark(p); err != nil {
		return err
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s %s: %w", p.What, p.ID, err)
	}
	p.Done = true
	return r.mark(p)
}

// record lets a house live on a disk, once for each load, and returns the disk's log.
func record(t *testing.T, v *forgetful.Volume, lives ...load) (*forgetful.Log, *recording) {
	t.Helper()
	r := &recording{t: t, volume: v, owners: map[string]*owner{}}
	for i, l := range lives {
		must(t, r.live(l, i))
	}
	log, err := v.Log()
	must(t, err)
	return log, r
}

func (r *recording) live(l load, number int) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	guests := make([]*owner, l.guests)
	for i := range guests {
		guests[i] = r.newOwner(uint64(16*number + i + 2))
	}
	if r.founder == nil {
		r.founder = r.newOwner(1)
	}
	if err := r.mark(promise{What: "start"}); err != nil {
		return err
	}
	e, err := openEstate(ctx, r.volume.Path, e2e.TempDir(r.t))
	if err != nil {
		return err
	}
	return errors.Join(r.work(ctx, e, l, guests), e.close(ctx))
}

func (r *recording) work(ctx context.Context, e *estate, l load, guests []*owner) error {
	if r.passcode == 0 {
		r.passcode = e.node.Status().Passcode
		if err := errors.Join(r.mark(promise{What: "node", Done: true, N: uint64(r.passcode)}), r.join(ctx, e, r.founder)); err != nil {
			return err
		}
	}
	s, err := r.founder.CASE(ctx, e.at, r.founder.node)
	if err != nil {
		return err
	}
	n, err := reboots(ctx, r.founder, s)
	if err != nil {
		return err
	}
	if err := r.mark(promise{What: "reboots", Done: true, N: n}); err != nil {
		return err
	}
	if err := e.awake(); err != nil {
		return err
	}
	heard, stop := context.WithCancel(ctx)
	parts := []func() error{
		func() error { return r.give(ctx, e, s, l.codes) },
		func() error { return r.share(ctx, e, guests) },
		func() error {
			return times(l.writes, func(i int) error { return r.write(ctx, r.founder, s, uint64(r.users)*1000+uint64(i)+1) })
		},
	}
	listening, err := r.listen(ctx, heard, e)
	if err != nil {
		stop()
		return err
	}
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { errs[i] = part() })
	}
	all.Wait()
	stop()
	return errors.Join(append(errs, <-listening)...)
}

// newOwner makes an ecosystem that has not added the house yet.
func (r *recording) newOwner(node uint64) *owner {
	r.t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(r.t, err)
	a := mattertest.NewAuthority(r.t, 0xFAB0+node, node%2 == 0)
	root, err := crypto.PublicKey(a.RootKey)
	must(r.t, err)
	o := &owner{Controller: mattertest.NewControllerOn(r.t, conn, a, 1), node: node, name: fmt.Sprintf("%X", crypto.CompressedFabricID(root, a.FabricID))}
	r.owners[o.name] = o
	return o
}

// join lets an ecosystem add the house.
func (r *recording) join(ctx context.Context, e *estate, o *owner) error {
	if err := e.node.Open(3 * time.Minute); err != nil {
		return err
	}
	return r.did(promise{What: "fabric", ID: o.name}, func() error {
		_, err := o.Commission(ctx, r.t, e.at, r.passcode, o.node)
		return err
	})
}

// share lets ecosystems come, write, and every other one leave again.
func (r *recording) share(ctx context.Context, e *estate, guests []*owner) error {
	for i, o := range guests {
		if err := r.join(ctx, e, o); err != nil {
			return err
		}
		s, err := o.CASE(ctx, e.at, o.node)
		if err != nil {
			return err
		}
		if err := r.write(ctx, o, s, uint64(i)+1); err != nil {
			return err
		}
		if i%2 == 0 {
			continue
		}
		if err := r.did(promise{What: "leave", ID: o.name}, func() error { return leave(ctx, o, s) }); err != nil {
			return err
		}
	}
	return nil
}

func leave(ctx context.Context, o *owner, s *session.Session) error {
	index := model.Change{Cluster: 0x3E, Attribute: 5}
	read, err := o.Read(ctx, s, index)
	if err != nil {
		return err
	}
	number, err := read.Values[index].Uint()
	if err != nil {
		return err
	}
	_, err = o.Invoke(ctx, s, mattertest.Command{Cluster: 0x3E, ID: 10, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), number) }})
	return err
}

// write writes the access list and the label of an ecosystem.
func (r *recording) write(ctx context.Context, o *owner, s *session.Session, mark uint64) error {
	err := r.did(promise{What: "access", ID: o.name, N: mark}, func() error {
		return o.Write(ctx, s, model.Change{Cluster: 0x1F}, entries(o.Self.NodeID, mark), false)
	})
	if err != nil {
		return err
	}
	return r.did(promise{What: "label", ID: o.name, N: mark}, func() error {
		_, err := o.Invoke(ctx, s, mattertest.Command{Cluster: 0x3E, ID: 9, Fill: func(w *tlv.Writer) { w.Text(tlv.Context(0), fmt.Sprintf("%s %d", o.name[:8], mark)) }})
		return err
	})
}

// give makes users with a PIN, unlocks with it, and takes every third back.
func (r *recording) give(ctx context.Context, e *estate, s *session.Session, n int) error {
	return times(n, func(i int) error {
		r.users++
		user, pin := r.users, pinOf(r.users)
		if err := setUser(ctx, r.founder, s, user); err != nil {
			return err
		}
		p := promise{What: "code", ID: pin, User: user}
		if err := r.did(p, func() error { return setPIN(ctx, r.founder, s, user, pin) }); err != nil {
			return err
		}
		if err := operate(ctx, r.founder, s, commandUnlock, pin); err != nil && i == 0 { // later ones may come too soon after each other
			return err
		}
		if i%3 != 2 {
			return nil
		}
		p.What = "uncode"
		return r.did(p, func() error {
			_, err := r.founder.Invoke(ctx, s, mattertest.Command{Endpoint: front, Cluster: doorLock, ID: 0x1D, Timed: true,
				Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(user)) }})
			return err
		})
	})
}

// pinOf is the PIN of a user: no two are the same.
func pinOf(user uint16) string { return fmt.Sprintf("%06d", 302917+int(user)*7919) }

// listen subscribes, and notes the numbers of the events that are told.
func (r *recording) listen(ctx, until context.Context, e *estate) (ended <-chan error, err error) {
	s, err := r.founder.CASE(ctx, e.at, r.founder.node)
	if err != nil {
		return nil, err
	}
	first, err := r.founder.Subscribe(ctx, s, 0, 60)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		report := first
		for {
			for _, n := range report.Events {
				if err := r.mark(promise{What: "event", Done: true, N: n}); err != nil {
					done <- err
					return
				}
			}
			select {
			case <-until.Done():
				done <- nil
				return
			case report = <-r.founder.Reports:
			}
		}
	}()
	return done, nil
}

func times(n int, do func(int) error) error {
	for i := range n {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}
