package secplus

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/secplus/frames"
)

// paper is a wire on which nobody speaks, and that keeps what is said.
type paper struct {
	said   []byte
	closed chan struct{}
}

func (p *paper) Read([]byte) (int, error) { <-p.closed; return 0, errors.New("closed") }
func (p *paper) Close() error             { close(p.closed); return nil }
func (p *paper) Begin() error             { return nil }
func (p *paper) Write(b []byte) (int, error) {
	p.said = append(p.said, b...)
	return len(b), nil
}

// desk is what the goroutine knows, with no goroutine: the test says when it is what time.
type desk struct {
	*talk
	t     *testing.T
	paper *paper
	now   time.Time
}

func newDesk(t *testing.T, panel string) *desk {
	t.Helper()
	p := &paper{closed: make(chan struct{})}
	o := newButton("garage", zerolog.Nop(), panel, usual(), func() (wire, error) { return p, nil })
	d := &desk{&talk{Button: o}, t, p, time.Now()}
	t.Cleanup(func() { o.cancel(); d.end() })
	d.act(d.now)
	return d
}

// pass lets time go by in small steps, and returns what was said meanwhile.
func (d *desk) pass(span time.Duration) []byte {
	before := len(d.paper.said)
	for end := d.now.Add(span); d.now.Before(end); d.now = d.now.Add(5 * time.Millisecond) {
		d.act(d.now)
	}
	return slices.Clone(d.paper.said[before:])
}

// hears is bytes on the wire, 10 ms each.
func (d *desk) hears(bytes ...byte) {
	for _, b := range bytes {
		d.now = d.now.Add(10 * time.Millisecond)
		d.take(piece{bytes: []byte{b}, at: d.now})
	}
}

func (d *desk) wants(ctx context.Context) *push {
	d.order = &push{ctx: ctx, began: d.now, done: make(chan error, 1), saw: d.door}
	return d.order
}

// says checks what was said in the time that comes.
func (d *desk) says(span time.Duration, want ...byte) {
	d.t.Helper()
	if got := d.pass(span); !slices.Equal(got, want) {
		d.t.Errorf("in %v it says % x, want % x", span, got, want)
	}
}

const closed, open_, opening = 0x55, 0x52, 0x01

// Beside a panel a byte goes out in the pause after a message, never into one, and not when the panel is late.
func TestBetweenThePanelsWords(t *testing.T) {
	d := newDesk(t, panelDigital)
	d.says(time.Minute) // a panel that is not there is waited for
	d.hears(frames.AskDoor, closed)
	d.says(240 * time.Millisecond)
	d.hears(frames.AskDoor, closed)
	if !d.up {
		t.Fatal("what was said twice is not believed")
	}
	d.pass(230 * time.Millisecond) // the window is over
	d.wants(t.Context())
	d.says(100 * time.Millisecond)
	d.hears(frames.AskRest, 0x58)
	d.says(40 * time.Millisecond)
	d.says(40*time.Millisecond, frames.PressDoor)
	for range 2 {
		d.says(150 * time.Millisecond)
		d.hears(frames.AskRest, 0x58)
	}
	d.says(180*time.Millisecond, frames.LetGoDoor)
	d.hears(frames.AskBlocked, 0)
	d.says(240*time.Millisecond, frames.LetGoDoor)
	d.hears(frames.AskDoor, closed)
	d.says(240 * time.Millisecond)
}

// A panel that falls silent while the button is pressed does not keep it pressed.
func TestTheButtonIsLetGo(t *testing.T) {
	d := newDesk(t, panelDigital)
	d.hears(frames.AskDoor, closed, frames.AskDoor, closed)
	d.wants(t.Context())
	d.says(100*time.Millisecond, frames.PressDoor)
	d.says(1300 * time.Millisecond)
	d.says(300*time.Millisecond, frames.LetGoDoor)
}

// A door on its way is asked once more before the press; one that is not where it was gets none.
func TestAskedBeforeAPress(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []byte
		press   bool
	}{
		"still on its way": {[]byte{opening}, true},
		"at its end":       {[]byte{open_, open_}, false},
		"who knows":        {[]byte{open_}, false},
		"no answer":        {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, panelDigital)
			d.hears(frames.AskDoor, opening, frames.AskDoor, opening)
			d.pass(5 * time.Millisecond)
			w := d.wants(t.Context())
			d.says(100 * time.Millisecond)
			for _, a := range tt.answers {
				d.hears(frames.AskDoor, a)
			}
			if got := d.pass(190 * time.Millisecond); slices.Contains(got, frames.PressDoor) != tt.press {
				t.Errorf("it says % x", got)
			}
			select {
			case err := <-w.done:
				if name != "at its end" || !errors.Is(err, errMoved) || errors.Is(err, device.ErrUnsure) {
					t.Errorf("the order ends: %v", err)
				}
			default:
				if name == "at its end" {
					t.Error("the order goes on")
				}
			}
		})
	}
}

// Alone on the wire loquet says what a panel says when it gets power, and asks; an opener that does not answer is asked
// more slowly, so that nothing late is taken for an answer.
func TestLeads(t *testing.T) {
	d := newDesk(t, panelAuto)
	d.says(34 * time.Second)
	if got := d.pass(10 * time.Second); !slices.Equal(got[:len(hail())], hail()) || len(got) < 20 || len(got) > 24 || slices.Contains(got, frames.PressDoor) {
		t.Errorf("it says % x", got)
	}
	for range 2 {
		d.pass(105 * time.Millisecond) // too late to be an answer, and before the next question
		d.hears(0x55)
	}
	if d.up {
		t.Error("bytes that nobody asked for are believed")
	}
}
