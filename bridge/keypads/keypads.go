// Package keypads lets the keypads of the configuration work: each has a gate that stands between what is
// typed and the doors it opens. A keypad that is not there keeps nobody waiting, and is back when it is.
package keypads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
)

// Group is the one group of keypads: every code is known at all of them, and opens where its doors say.
const Group = "home"

// Options are what keypads work with. All functions may be called from any goroutine.
type Options struct {
	Folder string // of the state, where the key for PINs is
	// Credentials is the folder of what systemd hands to the service, where that key is looked for first; empty: none.
	Credentials string
	Codes       ledger.Space // people and codes
	Tries       ledger.Space // wrong tries, which are written often
	Env         *hw.Env
	Journal     device.Journal
	Flush       func(ctx context.Context) error // returns when the history is on the disk
	Clock       access.Clock
	Uses        gate.Uses
	Places      int    // where PINs can be tried beside the keypads
	Edited      func() // people or codes have changed; must not block
	Command     func(ctx context.Context, device string, c device.Command) (device.Answer, error)
	Shown       func(api.Device) // each change of what is known of a keypad
	Zone        func() *time.Location
	Board       *health.Board
	Log         zerolog.Logger
}

// Keypads are those of the house. Apply, Drop and Stop belong to whoever changes the house; all other
// methods may be called from any goroutine.
type Keypads struct {
	o Options

	opening sync.Mutex // held while the ledger is opened
	codes   *ledger.Ledger

	mu   sync.RWMutex
	pads []*pad // in the order of the configuration
}

var _ api.Keypads = (*Keypads)(nil)

// New returns keypads that do not listen yet. People and codes are read now where there are any; what is
// wrong with them is told, and keeps nobody from anything else.
func New(o Options) *Keypads {
	k := &Keypads{o: o}
	if ledger.Used(k.space()) {
		_, _ = k.Ledger() // told already
	}
	return k
}

// Apply lets the keypads of a configuration work: new ones and changed ones begin, others go on.
func (k *Keypads) Apply(cfg *config.Config) {
	was := k.all()
	var next []*pad
	for _, c := range cfg.Keypads {
		wanted := newPad(k, c, doorsOf(cfg, c))
		i := slices.IndexFunc(was, func(p *pad) bool { return p.same(wanted) })
		if i >= 0 {
			was[i].rename(c.Name)
			next = append(next, was[i])
			was = slices.Delete(was, i, i+1)
			continue
		}
		next = append(next, wanted)
	}
	for _, gone := range was {
		k.end(gone)
	}
	k.mu.Lock()
	k.pads = next
	k.mu.Unlock()
	if len(next) == 0 {
		return
	}
	codes, err := k.Ledger()
	if err != nil {
		for _, p := range next {
			p.is(false, "people and codes cannot be read")
		}
		return
	}
	codes.SetKeypads(len(next) + k.o.Places)
	for _, p := range next {
		p.start(codes)
	}
}

// Drop stops the keypads with these ids, so that their lines are free. Apply starts them again.
func (k *Keypads) Drop(ids map[string]bool) {
	var keep []*pad
	for _, p := range k.all() {
		if ids[p.cfg.ID] {
			k.end(p)
			continue
		}
		keep = append(keep, p)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pads = keep
}

// Stop stops all of them. The count of wrong tries is kept.
func (k *Keypads) Stop(context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(k.all()))
	for i, p := range k.all() {
		all.Go(func() { errs[i] = p.stop() })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (k *Keypads) end(p *pad) {
	if err := p.stop(); err != nil {
		k.o.Log.Warn().Err(err).Msg("a keypad was not given back")
	}
}

func (k *Keypads) all() []*pad {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return slices.Clone(k.pads)
}

// doorsOf is what a right code at a keypad does.
func doorsOf(cfg *config.Config, c config.Keypad) []gate.Door {
	var doors []gate.Door
	for _, id := range c.Opens {
		action := device.ActionOpen
		if slices.ContainsFunc(cfg.Locks, func(l config.Lock) bool { return l.ID == id }) {
			action = device.ActionUnlock
		}
		doors = append(doors, gate.Door{ID: id, Action: action})
	}
	return doors
}

// Devices are the keypads as the API shows them.
func (k *Keypads) Devices() []api.Device {
	var out []api.Device
	for _, p := range k.all() {
		out = append(out, p.view())
	}
	return out
}

// Device is one of them; false if there is none with that id.
func (k *Keypads) Device(id string) (api.Device, bool) {
	for _, p := range k.all() {
		if p.cfg.ID == id {
			return p.view(), true
		}
	}
	return api.Device{}, false
}

// Takes reports whether a PIN of that many digits can be typed at a keypad that opens that door; true where none does.
// Where a keypad takes codes at their last digit, shorter ones end with # and longer ones never begin.
func (k *Keypads) Takes(door string, digits int) bool {
	takes := true
	for _, p := range k.all() {
		if !slices.Contains(p.cfg.Opens, door) {
			continue
		}
		if p.cfg.Length == 0 || digits <= p.cfg.Length {
			return true
		}
		takes = false
	}
	return takes
}

// Digits is how many digits a new PIN should have, because every keypad takes codes of that length; 0: it
// does not matter.
func (k *Keypads) Digits() int {
	digits := 0
	for i, p := range k.all() {
		if i > 0 && p.cfg.Length != digits {
			return 0
		}
		digits = p.cfg.Length
	}
	return digits
}

// Longest is how many digits can be typed at every keypad that opens that door, because some take a code at its last
// digit; 0: there is no bound.
func (k *Keypads) Longest(door string) (digits int) {
	for _, p := range k.all() {
		if n := p.cfg.Length; n > 0 && slices.Contains(p.cfg.Opens, door) && (digits == 0 || n < digits) {
			digits = n
		}
	}
	return digits
}

// Doors are those that keypads open.
func (k *Keypads) Doors() (ids []string) {
	for _, p := range k.all() {
		ids = append(ids, p.cfg.Opens...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Ready says why nobody can type a code for that door now; empty: somebody can.
func (k *Keypads) Ready(door string) string {
	why := "no keypad opens it"
	for _, p := range k.all() {
		if !slices.Contains(p.cfg.Opens, door) {
			continue
		}
		if p.view().Available {
			return ""
		}
		why = "its keypad does not answer"
	}
	return why
}

// Command refuses what is asked of a keypad; nil if there is no such keypad.
func (k *Keypads) Command(id string) error {
	if _, ok := k.Device(id); !ok {
		return nil
	}
	return &device.Refusal{Device: id, Code: device.RefusedUnsupported, Why: "a keypad only lets people in",
		Remedy: "command the door or lock that it opens"}
}

// InstallKeypad implements api.Keypads.
func (k *Keypads) InstallKeypad(ctx context.Context, id string) (api.KeypadInstall, error) {
	for _, p := range k.all() {
		if p.cfg.ID == id {
			return p.install(ctx)
		}
	}
	return api.KeypadInstall{}, fmt.Errorf("keypad %q: %w", id, api.ErrNotFound)
}

// Name is the name of the person whose code is a cause; empty for every other cause, and where the code is
// gone.
func (k *Keypads) Name(c api.Cause) string {
	k.opening.Lock()
	codes := k.codes
	k.opening.Unlock()
	if codes == nil || c.Kind != api.CauseWord(device.CauseCode) {
		return ""
	}
	person, _ := codes.Whose(c.Actor)
	return person.Name
}
