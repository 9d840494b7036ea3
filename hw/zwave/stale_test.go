package zwave

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
)

// What was asked before the lock was said to be gone, dead or out of reach does not bring it back: the answer is
// older than the news, however late it comes.
func TestAnswersThatAreOlderThanTheNews(t *testing.T) {
	mode := func(n string) json.RawMessage { return json.RawMessage(n) }
	for name, news := range map[string]event{
		"the stick is silent": {Source: "controller", Event: "status changed", Status: mode("1")},
		"the radio is jammed": {Source: "controller", Event: "status changed", Status: mode("2")},
		"it is dead":          {Source: "node", Event: "dead"},
		"it is taken out":     {Source: "controller", Event: "node removed"},
	} {
		t.Run(name, func(t *testing.T) {
			over, cancel := context.WithCancel(t.Context())
			cancel()
			s := &session{ctx: over} // it is not asked anything more
			k := &keeper{Lock: newLock("front", zerolog.Nop(), nil, Config{Node: 2}), again: time.NewTimer(time.Hour), hold: time.NewTimer(time.Hour), session: s, retry: firstRetry}
			defer k.cancel()
			defer k.again.Stop()
			defer k.hold.Stop()
			node := &nodeState{Ready: true, Listening: true}
			k.v.take(node, 0)
			began := k.fallen()
			k.message(asked{session: s, downs: began, mode: mode("255"), at: 1, taken: time.Now()})
			if there, err := k.present(); err != nil || there != s {
				t.Fatalf("a lock that answered: %v", err)
			}
			news.at = 2
			k.message(news)
			gone := func(after string) {
				t.Helper()
				if _, err := k.present(); err == nil || k.up {
					t.Errorf("it is back, because %s", after)
				}
			}
			gone("nothing")
			before := k.v
			k.message(fetched{session: s, downs: began, node: node, at: 3})
			if k.v != before {
				t.Errorf("what the server said before is taken for now: %+v", k.v)
			}
			if !k.again.Stop() {
				t.Error("it is never asked again")
			}
			k.message(asked{session: s, downs: began, mode: mode("0"), at: 3, taken: time.Now()})
			gone("it was asked before")
			reply := make(chan device.LockReading, 1)
			k.message(asked{session: s, downs: began, mode: mode("0"), at: 3, taken: time.Now(), reply: reply})
			gone("somebody waited for an answer")
			select {
			case r, ok := <-reply:
				if ok {
					t.Errorf("who waited is told %+v", r)
				}
			default:
				t.Error("who waited waits for ever")
			}
			// Asked afterwards, it is back.
			k.v.dead, k.v.gone = false, false
			k.message(asked{session: s, downs: k.fallen(), mode: mode("0"), at: 4, taken: time.Now()})
			if _, err := k.present(); err != nil {
				t.Errorf("it answered, and %v", err)
			}
		})
	}
}

// A reading that somebody waits for when the lock goes is none.
func TestALockThatGoesWhileItIsAsked(t *testing.T) {
	p := newPeer(t)
	r := open(t, p)
	r.at(t, device.BoltSecured)
	began, let := make(chan struct{}), make(chan struct{})
	r.change(func() {
		r.hold = func(command string) {
			if command == "node.poll_value" {
				close(began)
				<-let
			}
		}
	})
	type answer struct {
		at  device.LockReading
		err error
	}
	told := make(chan answer, 1)
	go func() {
		at, err := r.lock.RefreshBolt(t.Context())
		told <- answer{at, err}
	}()
	<-began
	r.change(func() { r.hold = nil })
	r.event(map[string]any{"source": "controller", "event": "status changed", "status": 1})
	r.refuses(t, "stick")
	close(let)
	select {
	case a := <-told:
		if !errors.Is(a.err, device.ErrUnavailable) {
			t.Errorf("%+v, %v", a.at, a.err)
		}
	case <-time.After(patience):
		t.Fatal("it waits for ever")
	}
	r.refuses(t, "stick")
}

// A turn that is told of between a question and its answer may be older or newer than the answer: where they differ, the lock is
// asked once more, and whoever waits hears what it says then.
func TestATurnWhileTheLockIsAsked(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	began, let := make(chan struct{}, 4), make(chan struct{})
	r.change(func() {
		r.hold = func(command string) {
			if command == "node.poll_value" {
				began <- struct{}{}
				<-let
			}
		}
	})
	told := make(chan device.LockReading, 1)
	go func() {
		at, err := r.lock.RefreshBolt(t.Context())
		if err != nil {
			t.Error(err)
		}
		told <- at
	}()
	<-began // its answer says secured
	r.turn(0)
	r.notify(2, nil)
	r.at(t, device.BoltUnsecured)
	close(let)
	select {
	case at := <-told:
		if at.Bolt != device.BoltUnsecured {
			t.Errorf("who asked is told %+v", at)
		}
	case <-time.After(patience):
		t.Fatal("who asked waits for ever")
	}
	r.at(t, device.BoltUnsecured)
}
