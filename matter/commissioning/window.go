package commissioning

import (
	"sync"
	"time"
)

// Status is what the commissioning window is at the moment, with its number on the wire.
type Status uint8

// The states of the window.
const (
	Closed   Status = 0
	Enhanced Status = 1 // with a passcode of the administrator who opened it
	Basic    Status = 2 // with the node's own passcode
)

// Bounds of a window's time (Matter 1.4 section 11.19.8.1).
const (
	LeastTime = 180 * time.Second
	MostTime  = 900 * time.Second
)

// Secret is what a commissioner proves to know. A zero one stands for the node's own passcode.
type Secret struct {
	Verifier      []byte // w0 and L, 97 octets
	Salt          []byte // 16 to 32 octets
	Iterations    uint32 // 1000 to 100000
	Discriminator uint16
}

// Door is what a window opens: it accepts a commissioner who knows the secret, and says so on the network.
type Door interface {
	Open(s Secret, status Status) error
	Close()
}

// Window is the time in which the node may be commissioned.
type Window struct {
	door Door

	mu     sync.Mutex
	status Status
	fabric *uint8
	vendor *uint16
	timer  *time.Timer
	until  time.Time
	round  int
	change []func()
}

// NewWindow returns a closed window.
func NewWindow(d Door) *Window { return &Window{door: d} }

// OnChange calls f after the window opened or closed. To be called before it is first opened.
func (w *Window) OnChange(f func()) { w.change = append(w.change, f) }

// Get returns the state, and the fabric and vendor of who opened it; nil when that was not a fabric, or has left.
func (w *Window) Get() (s Status, fabric *uint8, vendor *uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status, w.fabric, w.vendor
}

// Until is when the window closes by itself; zero when it is not open.
func (w *Window) Until() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == Closed {
		return time.Time{}
	}
	return w.until
}

// Open opens the window for a time, on behalf of a fabric unless that is nil. It fails with ErrBusy when it is open.
func (w *Window) Open(status Status, s Secret, d time.Duration, fabric *uint8, vendor *uint16) error {
	w.mu.Lock()
	if w.status != Closed {
		w.mu.Unlock()
		return ErrBusy
	}
	if err := w.door.Open(s, status); err != nil {
		w.mu.Unlock()
		return err
	}
	w.status, w.fabric, w.vendor = status, fabric, vendor
	w.round++
	round := w.round
	w.timer, w.until = time.AfterFunc(d, func() { w.close(round) }), time.Now().Add(d)
	w.mu.Unlock()
	w.told()
	return nil
}

// Close closes the window. It fails with ErrNotOpen when it is not open.
func (w *Window) Close() error {
	w.mu.Lock()
	round := w.round
	w.mu.Unlock()
	if !w.close(round) {
		return ErrNotOpen
	}
	return nil
}

func (w *Window) close(round int) bool {
	w.mu.Lock()
	if w.status == Closed || w.round != round {
		w.mu.Unlock()
		return false
	}
	w.timer.Stop()
	w.round++
	w.status, w.fabric, w.vendor = Closed, nil, nil
	w.door.Close()
	w.mu.Unlock()
	w.told()
	return true
}

// FabricGone forgets who opened the window when that fabric leaves.
func (w *Window) FabricGone(index uint8) {
	w.mu.Lock()
	gone := w.fabric != nil && *w.fabric == index
	if gone {
		w.fabric = nil
	}
	w.mu.Unlock()
	if gone {
		w.told()
	}
}

func (w *Window) told() {
	for _, f := range w.change {
		f()
	}
}
