package sim

import (
	"math"
	"time"
)

// mark is how near to an end, as a part of the whole way, its contact is made.
const mark = 0.004

// touch is far below every distance that matters, and what moves during late is above it: together they
// keep rounding from hiding that a mark was passed.
const (
	touch = 1e-9
	late  = 2 * time.Microsecond
)

// phase is a movement with constant acceleration. Positions are parts of the way, 0 closed to 1 open.
type phase struct {
	start, end time.Duration // end 0: it lasts until the next limit
	x, v, a    float64       // at start; v and a a second
}

func (p phase) at(t time.Duration) float64 {
	dt := (t - p.start).Seconds()
	return p.x + p.v*dt + p.a*dt*dt/2
}

func (p phase) speed(t time.Duration) float64 { return p.v + p.a*(t-p.start).Seconds() }

// reach is the first moment after t at which the phase is at x.
func (p phase) reach(t time.Duration, x float64) (time.Duration, bool) {
	after := (t - p.start).Seconds()
	best := math.Inf(1)
	consider := func(dt float64) {
		if dt > after && dt < best {
			best = dt
		}
	}
	if p.a == 0 {
		if p.v != 0 {
			consider((x - p.x) / p.v)
		}
	} else if d := p.v*p.v + 2*p.a*(x-p.x); d >= 0 {
		root := math.Sqrt(d)
		consider((-p.v - root) / p.a)
		consider((-p.v + root) / p.a)
	}
	if math.IsInf(best, 1) {
		return 0, false
	}
	at := p.start + time.Duration(math.Ceil(best*1e9)) + late
	return at, p.end == 0 || at <= p.end
}

// mover is something that moves between two ends, as functions of time. It holds no clock.
type mover struct {
	full         float64 // speed, in ways a second
	runUp, coast time.Duration
	x            float64 // while plan is empty
	plan         []phase
}

func newMover(travel, runUp, coast time.Duration, x float64) mover {
	whole := (travel - runUp/2).Seconds()
	return mover{full: 1 / whole, runUp: runUp, coast: coast, x: x}
}

// advance takes the mover to t: phases that are over are dropped, and an end stops it.
func (m *mover) advance(t time.Duration) {
	for len(m.plan) > 0 {
		p := m.plan[0]
		for _, end := range []float64{0, 1} {
			if at, ok := p.reach(p.start, end); ok && at <= t && (end == 1) == (p.speed(at) > 0) {
				m.x, m.plan = end, nil
				return
			}
		}
		if p.end == 0 || p.end > t {
			return
		}
		m.x = clamp(p.at(p.end))
		m.plan = m.plan[1:]
	}
}

func (m *mover) position(t time.Duration) float64 {
	if len(m.plan) == 0 {
		return m.x
	}
	return clamp(m.plan[0].at(t))
}

func (m *mover) velocity(t time.Duration) float64 {
	if len(m.plan) == 0 {
		return 0
	}
	return m.plan[0].speed(t)
}

// direction is where the motor drives it: 1, -1, or 0 while it stands or coasts.
func (m *mover) direction() int {
	if len(m.plan) == 0 {
		return 0
	}
	switch last := m.plan[len(m.plan)-1]; {
	case last.end != 0:
		return 0
	case last.v > 0:
		return 1
	}
	return -1
}

// drive starts the motor towards 1 (dir 1) or 0 (dir -1), braking first if it runs the other way.
func (m *mover) drive(t time.Duration, dir int) {
	x, v := m.position(t), m.velocity(t)
	m.plan = m.plan[:0]
	d := float64(dir)
	if x == (d+1)/2 && v == 0 {
		m.x = x
		return
	}
	if v*d < 0 {
		t, x, v = m.ramp(t, x, v, 0, m.coast)
	}
	t, x, v = m.ramp(t, x, v, d*m.full, m.runUp)
	m.plan = append(m.plan, phase{start: t, x: x, v: v})
}

// halt takes the motor's power away.
func (m *mover) halt(t time.Duration) {
	x, v := m.position(t), m.velocity(t)
	m.plan = m.plan[:0]
	_, m.x, _ = m.ramp(t, x, v, 0, m.coast)
}

// freeze stops at once.
func (m *mover) freeze(t time.Duration) {
	m.x, m.plan = m.position(t), m.plan[:0]
}

// ramp appends the change from speed v to speed w; a change of full speed takes whole.
func (m *mover) ramp(t time.Duration, x, v, w float64, whole time.Duration) (time.Duration, float64, float64) {
	dur := time.Duration(float64(whole) * math.Abs(w-v) / m.full)
	if dur <= 0 {
		return t, x, w
	}
	p := phase{start: t, end: t + dur, x: x, v: v, a: (w - v) / dur.Seconds()}
	m.plan = append(m.plan, p)
	return p.end, p.at(p.end), w
}

// next is the moment of the next change that anybody could see.
func (m *mover) next(t time.Duration) (time.Duration, bool) {
	if len(m.plan) == 0 {
		return 0, false
	}
	p := m.plan[0]
	at, ok := p.end, p.end != 0
	for _, x := range []float64{0, mark, 1 - mark, 1} {
		if r, hit := p.reach(t, x); hit && (!ok || r < at) {
			at, ok = r, true
		}
	}
	return at, ok
}

func (m *mover) atClosed(t time.Duration) bool { return m.position(t) <= mark+touch }
func (m *mover) atOpen(t time.Duration) bool   { return m.position(t) >= 1-mark-touch }

func clamp(x float64) float64 { return min(max(x, 0), 1) }
