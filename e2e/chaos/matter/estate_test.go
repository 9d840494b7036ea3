package matter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	accessories "github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/bridge/commission"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/store"
)

// group is the one group of keypads.
const group = "home"

// estate is a house with one lock, with its own store, ledger and Matter node: what runs is what the bridge runs, and only the
// bolt is faked.
type estate struct {
	store *store.Store
	codes *ledger.Ledger
	node  *commission.Node
	bolt  *devicetest.Bolt
	lock  *device.Lock
	at    net.Addr
	end   context.CancelFunc
	lives sync.WaitGroup
}

// anyone lets everybody do everything.
type anyone struct{}

func (anyone) May(string, string, bool, device.Action, string) error { return nil }

// today is a time that can be relied on.
type today struct{}

func (today) Moment() access.Moment {
	return access.Moment{Now: time.Now(), Trust: access.Trusted, Floor: time.Now()}
}

// openEstate opens a state folder and serves it.
func openEstate(ctx context.Context, dir, run string) (*estate, error) {
	s, err := store.Open(ctx, dir, store.Options{RuntimeDir: run, Version: "1.0", Log: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	e := &estate{store: s}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.close(ctx))
	}
	return e, nil
}

func (e *estate) start(ctx context.Context) error {
	sealer, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		return err
	}
	if e.codes, err = ledger.Open(e.store.Space("codes", store.Precious), sealer, today{}, 1+accessories.Guesses); err != nil {
		return err
	}
	e.node = commission.New(commission.Options{
		About: commission.About{Name: "Villa", Install: e.store.Install(), Version: "1.2.3"}, Addr: "127.0.0.1:0",
		Storage: e.store.Space("matter", store.Precious), Light: e.store.Space("matter/sessions"), Labels: e.store.Space("matter/devices"),
		Announce: func([]mdns.Service) {}, Clock: func() (time.Time, bool) { return time.Now(), false }, Rules: anyone{},
		Register: func() *accessories.Register {
			return &accessories.Register{Group: group, Clock: today{}, Zone: func() *time.Location { return time.UTC },
				Ledger: func() (accessories.Ledger, error) { return e.codes, nil }}
		},
		Answered: func() {}, Changed: func() {}, Log: zerolog.Nop()})
	e.bolt = &devicetest.Bolt{ID: "front", Traits: device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: true, SensesDoor: true}, Turn: time.Millisecond}
	lock, err := device.NewLock(device.LockConfig{ID: "front", Name: "Front", Traits: e.bolt.Traits}, e.bolt,
		device.Deps[device.LockState]{Journal: e.store.Journal(), Memory: &devicetest.Memory{}, Publish: func(device.LockState) { e.node.Show("front") }})
	if err != nil {
		return err
	}
	e.lock = lock
	e.bolt.Change(func(r *device.LockReading) { r.Bolt, r.DoorOpen = device.BoltSecured, device.No })
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	e.end = end
	e.lives.Go(func() { _ = lock.Run(life) }) // until it is closed
	e.node.SetItems([]accessories.Item{{Name: "Front", Lock: lock, LockFace: accessories.LockFace{Codes: true}}})
	e.node.Start(ctx)
	status := e.node.Status()
	if status.Err != nil {
		return status.Err
	}
	e.at, err = net.ResolveUDPAddr("udp", status.Addr)
	return err
}

func (e *estate) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var errs []error
	if e.node != nil {
		errs = append(errs, e.node.Stop(ctx))
	}
	if e.end != nil {
		e.end()
		e.lives.Wait()
	}
	return errors.Join(append(errs, e.store.Close())...)
}

// fabrics are the ids of the memberships.
func (e *estate) fabrics() (ids []string) {
	for _, f := range e.node.Status().Fabrics {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	return ids
}

// awake waits until the lock has heard of its bolt.
func (e *estate) awake() error {
	for range 500 {
		if s := e.lock.State(); s.Available && s.Bolt == device.BoltSecured {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("the lock hears nothing of its bolt: %+v", e.lock.State())
}

// knows says whether a PIN is one of somebody's.
func (e *estate) knows(pin string) (bool, error) {
	_, err := e.codes.Find(group, seal.Secret{Keys: device.Keys(pin)})
	if errors.Is(err, access.ErrUnknownCode) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("PIN %s: %w", pin, err)
	}
	return true, nil
}
