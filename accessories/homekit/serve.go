package homekit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/brutella/hap/accessory"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// Categories of what is announced (HAP R2 13.1).
const (
	categoryBridge = 2
	categoryGarage = 4
	categoryLock   = 6
)

// serve makes the server of one bridge show its things, and makes and starts it if it is new.
func (h *House) serve(ctx context.Context, word, name string, things []thing) error {
	f := h.faces[word]
	if f == nil {
		f = &face{word: word, name: name}
		s, err := homekit.New(homekit.Config{
			Name: name, Model: modelOf(word, things), Category: categoryOf(word, things), Addr: h.addrFor(word),
			Storage: h.opts.Space(word), Log: h.opts.Log.With().Str("bridge", word).Logger(),
			OnWrite:    func(ctx context.Context, w homekit.Write) (any, homekit.Status) { return nil, h.write(ctx, f, w) },
			OnPairings: h.opts.Changed,
			Advertise:  func(a homekit.Advertisement) { h.opts.Advertise(word, a) },
		})
		if err != nil {
			return err
		}
		f.server = s
		h.faces[word] = f
	}
	byAID := map[uint64]thing{}
	var as []*accessory.A
	if !isOwn(word) {
		as = append(as, h.bridgeAccessory(word, name))
	}
	for _, t := range things {
		byAID[t.accessory().Id] = t
		as = append(as, t.accessory())
	}
	if err := f.server.SetAccessories(as); err != nil {
		return err
	}
	f.things.Store(&byAID)
	for _, t := range things {
		h.show(f, t) // before the first controller can read: the definitions' own zero would say open
	}
	if h.started {
		return f.server.Start(ctx)
	}
	return nil
}

func isOwn(word string) bool { return len(word) > 4 && word[:4] == "own/" }

func modelOf(word string, things []thing) string {
	if isOwn(word) && len(things) == 1 {
		return things[0].accessory().Info.Model.Value()
	}
	return "Bridge"
}

func categoryOf(word string, things []thing) byte {
	if isOwn(word) && len(things) == 1 {
		return things[0].accessory().Type
	}
	return categoryBridge
}

// show puts the present truth of a thing on its server, all values in one message.
func (h *House) show(f *face, t thing) {
	values, answers := t.now()
	f.server.SetReachable(t.accessory().Id, answers)
	if err := f.server.Publish(values...); err != nil {
		h.opts.Log.Error().Err(err).Str("device", t.device()).Msg("values not shown")
	}
}

// Changed tells that the state of a device has changed. It never blocks: actors call it.
func (h *House) Changed(id string) {
	if m := h.shown.Load(); m != nil {
		if s, ok := (*m)[id]; ok {
			h.show(s.face, s.thing)
		}
	}
}

// Start opens every server. It returns once all of them accept connections.
func (h *House) Start(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
	for _, word := range h.order {
		if err := h.faces[word].server.Start(ctx); err != nil {
			return fmt.Errorf("HomeKit bridge %s: %w", word, err)
		}
	}
	return nil
}

// Stop closes every server.
func (h *House) Stop(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = false
	var errs []error
	for _, word := range h.order {
		errs = append(errs, h.faces[word].server.Stop(ctx))
	}
	return errors.Join(errs...)
}

// write carries out a controller's write. It runs on a goroutine of the server's, under its deadline.
func (h *House) write(ctx context.Context, f *face, w homekit.Write) homekit.Status {
	t := f.thing(w.AID)
	if t == nil {
		if isIdentify(w) {
			return homekit.StatusOK // the bridge itself: it has nothing to blink with
		}
		return homekit.StatusNotFound
	}
	if isIdentify(w) {
		return h.status(t, t.identify(ctx))
	}
	value, ok := w.Value.(int64)
	if !ok {
		return homekit.StatusInvalidValue
	}
	action, ok := t.action(w.IID, int(value))
	if !ok {
		return homekit.StatusInvalidValue // a control point that accepts nothing
	}
	bridge := f.server.DeviceID()
	if err := h.opts.Rules.May(bridge, w.Controller.ID, w.Controller.Admin, action, t.device()); err != nil {
		h.opts.Log.Warn().Err(err).Str("device", t.device()).Str("controller", w.Controller.ID).Msg("write refused by role")
		return homekit.StatusNoPrivileges
	}
	cause := device.Cause{Kind: device.CauseHomeKit, Actor: w.Controller.ID, Place: bridge}
	err := t.write(ctx, w.IID, int(value), cause)
	h.opts.Answered()
	return h.status(t, err)
}

// typeIdentify is the short type of the Identify characteristic (HAP R2 9.45).
const typeIdentify = "14"

func isIdentify(w homekit.Write) bool { return w.Type == typeIdentify }

// status is the one place where an error of a door becomes a status on the wire.
func (h *House) status(t thing, err error) homekit.Status {
	if err == nil {
		return homekit.StatusOK
	}
	if errors.Is(err, errNotWritable) {
		return homekit.StatusInvalidValue
	}
	r := refusalOf(err)
	h.opts.Log.Info().Str("device", t.device()).Str("code", string(r.Code)).Str("why", r.Why).Msg("command refused")
	switch r.Code {
	case device.RefusedUnavailable, device.RefusedDriver, device.RefusedUnsure, device.RefusedStale, device.RefusedJournal:
		return homekit.StatusNoCommunication
	case device.RefusedBusy, device.RefusedTooSoon, device.RefusedBouncing, device.RefusedMoving, device.RefusedRate:
		return homekit.StatusBusy
	case device.RefusedRole, device.RefusedLockedOut:
		return homekit.StatusNoPrivileges
	case device.RefusedExpired:
		return homekit.StatusTimedOut
	default:
		return homekit.StatusNotAllowedInState
	}
}

// Bridge is one server as the owner sees it. The code is empty unless it can pair.
type Bridge struct {
	Word, Name, DeviceID, Addr string
	Paired                     bool
	Accessories                int
	SetupCode, SetupURI        string
}

// Bridges lists the servers, the main one first.
func (h *House) Bridges() []Bridge {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var out []Bridge
	for _, word := range h.order {
		f := h.faces[word]
		b := Bridge{Word: word, Name: f.name, DeviceID: f.server.DeviceID(), Paired: f.server.Paired(),
			Accessories: len(*f.things.Load())}
		if !isOwn(word) {
			b.Accessories++ // the bridge itself
		}
		if a := f.server.Addr(); a != nil {
			b.Addr = a.String()
		}
		if f.server.Pairable() {
			b.SetupCode, b.SetupURI = f.server.SetupCode(), f.server.SetupURI()
		}
		out = append(out, b)
	}
	return out
}

// Controller is one controller that is paired with one bridge.
type Controller struct {
	Bridge, ID string
	Admin      bool
	Sessions   int
	LastSeen   time.Time
}

// Controllers lists who is paired with what.
func (h *House) Controllers() []Controller {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var out []Controller
	for _, word := range h.order {
		s := h.faces[word].server
		for _, p := range s.Pairings() {
			seen := s.Seen(p.ID)
			out = append(out, Controller{Bridge: s.DeviceID(), ID: p.ID, Admin: p.Admin, Sessions: seen.Sessions, LastSeen: seen.Last})
		}
	}
	return out
}

// Revoke takes a controller's pairing away and closes its sessions.
func (h *House) Revoke(bridge, controller string) error {
	for _, f := range h.servers() {
		if f.server.DeviceID() == bridge {
			return f.server.RemovePairing(controller)
		}
	}
	return nil
}

// Arm opens pairing for a time where wrong codes have closed it.
func (h *House) Arm(d time.Duration) {
	for _, f := range h.servers() {
		f.server.Arm(d)
	}
}

// Damaged lists the records that could not be read, by bridge.
func (h *House) Damaged() map[string][]string {
	out := map[string][]string{}
	for _, f := range h.servers() {
		if d := f.server.Damaged(); len(d) > 0 {
			out[f.word] = d
		}
	}
	return out
}

// Err returns the error of a server that ended by itself.
func (h *House) Err() error {
	for _, f := range h.servers() {
		if err := f.server.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (h *House) servers() []*face {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*face, 0, len(h.order))
	for _, word := range h.order {
		out = append(out, h.faces[word])
	}
	return out
}
