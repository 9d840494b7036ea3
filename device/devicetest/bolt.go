package devicetest

import (
	"context"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

// Bolt is a lock. It turns only if Turn is set; otherwise the test says where the bolt is. A strike
// is released by an order and falls back after Traits.Hold.
type Bolt struct {
	// Set before use.
	ID      string
	Traits  device.BoltTraits
	Turn    time.Duration // until a motor or commanded bolt is there
	Journal *Journal      // if set, a throw without an INTENT row is a violation

	mu     sync.Mutex
	feed   feed[device.LockReading]
	r      device.LockReading
	has    bool
	jam    bool
	fail   error
	block  chan struct{}
	throws []time.Time
	wrong  []error
}

var (
	_ device.Bolt          = (*Bolt)(nil)
	_ device.BoltRefresher = (*Bolt)(nil)
)

// Throw implements device.Bolt.
func (b *Bolt) Throw(ctx context.Context, target device.BoltTarget) error {
	b.mu.Lock()
	block, fail := b.block, b.fail
	b.mu.Unlock()
	if err := wait(ctx, block); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Journal != nil {
		if err := b.Journal.Use(b.ID); err != nil {
			b.wrong = append(b.wrong, err)
		}
	}
	b.throws = append(b.throws, time.Now())
	if fail != nil {
		return fail
	}
	at := device.BoltSecured
	if target == device.BoltTargetUnsecured {
		at = device.BoltUnsecured
	}
	switch {
	case b.Traits.Drive == device.BoltDriveStrike && at == device.BoltUnsecured:
		b.set(at, device.Yes)
		time.AfterFunc(b.Traits.Hold, func() { b.Change(func(r *device.LockReading) { r.Bolt, r.Energised = device.BoltSecured, device.No }) })
	case b.Traits.Drive == device.BoltDriveStrike:
		b.set(at, device.No)
	case b.jam:
		time.AfterFunc(b.Turn, func() { b.Put(device.BoltJammed) })
	case b.Turn > 0:
		time.AfterFunc(b.Turn, func() { b.Put(at) })
	}
	return nil
}

func (b *Bolt) set(at device.BoltPosition, energised device.Tri) {
	b.r.Bolt, b.r.Energised = at, energised
	b.tell()
}

func (b *Bolt) tell() {
	b.r.Taken, b.has = time.Now(), true
	b.feed.publish(b.r)
}

// Readings implements device.Bolt.
func (b *Bolt) Readings(ctx context.Context) <-chan device.LockReading {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := b.feed.subscribe(b.r, b.has)
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.feed.drop(ch)
	})
	return ch
}

// RefreshBolt implements device.BoltRefresher.
func (b *Bolt) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	b.mu.Lock()
	block := b.block
	b.mu.Unlock()
	if err := wait(ctx, block); err != nil {
		return device.LockReading{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feed.down {
		return device.LockReading{}, device.ErrUnavailable
	}
	r := b.r
	r.Taken = time.Now()
	return r, nil
}

// Change changes what the sensors say, and tells it.
func (b *Bolt) Change(f func(*device.LockReading)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.r)
	b.tell()
}

// Put sets the bolt.
func (b *Bolt) Put(at device.BoltPosition) { b.Change(func(r *device.LockReading) { r.Bolt = at }) }

// Door opens or closes the door that the lock is on.
func (b *Bolt) Door(open device.Tri) { b.Change(func(r *device.LockReading) { r.DoorOpen = open }) }

// Jam lets the next throws end jammed.
func (b *Bolt) Jam(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jam = on
}

// Fail lets every throw fail until it is called with nil. The throw is counted.
func (b *Bolt) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

// Block lets every throw and refresh hang, until their context ends or the function is called.
func (b *Bolt) Block() (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	block := make(chan struct{})
	b.block = block
	return sync.OnceFunc(func() {
		b.mu.Lock()
		b.block = nil
		b.mu.Unlock()
		close(block)
	})
}

// Disconnect ends all readings; new subscriptions end at once until Connect.
func (b *Bolt) Disconnect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed.disconnect()
}

// Connect ends Disconnect.
func (b *Bolt) Connect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed.down = false
}

// Throws returns when orders came, also those that failed.
func (b *Bolt) Throws() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.throws...)
}

// Violations returns the throws that the journal did not allow.
func (b *Bolt) Violations() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]error(nil), b.wrong...)
}

// Sensor is a contact of its own.
type Sensor struct {
	mu   sync.Mutex
	feed feed[device.ContactReading]
	r    device.ContactReading
	has  bool
}

var _ device.Sensor = (*Sensor)(nil)

// Readings implements device.Sensor.
func (s *Sensor) Readings(ctx context.Context) <-chan device.ContactReading {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.feed.subscribe(s.r, s.has)
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.feed.drop(ch)
	})
	return ch
}

// Set changes the contact.
func (s *Sensor) Set(open device.Tri) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.Open, s.r.Taken, s.has = open, time.Now(), true
	s.feed.publish(s.r)
}
