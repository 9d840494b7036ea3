// Package commissioning holds the two states that commissioning runs through: the fail-safe, under which everything can be
// undone, and the window in which the node lets itself be commissioned (Matter 1.4 sections 11.10 and 11.19).
package commissioning

import (
	"errors"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
)

// The errors of commissioning.
var (
	// ErrBusy is returned when another administrator is at work.
	ErrBusy = errors.New("matter/commissioning: busy with another administrator")
	// ErrNotArmed is returned when the fail-safe is needed and not armed, or not by this caller.
	ErrNotArmed = errors.New("matter/commissioning: the fail-safe is not armed")
	// ErrCaller is returned when the caller is not the one who may complete.
	ErrCaller = errors.New("matter/commissioning: not the fabric that was commissioned")
	// ErrNotOpen is returned when there is no window to close.
	ErrNotOpen = errors.New("matter/commissioning: the window is not open")
)

// End tells how a fail-safe ended.
type End struct {
	Completed bool
	Fabric    uint8 // the fabric it belonged to at the end, 0 for none
	Added     bool  // that fabric was added under it
}

// Failsafe is a timer that undoes what was done under it, unless it is completed first.
//
//	idle --Arm--> armed --Arm again (same fabric)--> armed, longer
//	                |--Complete over CASE--> stored, idle
//	                `--time, Arm(0), Expire, the process ends--> undone, idle
type Failsafe struct {
	table *fabric.Table
	most  time.Duration

	mu     sync.Mutex
	armed  bool
	fabric uint8
	added  bool
	last   time.Time // it is not prolonged beyond
	timer  *time.Timer
	round  int
	ended  []func(End)
}

// NewFailsafe returns an idle fail-safe over a table. No chain of prolongations lasts over most.
func NewFailsafe(t *fabric.Table, most time.Duration) *Failsafe {
	return &Failsafe{table: t, most: most}
}

// OnEnd calls f whenever the fail-safe ends, after the table has stored or undone what was staged. To be called before it is
// first armed.
func (f *Failsafe) OnEnd(fn func(End)) { f.ended = append(f.ended, fn) }

// Arm starts or prolongs the fail-safe; zero ends it at once. It fails with ErrBusy when another fabric holds it.
func (f *Failsafe) Arm(c *model.Caller, d time.Duration) error {
	f.mu.Lock()
	if f.armed && f.fabric != c.Fabric {
		f.mu.Unlock()
		return ErrBusy
	}
	if d <= 0 {
		f.mu.Unlock()
		f.Expire()
		return nil
	}
	defer f.mu.Unlock()
	now := time.Now()
	if !f.armed {
		f.armed, f.fabric, f.added, f.last = true, c.Fabric, false, now.Add(f.most)
		f.table.Rollback() // what an administrator left without a fail-safe counts for nobody
	}
	until := now.Add(d)
	if until.After(f.last) {
		until = f.last
	}
	if f.timer != nil {
		f.timer.Stop()
	}
	f.round++
	round := f.round
	f.timer = time.AfterFunc(until.Sub(now), func() { f.end(false, round) })
	return nil
}

// Armed says whether it is armed.
func (f *Failsafe) Armed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.armed
}

// Under runs a step that needs the fail-safe, which cannot end meanwhile. It fails with ErrNotArmed when it is not armed by
// the caller's fabric. do returns the fabric that the step added, if any.
func (f *Failsafe) Under(c *model.Caller, do func() (added uint8, err error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed || f.fabric != c.Fabric {
		return ErrNotArmed
	}
	added, err := do()
	if added != 0 && err == nil {
		f.fabric, f.added = added, true
	}
	return err
}

// Complete ends the fail-safe with all that was done under it. The caller must have proved with CASE that it can reach the
// node on the fabric that the fail-safe belongs to. When it cannot be stored, the fail-safe stays armed.
func (f *Failsafe) Complete(c *model.Caller) error {
	f.mu.Lock()
	switch {
	case !f.armed:
		f.mu.Unlock()
		return ErrNotArmed
	case c.Auth != model.CASE || c.Fabric == 0 || c.Fabric != f.fabric:
		f.mu.Unlock()
		return ErrCaller
	}
	if err := f.table.Commit(); err != nil {
		f.mu.Unlock()
		return err
	}
	f.finish(true)
	return nil
}

// Expire ends it now and undoes what was done. It does nothing when it is not armed.
func (f *Failsafe) Expire() {
	f.mu.Lock()
	round := f.round
	f.mu.Unlock()
	f.end(false, round)
}

func (f *Failsafe) end(completed bool, round int) {
	f.mu.Lock()
	if !f.armed || f.round != round {
		f.mu.Unlock()
		return
	}
	f.table.Rollback()
	f.finish(completed)
}

// finish makes it idle, gives up the lock and tells.
func (f *Failsafe) finish(completed bool) {
	end := End{completed, f.fabric, f.added}
	f.timer.Stop()
	f.armed, f.fabric, f.added = false, 0, false
	f.round++
	f.mu.Unlock()
	for _, fn := range f.ended {
		fn(end)
	}
}

// Forget ends the fail-safe without a word when the fabric it belongs to is removed.
func (f *Failsafe) Forget(index uint8) {
	f.mu.Lock()
	mine := f.armed && f.fabric == index
	round := f.round
	f.mu.Unlock()
	if mine {
		f.end(false, round)
	}
}
