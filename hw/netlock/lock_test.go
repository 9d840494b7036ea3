package netlock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// post is the house's broker: what is put into it is heard, and what is published comes to nothing but a count.
type post struct {
	events chan hw.MQTTEvent
	fail   error // of what is published
	sent   atomic.Int32
}

func (p *post) Listen(context.Context, ...string) <-chan hw.MQTTEvent { return p.events }

func (p *post) Publish(_ context.Context, topic string, _ []byte) error {
	if p.fail == nil && topic == "here/front/set" {
		p.sent.Add(1)
	}
	return p.fail
}

// word hears the words of a lock: "up" and "down" say whether it is there, all others are news.
func (p *post) word(word string) {
	p.events <- hw.MQTTEvent{Up: true, Payload: []byte(word)}
	synctest.Wait()
}

// bubble runs a test in time of its own, on a lock that has not been heard yet.
func bubble(t *testing.T, test func(t *testing.T, l *Lock[string], p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &post{events: make(chan hw.MQTTEvent, 100)}
		l, env := open(t, p)
		defer func() {
			if err := env.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(t, l, p)
	})
}

type fataler interface {
	Context() context.Context
	Fatal(...any)
}

func open(t fataler, p *post) (*Lock[string], *hw.Env) {
	env := hw.NewEnv(zerolog.Nop())
	env.UseMQTT(p)
	l, err := New[string](env.For("front"), Plan{Topic: "here/front", Silent: "nobody heard it", Refused: "ask it why", Away: "wake it"})
	if err != nil {
		t.Fatal(err)
	}
	hear := func(e hw.MQTTEvent) {
		switch word := string(e.Payload); word {
		case "up":
			l.Arrive("it says so")
		case "down":
			l.Down("it said goodbye")
		default:
			l.Heard(word)
		}
	}
	if err := l.Run(t.Context(), env.For("front"), hear, l.Down, "here/front"); err != nil {
		t.Fatal(err)
	}
	return l, env
}

// yes and no are the lock's two answers.
func answer(word string) (bool, error) {
	if word == "no" {
		return true, errors.New("it does not want to")
	}
	return word == "yes", nil
}

// send sends something, and tells later what came of it.
func send(l *Lock[string]) (came func() error) {
	done := make(chan error, 1)
	go func() { done <- l.Send(context.Background(), "set", nil, answer) }()
	synctest.Wait()
	return func() error {
		synctest.Wait()
		select {
		case err := <-done:
			return err
		default:
			return errors.New("still waiting")
		}
	}
}

func TestThereOrAway(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lock[string], p *post) {
		refused := func(why string) {
			t.Helper()
			if err := l.Ready(t.Context()); !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), why) {
				t.Errorf("%v, want %s", err, why)
			}
		}
		refused("nobody heard it")
		p.word("up")
		if err := l.Ready(t.Context()); err != nil || !l.Up() {
			t.Errorf("%v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Ready(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("nobody waits any more: %v", err)
		}
		readings := l.Readings(t.Context())
		l.Feed.Publish(device.LockReading{Bolt: device.BoltSecured})
		if r := <-readings; r.Bolt != device.BoltSecured {
			t.Errorf("%+v", r)
		}
		p.word("down")
		refused("it said goodbye")
		if _, ok := <-readings; ok {
			t.Error("the readings go on")
		}
		p.word("up")
		close(p.events)
		synctest.Wait()
		refused("no MQTT broker")
		if l.Do(func() {}) {
			t.Error("something is done for a lock that nobody hears")
		}
	})
}

// What came of a message is the lock's own word, once; where that does not come nobody knows.
func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(l *Lock[string], p *post)
		want   string // part of the error; empty: none
		unsure bool
	}{
		"yes":              {func(_ *Lock[string], p *post) { p.word("perhaps"); p.word("yes"); p.word("no") }, "", false},
		"no":               {func(_ *Lock[string], p *post) { p.word("no"); p.word("yes") }, "does not want", false},
		"nothing":          {func(_ *Lock[string], p *post) { time.Sleep(mostWait) }, "in time", true},
		"it goes away":     {func(_ *Lock[string], p *post) { p.word("down") }, "went away", true},
		"the broker ends":  {func(_ *Lock[string], p *post) { close(p.events) }, "went away", true},
		"not so long":      {func(_ *Lock[string], p *post) { time.Sleep(mostWait - time.Second) }, "still waiting", false},
		"what came before": {func(*Lock[string], *post) {}, "still waiting", false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *Lock[string], p *post) {
				p.word("up")
				p.word("yes")
				came := send(l)
				c.then(l, p)
				switch err := came(); {
				case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)), errors.Is(err, device.ErrUnsure) != c.unsure:
					t.Errorf("%v, want %q", err, c.want)
				}
				if p.sent.Load() != 1 {
					t.Errorf("sent %d times", p.sent.Load())
				}
				left := 0
				l.Do(func() { left = len(l.waits) })
				synctest.Wait()
				if waiting := c.want == "still waiting"; (left == 1) != waiting {
					t.Errorf("%d wait", left)
				}
			})
		})
	}
}

// A message that did not reach the broker was not sent; one that was cut off may have been.
func TestBrokerFails(t *testing.T) {
	for _, unsure := range []bool{false, true} {
		bubble(t, func(t *testing.T, l *Lock[string], p *post) {
			p.word("up")
			p.fail = device.ErrUnavailable
			if unsure {
				p.fail = device.ErrUnsure
			}
			if err := send(l)(); errors.Is(err, device.ErrUnsure) != unsure || errors.Is(err, device.ErrUnavailable) == unsure {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTwoDevicesOneLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{events: make(chan hw.MQTTEvent, 100)}
		l, env := open(t, p)
		defer env.Close()
		second, err := New[string](env.For("back"), l.Plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Run(t.Context(), env.For("back"), nil, nil); !errors.Is(err, hw.ErrInUse) {
			t.Errorf("%v", err)
		}
		if p.word("up"); !l.Up() {
			t.Error("the first one does not hear any more")
		}
	})
}

// An error says what to do.
func TestFail(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lock[string], _ *post) {
		if l.Fail("throw", nil) != nil {
			t.Error("nothing is an error")
		}
		for hint, err := range map[string]error{
			"it may have acted": fmt.Errorf("%w: %w", device.ErrUnsure, context.DeadlineExceeded), "another code": device.ErrCodeRefused,
			"wake it": device.ErrUnavailable, "try again": context.Canceled, "secured or unsecured": ErrNoTarget, "ask it why": errors.New("no"),
		} {
			var op *hw.OpError
			if got := l.Fail("throw", err); !errors.As(got, &op) || !errors.Is(got, err) || op.Device != "front" || !strings.Contains(op.Hint, hint) {
				t.Errorf("%v: %+v, want %s", err, op, hint)
			}
		}
	})
}

// timeless is a test without a deadline, which may not be asked for in a bubble.
type timeless struct{ rapid.TB }

// An alarm that comes while the lock's goroutine is at something else, which stops it, does not come.
func TestStoppedAtTheLastMoment(t *testing.T) {
	bubble(t, func(t *testing.T, l *Lock[string], _ *post) {
		var a Alarm
		rang := false
		l.Do(func() {
			l.Alarm(&a, time.Second, func() { rang = true })
			time.Sleep(2 * time.Second)
			a.Stop()
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if rang {
			t.Error("it came")
		}
	})
}

// An alarm comes when it was last set to, once, and not after it was stopped, whatever it was set to before.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			p := &post{events: make(chan hw.MQTTEvent)}
			l, env := open(t, p)
			defer env.Close()
			var a Alarm
			var rang, want []time.Duration
			began, due := time.Now(), time.Duration(-1)
			pass := func(d time.Duration) {
				time.Sleep(d)
				synctest.Wait()
				if now := time.Since(began); due >= 0 && due <= now {
					want, due = append(want, due), -1
				}
			}
			on := func(do func()) {
				l.Do(do)
				synctest.Wait()
			}
			for range rapid.IntRange(1, 30).Draw(t, "steps") {
				switch rapid.IntRange(0, 3).Draw(t, "step") {
				case 0, 1:
					after := time.Duration(rapid.IntRange(1, 50).Draw(t, "after")) * time.Second
					on(func() { l.Alarm(&a, after, func() { rang = append(rang, time.Since(began)) }) })
					due = time.Since(began) + after
				case 2:
					on(a.Stop)
					due = -1
				default:
					pass(time.Duration(rapid.IntRange(0, 60).Draw(t, "time")) * time.Second)
				}
				set := false
				on(func() { set = a.Set() })
				if set != (due >= 0) {
					t.Fatalf("set: %v, due %v", set, due)
				}
			}
			pass(time.Minute)
			if !slices.Equal(rang, want) {
				t.Fatalf("it came at %v, want %v", rang, want)
			}
		})
	})
}
