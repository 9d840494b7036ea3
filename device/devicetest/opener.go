package devicetest

import (
	"context"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

// PulseTime is how long the relays of an Opener are on.
const PulseTime = 400 * time.Millisecond

// Opener is a door with its opener. It moves only if Travel is set; otherwise the test says where the
// door is.
type Opener struct {
	// Set before use.
	ID      string
	Traits  device.DoorTraits
	Travel  time.Duration // from one end to the other; 0: it does not move by itself
	Journal *Journal      // if set, a trigger without an INTENT row is a violation

	mu       sync.Mutex
	feed     feed[device.Reading]
	r        device.Reading
	has      bool
	pos      float64 // 0 closed, 1 open
	dir      float64 // while moving
	next     float64 // the direction of the next pulse at rest between the ends
	since    time.Time
	arrival  *time.Timer
	stuck    bool
	fail     error
	block    chan struct{}
	triggers []time.Time
	stops    int
	warns    []bool
	wrong    []error
	refreshes,
	identifies int
	shows chan<- struct{}
}

var (
	_ device.Opener     = (*Opener)(nil)
	_ device.Refresher  = (*Opener)(nil)
	_ device.Stopper    = (*Opener)(nil)
	_ device.Warner     = (*Opener)(nil)
	_ device.Identifier = (*Opener)(nil)
)

// Trigger implements device.Opener.
func (o *Opener) Trigger(ctx context.Context, target device.Target) error {
	return o.order(ctx, func() { o.press(target) })
}

// Stop implements device.Stopper.
func (o *Opener) Stop(ctx context.Context) error {
	return o.order(ctx, func() { o.stops++; o.move(0) })
}

func (o *Opener) order(ctx context.Context, do func()) error {
	o.mu.Lock()
	block, fail := o.block, o.fail
	o.mu.Unlock()
	if err := wait(ctx, block); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.Journal != nil {
		if err := o.Journal.Use(o.ID); err != nil {
			o.wrong = append(o.wrong, err)
		}
	}
	o.triggers = append(o.triggers, time.Now())
	if fail != nil {
		return fail
	}
	o.r.Energised = device.Yes
	do()
	o.tell()
	time.AfterFunc(PulseTime, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.r.Energised = device.No
		o.tell()
	})
	return nil
}

// press is a pulse, from us or from the wall.
func (o *Opener) press(target device.Target) {
	if o.stuck || o.Travel == 0 {
		return
	}
	o.settle()
	switch {
	case o.Traits.Drive != device.DrivePulse && target == device.TargetOpen:
		o.move(1)
	case o.Traits.Drive != device.DrivePulse && target == device.TargetClosed:
		o.move(-1)
	case o.dir != 0 && (o.Traits.Cycle == device.CycleNoStop || o.Traits.Cycle == device.CycleReversesOnClose && o.dir < 0):
		o.move(-o.dir)
	case o.dir != 0:
		o.next = -o.dir
		o.move(0)
	case o.pos <= 0:
		o.move(1)
	case o.pos >= 1:
		o.move(-1)
	default:
		o.move(o.next)
	}
}

// move starts or stops the motor, and tells when the door arrives at an end.
func (o *Opener) move(dir float64) {
	o.settle()
	if o.arrival != nil {
		o.arrival.Stop()
	}
	o.dir = dir
	if dir == 0 {
		return
	}
	way := o.pos
	if dir > 0 {
		way = 1 - o.pos
	}
	o.pos += dir * 0.001 // it leaves its end at once
	o.arrival = time.AfterFunc(time.Duration(way*float64(o.Travel)), func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.settle()
		o.tell()
	})
	o.see()
}

// settle brings the position up to date.
func (o *Opener) settle() {
	now := time.Now()
	if o.dir != 0 {
		o.pos += o.dir * float64(now.Sub(o.since)) / float64(o.Travel)
		if o.pos <= 0.0015 && o.dir < 0 || o.pos >= 0.9985 && o.dir > 0 {
			o.pos, o.dir = (o.dir+1)/2, 0
		}
	}
	o.since = now
	o.see()
}

// see reads the contacts.
func (o *Opener) see() {
	if o.Travel == 0 || o.stuck {
		return
	}
	switch {
	case o.pos <= 0 && o.Traits.SensesClosed:
		o.r.At = device.PlaceClosed
	case o.pos >= 1 && o.Traits.SensesOpen:
		o.r.At = device.PlaceOpen
	default:
		o.r.At = device.PlaceBetween
	}
}

func (o *Opener) tell() {
	o.r.Taken, o.has = time.Now(), true
	o.feed.publish(o.r)
}

// Readings implements device.Opener.
func (o *Opener) Readings(ctx context.Context) <-chan device.Reading {
	o.mu.Lock()
	defer o.mu.Unlock()
	ch := o.feed.subscribe(o.r, o.has)
	context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.feed.drop(ch)
	})
	return ch
}

// Refresh implements device.Refresher.
func (o *Opener) Refresh(ctx context.Context) (device.Reading, error) {
	o.mu.Lock()
	block := o.block
	o.mu.Unlock()
	if err := wait(ctx, block); err != nil {
		return device.Reading{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refreshes++
	if o.feed.down {
		return device.Reading{}, device.ErrUnavailable
	}
	o.settle()
	r := o.r
	r.Taken = time.Now()
	return r, nil
}

// Warn implements device.Warner.
func (o *Opener) Warn(_ context.Context, on bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.warns = append(o.warns, on)
	return o.fail
}

// Identify implements device.Identifier.
func (o *Opener) Identify(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.identifies++
	if o.shows != nil {
		o.shows <- struct{}{}
	}
	return nil
}

// Change changes what the sensors say, and tells it.
func (o *Opener) Change(f func(*device.Reading)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(&o.r)
	o.tell()
}

// Put sets the door down at a place, at rest.
func (o *Opener) Put(at device.Place) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dir = 0
	switch at {
	case device.PlaceClosed:
		o.pos = 0
	case device.PlaceOpen:
		o.pos = 1
	default:
		o.pos, o.next = 0.5, -1
	}
	o.r.At = at
	o.tell()
}

// WallButton gives a pulse that loquet knows nothing of.
func (o *Opener) WallButton() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.press(device.TargetUnknown)
	o.tell()
}

// Stick lets the relay click and the door, with its contacts, stay as it is.
func (o *Opener) Stick(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stuck = on
}

// Fail lets every order and warning fail until it is called with nil. The trigger is counted.
func (o *Opener) Fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = err
}

// Block lets every order and refresh hang, until their context ends or the function is called.
func (o *Opener) Block() (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	block := make(chan struct{})
	o.block = block
	return sync.OnceFunc(func() {
		o.mu.Lock()
		o.block = nil
		o.mu.Unlock()
		close(block)
	})
}

// Disconnect ends all readings; new subscriptions end at once until Connect.
func (o *Opener) Disconnect() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feed.disconnect()
}

// Connect ends Disconnect.
func (o *Opener) Connect() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.feed.down = false
}

// Triggers returns when orders came, also those that failed.
func (o *Opener) Triggers() []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]time.Time(nil), o.triggers...)
}

// Warnings returns what the light and the sound were told.
func (o *Opener) Warnings() []bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]bool(nil), o.warns...)
}

// Identifies returns how often the opener was asked to show itself.
func (o *Opener) Identifies() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.identifies
}

// TellIdentifies tells that channel of each time the opener shows itself; it needs room for all of them.
func (o *Opener) TellIdentifies(ch chan<- struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shows = ch
}

// Violations returns the triggers that the journal did not allow.
func (o *Opener) Violations() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]error(nil), o.wrong...)
}
