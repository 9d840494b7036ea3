package keypads

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
)

// pad is one keypad of the configuration. To its gate it is the keypad itself, whether the driver could be
// opened or not: the count of wrong tries does not depend on that.
type pad struct {
	k     *Keypads
	cfg   config.Keypad
	doors []gate.Door

	cancel context.CancelFunc // nil: it does not work yet
	done   chan struct{}
	ears   sync.WaitGroup // who hears what the driver says of its keypad

	mu       sync.Mutex
	name     string
	env      *hw.Env // nil while the driver is not open
	driver   device.Keypad
	up       bool
	known    bool // up says something
	since    time.Time
	fault    string
	tampered bool
	unsaved  bool // the try that is judged now is not on the disk
}

func newPad(k *Keypads, c config.Keypad, doors []gate.Door) *pad {
	p := &pad{k: k, cfg: c, doors: doors}
	p.rename(c.Name)
	return p
}

func (p *pad) rename(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.name = name; name == "" {
		p.name = p.cfg.ID
	}
}

// same reports whether one can go on as the other.
func (p *pad) same(q *pad) bool {
	return p.cancel != nil && p.cfg.ID == q.cfg.ID && p.cfg.Length == q.cfg.Length && p.cfg.Part.Same(&q.cfg.Part) && slices.Equal(p.doors, q.doors)
}

func (p *pad) start(codes *ledger.Ledger) {
	if p.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		for wait := time.Second; ; wait = min(2*wait, time.Minute) {
			err := p.live(ctx, codes)
			if ctx.Err() != nil {
				return
			}
			p.k.o.Log.Error().Err(err).Str("device", p.cfg.ID).Dur("wait", wait).Msg("keypad stopped, starting it again")
			p.is(false, "it stopped and is started again")
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}()
}

// live is the life of the keypad. A fault in it is its own end and nobody else's.
func (p *pad) live(ctx context.Context, codes *ledger.Ledger) (err error) {
	defer func() {
		if bad := recover(); bad != nil {
			err = fmt.Errorf("panic: %v\n%s", bad, debug.Stack())
		}
	}()
	g, err := gate.New(gate.Config{Keypad: p.cfg.ID, Group: Group, Doors: p.doors, Length: p.cfg.Length}, gate.Deps{
		Pad: p, Codes: codes, Journal: journal{p.k.o.Journal, p.k.o.Flush}, Clock: p.k.o.Clock, Uses: p.k.o.Uses, Command: p.k.o.Command, Notice: p.notice,
	})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// journal is the history for a gate.
type journal struct {
	device.Journal
	flush func(ctx context.Context) error
}

func (j journal) Flush(ctx context.Context) error { return j.flush(ctx) }

// stop ends the keypad and gives its lines back.
func (p *pad) stop() error {
	if p.cancel != nil {
		p.cancel()
		<-p.done
	}
	err := p.release()
	p.ears.Wait()
	p.k.o.Board.Forget(p.cfg.ID)
	return err
}

// release closes the driver.
func (p *pad) release() error {
	p.mu.Lock()
	env := p.env
	p.env, p.driver = nil, nil
	p.mu.Unlock()
	if env == nil {
		return nil
	}
	if err := env.Close(); err != nil {
		return fmt.Errorf("%s: %w", p.cfg.ID, err)
	}
	return nil
}

// Entries implements device.Keypad for the gate, which asks again and again while there is none.
func (p *pad) Entries(ctx context.Context) <-chan device.KeypadEntry {
	driver, err := p.open(ctx)
	if err != nil {
		p.is(false, err.Error())
		none := make(chan device.KeypadEntry)
		close(none)
		return none
	}
	if w, tells := driver.(device.KeypadWatcher); tells {
		return follow(ctx, driver, w)
	}
	p.is(true, "")
	return driver.Entries(ctx)
}

// follow listens to a keypad whenever it is online. A key that was lost in between must not join those
// around it: each gap clears.
func follow(ctx context.Context, driver device.Keypad, w device.KeypadWatcher) <-chan device.KeypadEntry {
	out := make(chan device.KeypadEntry)
	states := w.Watch(ctx)
	pass := func(e device.KeypadEntry) {
		select {
		case out <- e:
		case <-ctx.Done():
		}
	}
	go func() {
		defer close(out)
		for s := range states {
			if !s.Online {
				continue
			}
			for e := range driver.Entries(ctx) {
				pass(e)
			}
			pass(device.KeypadEntry{Keys: "*"})
		}
	}()
	return out
}

// open opens the driver where it is not open.
func (p *pad) open(ctx context.Context) (device.Keypad, error) {
	p.mu.Lock()
	driver := p.driver
	p.mu.Unlock()
	if driver != nil {
		return driver, nil
	}
	env := p.k.o.Env.For(p.cfg.ID)
	driver, err := all.Keypads().Open(ctx, env, p.cfg.Part.Driver, p.cfg.Part.Decode)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	p.mu.Lock()
	p.env, p.driver = env, driver
	p.mu.Unlock()
	if w, ok := driver.(device.KeypadWatcher); ok {
		states := w.Watch(ctx)
		p.ears.Go(func() {
			for s := range states {
				p.heard(ctx, s)
			}
		})
	}
	return driver, nil
}

// heard takes in what a keypad says of itself.
func (p *pad) heard(ctx context.Context, s device.KeypadStatus) {
	if s != (device.KeypadStatus{}) { // it has not spoken yet
		p.is(s.Online, s.Why)
	}
	id, board := p.cfg.ID, p.k.o.Board
	raise(board, health.KeypadTampered, id, "", s.Tamper)
	raise(board, health.DeviceFault, id, "its power fails", s.Power)
	p.mu.Lock()
	begins := s.Tamper && !p.tampered
	p.tampered = s.Tamper
	p.mu.Unlock()
	if begins {
		if _, err := p.k.o.Journal.Record(ctx, device.Entry{Kind: device.EntryNote, Device: id, Detail: "tampered"}); err != nil && ctx.Err() == nil {
			p.k.o.Log.Error().Err(err).Str("device", id).Msg("tampering is not in the history")
		}
	}
}

// Feedback implements device.Keypad for the gate. A light that does not work is told, and stops nothing.
func (p *pad) Feedback(ctx context.Context, v device.Verdict) error {
	id, board := p.cfg.ID, p.k.o.Board
	p.mu.Lock()
	driver, unsaved := p.driver, p.unsaved
	p.unsaved = false
	p.mu.Unlock()
	switch v.Kind {
	case device.VerdictGranted:
		board.Clear(health.KeypadGuessed, id)
	case device.VerdictWrong:
		raise(board, health.KeypadUnsaved, id, "", unsaved)
	default:
	}
	if driver == nil {
		return nil
	}
	err := driver.Feedback(ctx, v)
	if err != nil && ctx.Err() == nil && !errors.Is(err, device.ErrUnavailable) {
		p.k.o.Log.Warn().Err(err).Str("device", id).Msg("the keypad shows nothing")
	}
	return nil
}

// notice tells the owner what the gate tells.
func (p *pad) notice(n gate.Notice) {
	id, board := p.cfg.ID, p.k.o.Board
	switch n.Kind {
	case gate.NoticeClosed:
		p.k.o.Log.Warn().Str("device", id).Dur("wait", n.Wait).Msg("too many wrong codes")
		board.Raise(health.KeypadGuessed, id, "it does not listen for "+n.Wait.Round(time.Second).String())
	case gate.NoticeUnsaved:
		p.k.o.Log.Error().Err(n.Err).Str("device", id).Msg("a wrong try is not on the disk")
		board.Raise(health.KeypadUnsaved, id, "")
		p.mu.Lock()
		p.unsaved = true
		p.mu.Unlock()
	case gate.NoticeDamaged:
		board.Raise(health.RecordDamaged, id, "the count of wrong codes")
	case gate.NoticeGone:
		p.gone()
	case gate.NoticeDuress:
		p.k.o.Log.Warn().Str("device", id).Str("code", n.Code).Msg("a code for duress was used")
		board.Raise(health.DuressUsed, id, "code "+n.Code)
	case gate.NoticeNone:
	}
}

// gone closes a driver that cannot tell by itself when its keypad is back: only opening it again shows that.
func (p *pad) gone() {
	p.mu.Lock()
	driver := p.driver
	p.mu.Unlock()
	if _, tells := driver.(device.KeypadWatcher); tells || driver == nil {
		return
	}
	p.is(false, "its wires are gone")
	if err := p.release(); err != nil {
		p.k.o.Log.Warn().Err(err).Str("device", p.cfg.ID).Msg("the keypad was not given back")
	}
}

// is notes whether the keypad works, and tells everybody when that changes.
func (p *pad) is(up bool, why string) {
	p.mu.Lock()
	same := p.known && p.up == up && p.fault == why
	if !p.known || p.up != up {
		p.since = time.Now()
	}
	p.known, p.up, p.fault = true, up, why
	p.mu.Unlock()
	if same {
		return
	}
	if up {
		p.k.o.Log.Info().Str("device", p.cfg.ID).Msg("the keypad listens")
	} else {
		p.k.o.Log.Warn().Str("device", p.cfg.ID).Str("why", why).Msg("the keypad does not answer")
	}
	raise(p.k.o.Board, health.DeviceUnavailable, p.cfg.ID, why, !up)
	p.k.o.Shown(p.view())
}

// view is the keypad as the API shows it.
func (p *pad) view() api.Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := ""
	if p.tampered {
		fault = "it was opened or taken off the wall"
	}
	return api.KeypadDevice(p.cfg.ID, p.name, p.up, p.since, fault, p.k.o.Zone())
}

// install lets a keypad get its key.
func (p *pad) install(ctx context.Context) (api.KeypadInstall, error) {
	p.mu.Lock()
	driver := p.driver
	p.mu.Unlock()
	i, ok := driver.(device.KeypadInstaller)
	if !ok {
		return api.KeypadInstall{}, &api.Error{Status: http.StatusConflict, Code: "no-key", Title: "This keypad needs no key",
			Why: p.cfg.ID + " has no encrypted line", Remedy: "only keypads with the driver osdp share a key with the bridge"}
	}
	until, err := i.Install(ctx)
	if err != nil {
		return api.KeypadInstall{}, err
	}
	if _, err := p.k.o.Journal.Record(ctx, device.Entry{Kind: device.EntryNote, Device: p.cfg.ID, Detail: "may get a key"}); err != nil {
		return api.KeypadInstall{}, err
	}
	return api.KeypadInstall{Keypad: p.cfg.ID, Until: until.In(p.k.o.Zone())}, nil
}

func raise(board *health.Board, code health.Code, subject, detail string, on bool) {
	if on {
		board.Raise(code, subject, detail)
	} else {
		board.Clear(code, subject)
	}
}
