package homekit

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
)

// What is there before the first controller reads is the truth, also for a device that comes at run time.
func TestANewDeviceIsNeverShownOpenByMistake(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", nil)
	h.open()
	c := h.admin(mainBridge)
	for k := range 20 {
		id := fmt.Sprintf("gate-%d", k)
		d := h.door(id, nil)
		h.Put(d, device.PlaceClosed, device.PositionClosed)
		stop, seen := make(chan struct{}), make(chan string)
		go func() {
			wrong := ""
			for {
				select {
				case <-stop:
					seen <- wrong
					return
				default:
				}
				h.numbers.mu.Lock()
				p := h.numbers.places[id]
				var at haptest.ID
				if p != nil {
					at = haptest.ID{AID: p.AID, IID: p.IIDs["door/current"]}
				}
				h.numbers.mu.Unlock()
				if v, ok := h.list(c).value(at); ok && v != "1" {
					wrong = v
				}
			}
		}()
		h.show()
		close(stop)
		if wrong := <-seen; wrong != "" {
			t.Fatalf("a closed door was shown as %s", wrong)
		}
	}
}

// An actor that tells of a change never waits for somebody who changes the house.
func TestChangedNeverWaitsForTheHouse(t *testing.T) {
	h := newHome(t, nil)
	d := h.door("gate", nil)
	h.open()
	h.Put(d, device.PlaceClosed, device.PositionClosed)
	c := h.admin(mainBridge)
	h.awaitValue(c, h.id("gate", "door/current"), "1")
	h.House.mu.Lock()
	h.Put(d, device.PlaceOpen, device.PositionOpen)
	h.House.mu.Unlock()
	h.awaitValue(c, h.id("gate", "door/current"), "0")
}

// States that change while the house is rebuilt again and again: the last one is what is shown.
func TestTheNewestStateIsTheLastShown(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", nil)
	h.open()
	c := h.admin(mainBridge)
	done := make(chan error)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := h.SetItems(context.Background(), h.items); err != nil {
				done <- err
				return
			}
		}
	}()
	for k := range 8 {
		open := []device.Tri{device.No, device.Yes}[k%2]
		h.Sensors["window"].Set(open)
		h.awaitValue(c, h.id("window", "contact/state"), fmt.Sprint(k%2))
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// halting is a thing whose first reading is held up between being read and being shown.
type halting struct {
	thing
	values chan []homekit.Value // one for each reading
	read   chan struct{}        // told of each
	halt   chan struct{}
	once   sync.Once
}

func (t *halting) now() ([]homekit.Value, bool) {
	v := <-t.values
	t.read <- struct{}{}
	t.once.Do(func() { <-t.halt })
	return v, true
}

func TestAnOldReadingIsNotShownAfterANewOne(t *testing.T) {
	h := newHome(t, nil)
	h.contact("window", nil)
	h.open()
	s := (*h.shown.Load())["window"]
	at := h.id("window", "contact/state")
	value := func(v int) []homekit.Value { return []homekit.Value{{AID: at.AID, IID: at.IID, Value: v}} }
	slow := &halting{thing: s.thing, values: make(chan []homekit.Value, 2), read: make(chan struct{}, 2), halt: make(chan struct{})}
	slow.values <- value(0)
	slow.values <- value(1)
	var both sync.WaitGroup
	both.Go(func() { h.House.show(shown{s.face, slow}) })
	<-slow.read
	both.Go(func() { h.House.show(shown{s.face, slow}) })
	select {
	case <-slow.read:
		t.Error("the second reading did not wait for the first one to be shown")
	case <-time.After(100 * time.Millisecond):
	}
	close(slow.halt)
	both.Wait()
	if got, _ := s.face.server.Load().Value(at.AID, at.IID); string(got) != "1" {
		t.Errorf("shown %s, the newest is 1", got)
	}
}
