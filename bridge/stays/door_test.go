package stays

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/gate"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// pad is a keypad in memory.
type pad struct {
	entries  chan device.KeypadEntry
	verdicts chan device.Verdict
}

func (p *pad) Entries(context.Context) <-chan device.KeypadEntry { return p.entries }

func (p *pad) Feedback(_ context.Context, v device.Verdict) error { p.verdicts <- v; return nil }

type book struct{ devicetest.Journal }

func (*book) Flush(context.Context) error { return nil }

// wire is a listener whose connections never leave the process.
type wire struct {
	conns chan net.Conn
	once  sync.Once
	gone  chan struct{}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.gone:
		return nil, net.ErrClosed
	}
}
func (w *wire) Close() error   { w.once.Do(func() { close(w.gone) }); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	w.conns <- there
	return here, nil
}

// TestAGuestAtTheDoor goes from the channel's server to the door and back: booked, made, typed, used, over.
func TestAGuestAtTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112 HMABCDE123")
		w := &wire{conns: make(chan net.Conn), gone: make(chan struct{})}
		server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			h.mu.Lock()
			defer h.mu.Unlock()
			_, _ = out.Write([]byte(h.feed))
		})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(w) }()
		f := feeds.NewFetcher(w.dial)
		h.stays.o.Fetch = func(ctx context.Context, _ string, v feeds.Validators) (feeds.Answer, error) {
			return f.Fetch(ctx, "http://127.0.0.1/calendar.ics?s=0123456789abcdef", v)
		}
		stop := h.run()
		h.add()
		time.Sleep(time.Second)
		m, err := h.stays.TellStay(t.Context(), h.guest(0).ID)
		if err != nil {
			t.Fatal(err)
		}
		p := &pad{entries: make(chan device.KeypadEntry), verdicts: make(chan device.Verdict, 10)}
		opened := 0
		journal := &book{}
		g, err := gate.New(gate.Config{Keypad: "pad", Group: "home", Doors: []gate.Door{{ID: "studio", Action: device.ActionUnlock}}}, gate.Deps{
			Pad: p, Codes: h.ledger, Journal: journal, Clock: clockFunc(h.moment),
			Command: func(_ context.Context, _ string, c device.Command) (device.Answer, error) {
				opened++
				return device.Answer{Intent: 1}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = g.Run(ctx) }()
		types := func(at string, want device.VerdictKind) {
			t.Helper()
			time.Sleep(on(at))
			p.entries <- device.KeypadEntry{Keys: device.Keys(m.PIN + "#"), Arrived: time.Now()}
			if v := <-p.verdicts; v.Kind != want {
				t.Errorf("%s: %s, want %s", at, v.Kind, want)
			}
		}
		types("2000-01-10 12:00:00", device.VerdictNotNow)
		types("2000-01-10 14:00:00", device.VerdictGranted)
		types("2000-01-12 10:29:00", device.VerdictGranted)
		types("2000-01-12 10:30:00", device.VerdictNotNow)
		if opened != 2 {
			t.Errorf("opened %d times", opened)
		}
		cancel()
		<-done
		stop()
		_ = server.Close()
		<-served
	})
}
