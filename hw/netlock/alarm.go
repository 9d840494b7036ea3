package netlock

import "time"

// Alarm is one thing that the goroutine of a lock does later. The goroutine alone sets it and stops it; the zero value is
// stopped.
type Alarm struct {
	timer *time.Timer
	set   uint64 // counts: one that was set before has no say
	rings bool
}

// Alarm sets an alarm, in place of what it was set to before.
func (l *Lock[M]) Alarm(a *Alarm, after time.Duration, do func()) {
	a.Stop()
	a.rings = true
	set := a.set
	a.timer = time.AfterFunc(after, func() {
		l.Do(func() {
			if a.set == set {
				a.rings = false
				do()
			}
		})
	})
}

// Stop takes back what was not done yet.
func (a *Alarm) Stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.set++
	a.rings = false
}

// Set reports whether it was set, and has not come yet.
func (a *Alarm) Set() bool { return a.rings }
