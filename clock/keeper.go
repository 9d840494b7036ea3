package clock

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/access"
)

// Space is where a Keeper keeps the little that the next process needs.
type Space interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// keepEvery is how often the floor is written: after a power cut the time is known to be at most so much
// earlier.
const keepEvery = 10 * time.Minute

const keptKey = "kept"

// kept is the record.
type kept struct {
	Floor  time.Time     `json:"floor"`
	Anchor Anchor        `json:"anchor"`
	Lost   time.Duration `json:"lost,omitempty"`
	Word   Word          `json:"word,omitzero"`
}

// Keeper is a Clock that remembers over restarts. It tells the time before it knows what was
// remembered, because the storage itself wants to know the time.
type Keeper struct {
	options Options
	clock   atomic.Pointer[Clock]
	space   Space
}

// NewKeeper returns a Keeper that remembers nothing yet.
func NewKeeper(o Options) *Keeper {
	k := &Keeper{options: o}
	k.clock.Store(New(o))
	return k
}

// Now returns the time and the word of its trust.
func (k *Keeper) Now() (time.Time, string) {
	t, trust := k.clock.Load().Now()
	return t, trust.String()
}

var _ access.Clock = (*Keeper)(nil)

// Moment implements access.Clock.
func (k *Keeper) Moment() access.Moment {
	c := k.clock.Load()
	now, trust := c.Now()
	m := access.Moment{Now: now, Trust: access.TrustFloor, Floor: c.Floor(), Lost: c.Lost()}
	switch trust {
	case Trusted:
		m.Trust = access.Trusted
	case Holdover:
		m.Trust = access.TrustHoldover
	case Floor:
	}
	return m
}

// Standing is how far the time can be believed, because of whom, and for how long.
func (k *Keeper) Standing() Standing { return k.clock.Load().Standing() }

// Confirm says that a person found the machine's time right, and keeps that for the next process. It reports
// whether the time is trusted now; an error says that it is, but was not kept.
func (k *Keeper) Confirm(source string) (bool, error) {
	if !k.clock.Load().Confirm(source) {
		return false, nil
	}
	return true, k.Keep()
}

// Clock returns the clock that is read.
func (k *Keeper) Clock() *Clock { return k.clock.Load() }

// Recall takes over what the last process kept. A record that cannot be read counts as none: the time is
// then trusted less, never more.
func (k *Keeper) Recall(space Space) error {
	k.space = space
	raw, ok, err := space.Get(keptKey)
	if err != nil || !ok {
		return err
	}
	var r kept
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	o := k.options
	o.Floor, o.Anchor, o.Lost, o.Word = later(r.Floor, o.Floor), r.Anchor, max(r.Lost, 0), r.Word
	k.clock.Store(New(o))
	return nil
}

// Keep writes what the next process needs.
func (k *Keeper) Keep() error {
	c := k.clock.Load()
	raw, err := json.Marshal(kept{Floor: c.Floor(), Anchor: c.Anchor(), Lost: c.Lost(), Word: c.Word()})
	if err != nil {
		return err
	}
	return k.space.Apply(map[string][]byte{keptKey: raw})
}

// Run keeps it every ten minutes until ctx ends; failed hears of each time that it could not.
func (k *Keeper) Run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := k.Keep(); err != nil {
				failed(err)
			}
		}
	}
}
