package garadget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// wire is a broker in memory: what the driver says, and what it hears.
type wire struct {
	mu     sync.Mutex
	said   []string // topic and payload of every message
	down   bool
	events chan hw.MQTTEvent
	answer func(topic, payload string) // of a board; nil: silence
}

func (w *wire) Publish(ctx context.Context, topic string, payload []byte) error {
	w.mu.Lock()
	down, answer := w.down, w.answer
	if !down {
		w.said = append(w.said, topic+" "+string(payload))
	}
	w.mu.Unlock()
	if down {
		return device.ErrUnavailable
	}
	if answer != nil {
		answer(topic, string(payload))
	}
	return ctx.Err()
}

func (w *wire) Listen(context.Context, ...string) <-chan hw.MQTTEvent { return w.events }

func (w *wire) hear(topic, payload string, retained bool) {
	w.events <- hw.MQTTEvent{Up: true, Topic: topic, Payload: []byte(payload), Retained: retained, Taken: time.Now()}
}

// sent are the messages that can move a door.
func (w *wire) sent() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.said {
		if !strings.Contains(s, " get-") {
			out = append(out, s)
		}
	}
	return out
}

// table is a driver on such a wire, with a board that answers as it is told to.
type table struct {
	*wire
	*Board
	state  string
	config string
	silent bool
}

func configOf(id string, more string) string {
	return fmt.Sprintf(`{"sys":"2.0.1","ver":"1.20","id":"%s","rdt":1000,"mtt":10000,"rlt":300,"rlp":1000,"srt":10,"nme":"Barn","mqtt":2,"mqto":15%s}`, id, more)
}

func newTable(t *testing.T, c Config) *table {
	t.Helper()
	b := &table{wire: &wire{events: make(chan hw.MQTTEvent, 64)}, state: "closed", config: configOf(boardID, "")}
	b.answer = func(topic, payload string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch {
		case b.silent || topic != "garadget/Barn/command":
		case payload == "get-status":
			b.hear("garadget/Barn/status", `{"status":"`+b.state+`","time":"5s","sensor":1,"bright":1,"signal":-1}`, false)
		case payload == "get-config":
			b.hear("garadget/Barn/config", b.config, false)
		}
	}
	env := hw.NewEnv(zerolog.Nop())
	env.UseMQTT(b.wire)
	c.ID = boardID
	var err error
	if b.Board, err = Open(t.Context(), env.For("barn"), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	b.events <- hw.MQTTEvent{Up: true}
	return b
}

// set changes what the board answers.
func (b *table) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// meet lets the driver find the board.
func (b *table) meet() {
	b.hear("garadget/Barn/config", b.config, true)
	synctest.Wait()
}

func (b *table) become(state string) {
	b.set(func() { b.state = state })
	b.hear("garadget/Barn/status", `{"status":"`+state+`"}`, false)
	synctest.Wait()
}

func (b *table) last(t *testing.T) device.Reading {
	t.Helper()
	r, ok := b.feed.Last()
	if !ok {
		t.Fatal("the door is unavailable")
	}
	return r
}

func (b *table) away() bool { _, ok := b.feed.Last(); return !ok }

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestWhatIsBelieved(t *testing.T) {
	bubble(t, "a kept status is not believed", func(t *testing.T) {
		b := newTable(t, Config{})
		b.set(func() { b.silent = true })
		b.hear("garadget/Barn/config", b.config, true)
		b.hear("garadget/Barn/status", `{"status":"closed"}`, true)
		synctest.Wait()
		if !b.away() {
			t.Errorf("%+v", b.last(t))
		}
	})
	bubble(t, "a board that has not said who it is is not believed", func(t *testing.T) {
		b := newTable(t, Config{})
		b.set(func() { b.config = configOf("2f0036000000000000000002", "") })
		b.hear("garadget/Barn/status", `{"status":"closed"}`, false)
		synctest.Wait()
		if !b.away() {
			t.Errorf("%+v", b.last(t))
		}
	})
	bubble(t, "silence is not closed", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		if r := b.last(t); r.At != device.PlaceClosed {
			t.Fatalf("%+v", r)
		}
		b.set(func() { b.silent = true })
		time.Sleep(silentAfter - time.Second)
		if b.away() {
			t.Error("unavailable too early")
		}
		time.Sleep(2 * time.Second)
		if !b.away() {
			t.Error("available after 30 silent seconds")
		}
		if err := b.Trigger(t.Context(), device.TargetOpen); !errors.Is(err, device.ErrUnavailable) || len(b.sent()) != 0 {
			t.Errorf("%v, sent %v", err, b.sent())
		}
		b.set(func() { b.silent = false })
		time.Sleep(2 * pollTime)
		if b.away() || len(b.sent()) != 0 {
			t.Errorf("it is back: away %v, sent %v", b.away(), b.sent())
		}
	})
	bubble(t, "a lost connection is told by the will", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.set(func() { b.silent = true })
		b.hear("garadget/Barn/LWT", "Offline", false)
		synctest.Wait()
		if !b.away() {
			t.Error("it is available")
		}
		b.set(func() { b.silent = false })
		b.hear("garadget/Barn/LWT", "Online", false)
		synctest.Wait()
		if b.away() || len(b.sent()) != 0 {
			t.Errorf("away %v, sent %v", b.away(), b.sent())
		}
	})
	bubble(t, "a second board of that name", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.hear("garadget/Barn/config", configOf("2f0036000000000000000002", ""), false)
		b.hear("garadget/Barn/config", b.config, false)
		b.hear("garadget/Barn/status", `{"status":"closed"}`, false)
		synctest.Wait()
		if !b.away() {
			t.Error("nobody knows whose status that is")
		}
		if err := b.Trigger(t.Context(), device.TargetOpen); err == nil || !strings.Contains(err.Error(), "another board") || len(b.sent()) != 0 {
			t.Errorf("%v, sent %v", err, b.sent())
		}
		time.Sleep(conflictTime + 2*pollTime)
		if b.away() {
			t.Error("the other one is gone")
		}
	})
	bubble(t, "a board with a new name", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.hear("garadget/Shed/config", b.config, false)
		synctest.Wait()
		b.hear("garadget/Shed/status", `{"status":"open"}`, false)
		synctest.Wait()
		if r := b.last(t); r.At != device.PlaceBetween {
			t.Errorf("%+v", r)
		}
	})
}

func TestStates(t *testing.T) {
	for state, want := range map[string]device.Reading{
		"closed":  {At: device.PlaceClosed},
		"open":    {At: device.PlaceBetween},
		"opening": {At: device.PlaceBetween, Moving: device.TargetOpen},
		"closing": {At: device.PlaceBetween, Moving: device.TargetClosed},
		"stopped": {At: device.PlaceBetween},
		"unknown": {At: device.PlaceUnknown},
	} {
		bubble(t, state, func(t *testing.T) {
			b := newTable(t, Config{})
			b.meet()
			b.become(state)
			got := b.last(t)
			if got.At != want.At || got.Moving != want.Moving || got.Obstructed != device.No || !got.Taken.Equal(time.Now()) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestOrders(t *testing.T) {
	bubble(t, "one is sent once and answered", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		if err := b.Trigger(t.Context(), device.TargetOpen); err != nil {
			t.Fatal(err)
		}
		if got := b.sent(); !slices.Equal(got, []string{"garadget/Barn/command open"}) {
			t.Errorf("%q", got)
		}
	})
	bubble(t, "one without an answer is unsure and not repeated", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.set(func() { b.silent = true })
		if err := b.Trigger(t.Context(), device.TargetOpen); !errors.Is(err, device.ErrUnsure) {
			t.Errorf("%v", err)
		}
		b.set(func() { b.silent = false })
		time.Sleep(5 * time.Minute)
		if got := b.sent(); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
	bubble(t, "without a fresh answer nothing is sent", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		time.Sleep(freshTime + time.Second)
		b.set(func() { b.silent = true })
		if err := b.Trigger(t.Context(), device.TargetOpen); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) || len(b.sent()) != 0 {
			t.Errorf("%v, sent %q", err, b.sent())
		}
	})
	bubble(t, "without a broker nothing is sent, then or later", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.mu.Lock()
		b.down = true
		b.mu.Unlock()
		b.events <- hw.MQTTEvent{}
		synctest.Wait()
		if err := b.Trigger(t.Context(), device.TargetOpen); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		b.mu.Lock()
		b.down = false
		b.mu.Unlock()
		b.events <- hw.MQTTEvent{Up: true}
		time.Sleep(time.Minute)
		if b.away() || len(b.sent()) != 0 {
			t.Errorf("away %v, sent %q", b.away(), b.sent())
		}
	})
	bubble(t, "what is on its way is not told again", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.become("closing")
		if err := b.Trigger(t.Context(), device.TargetClosed); err != nil || len(b.sent()) != 0 {
			t.Errorf("%v, sent %q", err, b.sent())
		}
	})
	bubble(t, "a door that does not leave is told", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		if err := b.Trigger(t.Context(), device.TargetOpen); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3900 * time.Millisecond)
		if f := b.last(t).Fault; f != "" {
			t.Errorf("too early: %s", f)
		}
		time.Sleep(200 * time.Millisecond)
		if b.last(t).Fault == "" {
			t.Error("a second for the scan and three more are over")
		}
		b.become("opening")
		if f := b.last(t).Fault; f != "" {
			t.Errorf("it left: %s", f)
		}
	})
	bubble(t, "a door that does not close is obstructed, for a while", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.become("open")
		if err := b.Trigger(t.Context(), device.TargetClosed); err != nil {
			t.Fatal(err)
		}
		b.become("closing")
		b.become("stopped")
		if b.last(t).Obstructed != device.Yes {
			t.Error("it did not close")
		}
		time.Sleep(blockedTime + time.Second)
		if b.last(t).Obstructed == device.Yes {
			t.Error("for ever")
		}
	})
	bubble(t, "a door that was stopped is not obstructed", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		b.become("open")
		b.become("closing")
		if err := b.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.become("stopped")
		if b.last(t).Obstructed != device.No {
			t.Error("it was stopped")
		}
	})
	bubble(t, "the release comes after the pulse", func(t *testing.T) {
		b := newTable(t, Config{})
		b.meet()
		if err := b.Trigger(t.Context(), device.TargetOpen); err != nil {
			t.Fatal(err)
		}
		if b.last(t).Energised == device.No {
			t.Error("the relay may still pull")
		}
		time.Sleep(3 * time.Second)
		if b.last(t).Energised != device.No {
			t.Error("the board answers after its pulse")
		}
	})
}

func TestSettings(t *testing.T) {
	bubble(t, "they are written once, at rest", func(t *testing.T) {
		b := newTable(t, Config{Move: 15 * time.Second, Threshold: 10})
		b.meet()
		b.become("opening")
		time.Sleep(9 * time.Second)
		if got := b.sent(); len(got) != 0 {
			t.Fatalf("while it moves: %q", got)
		}
		b.become("open")
		time.Sleep(10 * time.Second)
		if got := b.sent(); !slices.Equal(got, []string{`garadget/Barn/set-config {"mtt":15000}`}) {
			t.Fatalf("%q", got)
		}
		b.set(func() { b.config = strings.Replace(b.config, "10000", "15000", 1) })
		b.hear("garadget/Barn/config", b.config, false)
		time.Sleep(10 * time.Minute)
		if got := b.sent(); len(got) != 1 || b.last(t).Fault != "" {
			t.Errorf("%q, fault %q", got, b.last(t).Fault)
		}
	})
	bubble(t, "a board that does not take them is told of, and left alone", func(t *testing.T) {
		b := newTable(t, Config{Move: 15 * time.Second})
		b.meet()
		time.Sleep(10 * time.Minute)
		if got := b.sent(); len(got) != 1 || b.last(t).Fault == "" {
			t.Errorf("%q, fault %q", got, b.last(t).Fault)
		}
	})
}

func TestCheck(t *testing.T) {
	good := Config{ID: "2F0036000000000000000001", Move: 15 * time.Second, Pulse: 300 * time.Millisecond, Threshold: 10}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for field, c := range map[string]Config{
		"id": {}, "move": {ID: boardID, Move: time.Second}, "pulse": {ID: boardID, Pulse: time.Minute}, "gap": {ID: boardID, Gap: time.Microsecond},
		"scan": {ID: boardID, Scan: time.Millisecond}, "threshold": {ID: boardID, Threshold: 99},
	} {
		if got := hw.FieldErrors(c.Check()); len(got) != 1 || got[0].Field != field || got[0].Remedy == "" {
			t.Errorf("%s: %v", field, got)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"status":"closed","time":"12s","sensor":62,"bright":42,"signal":-55}`))
	f.Add([]byte(configOf(boardID, `,"mqpt":1883`)))
	f.Add([]byte(`{"status":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if s, err := parseStatus(payload); err == nil && s.reading().At == device.PlaceClosed && s != statusClosed {
			t.Errorf("%q is closed?", payload)
		}
		if s, err := parseSettings(payload); err == nil && (!isID(s.ID) || s.Pulse < 0 || s.Pulse > 65535) {
			t.Errorf("%q: %+v", payload, s)
		}
	})
}

func FuzzTopic(f *testing.F) {
	f.Add("garadget/garage door/status")
	f.Fuzz(func(t *testing.T, topic string) {
		if name, last, ok := split(topic); ok && "garadget/"+name+"/"+last != topic {
			t.Errorf("%q: %q, %q", topic, name, last)
		}
	})
}
