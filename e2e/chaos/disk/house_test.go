package disk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/store"
)

// The spaces of a house: as bridge names them, and one that is not precious.
const (
	spaceHomeKit  = "homekit/main"
	spaceNumbers  = "accessories"
	spaceSettings = "settings"
)

// The lock's characteristics.
const (
	current, target = 10, 11
)

// house is the real store and the real HomeKit server around one lock whose relay is a counter.
type house struct {
	store  *store.Store
	server *homekit.Server
	mark   func(promise) error // notes what was asked and answered
	lives  string              // makes the names of rows differ between processes
	rows   atomic.Int64
	pulses atomic.Int64             // of the relay
	relay  func(took time.Duration) // since the command
}

// openHouse opens a state folder. A house that was not promised to be there may be a new one.
func openHouse(ctx context.Context, dir string, o store.Options) (*house, error) {
	s, err := store.Open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	h := &house{store: s, mark: func(promise) error { return nil }, relay: func(time.Duration) {}}
	s.Space(spaceNumbers, store.Precious)
	h.server, err = homekit.New(homekit.Config{Name: "Loquet", Model: "Demo", Addr: "127.0.0.1:0", OnWrite: h.write,
		Storage: s.Space(spaceHomeKit, store.Precious), Coalesce: -1})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return h, nil
}

// start lets phones in.
func (h *house) start(ctx context.Context) error {
	lock := accessory.New(accessory.Info{Name: "Front", SerialNumber: "F-1", Manufacturer: "loquet", Model: "Demo", Firmware: "1.0"},
		accessory.TypeDoorLock)
	lock.Id, lock.Info.Id = 1, 1
	for i, c := range lock.Info.Cs {
		c.Id = uint64(i + 2)
	}
	bolt := service.NewLockMechanism()
	bolt.Id, bolt.LockCurrentState.Id, bolt.LockTargetState.Id = 9, current, target
	bolt.LockTargetState.ValidVals = []int{0, 1}
	lock.AddS(bolt.S)
	return errors.Join(h.server.SetAccessories([]*accessory.A{lock}), h.server.Start(ctx))
}

func (h *house) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return errors.Join(h.server.Stop(ctx), h.store.Close())
}

// promised notes what the house is and whom it knows: what a later start must find.
func (h *house) promised() error {
	return h.mark(promise{What: "house", Done: true, Install: h.store.Install(), ID: h.server.DeviceID()})
}

// row writes a row that no other is like.
func (h *house) row(ctx context.Context, e device.Entry) (int64, error) {
	e.Device = fmt.Sprintf("%s-%d", h.lives, h.rows.Add(1))
	seq, err := h.store.Journal().Record(ctx, e)
	if err != nil {
		return 0, err
	}
	return seq, h.mark(promise{What: "row", Done: true, Seq: seq, Device: e.Device, Kind: e.Kind.String()})
}

// write is a command from a phone: an intent in the journal, then the relay.
func (h *house) write(ctx context.Context, w homekit.Write) (any, homekit.Status) {
	began := time.Now()
	intent, err := h.row(ctx, device.Entry{Kind: device.EntryIntent, Action: device.ActionUnlock})
	if err != nil {
		return nil, homekit.StatusNoCommunication
	}
	h.pulses.Add(1)
	h.relay(time.Since(began))
	for _, kind := range []device.EntryKind{device.EntryStarted, device.EntryReleased, device.EntryOutcome} {
		e := device.Entry{Kind: kind, Intent: intent, Action: device.ActionUnlock}
		if kind == device.EntryOutcome {
			e.Outcome = device.OutcomeReached
		}
		if _, err := h.row(ctx, e); err != nil {
			return nil, homekit.StatusNoCommunication
		}
	}
	if h.server.Publish(homekit.Value{AID: 1, IID: target, Value: w.Value}, homekit.Value{AID: 1, IID: current, Value: w.Value}) != nil {
		return nil, homekit.StatusNoCommunication
	}
	return nil, homekit.StatusOK
}

// apply changes a space and notes it.
func (h *house) apply(space string, changes map[string][]byte) error {
	p := promise{What: "apply", Space: space, Changes: changes}
	if err := h.mark(p); err != nil {
		return err
	}
	if err := h.store.Space(space).Apply(changes); err != nil {
		return err
	}
	p.Done = true
	return h.mark(p)
}

// phone is a paired controller.
type phone struct {
	who    *haptest.Controller
	bridge *haptest.Accessory
}

const answerLimit = 20 * time.Second

// pair pairs the first controller by the code on the sticker.
func (h *house) pair(ctx context.Context) (*phone, error) {
	c, err := haptest.Dial(ctx, h.server.Addr().String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.Timeout = answerLimit
	p := &phone{who: c.Controller}
	if err := h.mark(promise{What: "add", ID: p.who.ID}); err != nil {
		return nil, err
	}
	if p.bridge, err = c.PairSetup(h.server.SetupCode()); err != nil {
		return nil, err
	}
	return p, h.mark(promise{What: "add", Done: true, ID: p.who.ID})
}

// session proves on both sides that the pairing is there.
func (h *house) session(ctx context.Context, p *phone) (*haptest.Client, error) {
	dialed, err := haptest.Dial(ctx, h.server.Addr().String())
	if err != nil {
		return nil, err
	}
	c := haptest.New(dialed.Conn(), p.who)
	c.Timeout = answerLimit
	if err := c.PairVerify(p.bridge); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// invite and dismiss change who else is paired.
func (h *house) invite(c *haptest.Client) (*haptest.Controller, error) {
	guest := haptest.NewController()
	if err := h.mark(promise{What: "add", ID: guest.ID}); err != nil {
		return nil, err
	}
	if err := c.AddPairing(guest.ID, guest.Public(), false); err != nil {
		return nil, err
	}
	return guest, h.mark(promise{What: "add", Done: true, ID: guest.ID})
}

func (h *house) dismiss(c *haptest.Client, guest string) error {
	if err := h.mark(promise{What: "remove", ID: guest}); err != nil {
		return err
	}
	if err := c.RemovePairing(guest); err != nil {
		return err
	}
	return h.mark(promise{What: "remove", Done: true, ID: guest})
}

// unlock writes the lock's target and requires that the phone is told that it is done.
func unlock(c *haptest.Client, to int) error {
	results, err := c.Put(haptest.Put{AID: 1, IID: target, Value: to})
	if err == nil && results != nil {
		err = fmt.Errorf("refused: status %d", *results[0].Status)
	}
	return err
}

// client is a session of a phone.
type client = *haptest.Client

// controllers are the ids of who is paired.
func (h *house) controllers() []string {
	var ids []string
	for _, p := range h.server.Pairings() {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	return ids
}

// encoded is a promise as it stands in the log.
func encoded(p promise) (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}
