package mqtt

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/hw"
)

// keeper is a broker that only keeps.
type keeper struct {
	mu   sync.Mutex
	kept map[string]string
	said int
}

func (k *keeper) keep(_ context.Context, topic string, payload []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.said++
	if k.kept[topic] = string(payload); len(payload) == 0 {
		delete(k.kept, topic)
	}
	return nil
}

func (k *keeper) all() (map[string]string, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.kept), k.said
}

// plain are devices with nothing said about how they are shown.
func plain(devices ...api.Device) func() []Shown {
	return func() (out []Shown) {
		for _, d := range devices {
			out = append(out, Shown{Device: d})
		}
		return out
	}
}

// What is so is kept at the broker: unknown is None and never closed, a device that does not answer is offline, one
// that is gone is taken away, also what another run left, and nothing offers an order.
func TestPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const old = "homeassistant/binary_sensor/loquet-house1/shed-open/config"
		k := &keeper{kept: map[string]string{old: "{}"}}
		h := &House{shown: newPublisher(nodeOf("house1"), false, zerolog.Nop())}
		events := make(chan hw.MQTTEvent)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); h.shown.run(ctx, k.keep, events) }()
		defer func() { cancel(); <-done }()
		door := api.Device{ID: "garage", Kind: api.KindDoor, Name: "Garage", State: api.State{Position: "unknown"}}
		lock := api.Device{ID: "front", Kind: api.KindLock, Name: "Front", Available: true,
			State: api.State{Bolt: "jammed", DoorOpen: "no", Battery: &api.Battery{Percent: 93}}}
		h.Show(door)
		events <- hw.MQTTEvent{Up: true}
		synctest.Wait()
		if _, said := k.all(); said != 0 {
			t.Error("it speaks before it knows its devices")
		}
		h.Apply(plain(door, lock, api.Device{ID: "pad", Kind: api.KindKeypad}))
		events <- hw.MQTTEvent{Up: true, Topic: old, Payload: []byte("{}"), Retained: true}
		synctest.Wait()
		kept, _ := k.all()
		field := func(topic, name string) any {
			var v map[string]any
			if err := json.Unmarshal([]byte(kept["loquet/loquet-house1/"+topic]), &v); err != nil {
				t.Errorf("%s: %v in %v", topic, err, kept)
			}
			return v[name]
		}
		if kept["loquet/loquet-house1/status"] != "online" || kept["loquet/loquet-house1/garage/availability"] != "offline" || field("garage/state", "open") != "None" {
			t.Errorf("%v", kept)
		}
		if field("front/state", "unlocked") != "None" || field("front/state", "door_open") != "OFF" || field("front/state", "battery") != 93.0 {
			t.Errorf("%v", kept)
		}
		if _, there := kept[old]; there {
			t.Error("what another run left is still there")
		}
		for topic, text := range kept {
			if strings.HasPrefix(topic, "homeassistant/") && (!strings.Contains(text, `"origin":{"name":"loquet"}`) || strings.Contains(text, "command")) {
				t.Errorf("%s: %s", topic, text)
			}
			if strings.Contains(topic, "pad") {
				t.Errorf("a keypad: %s", topic)
			}
		}
		door.Available, door.State.Position = true, "closed"
		h.Show(door)
		synctest.Wait()
		_, before := k.all()
		h.Show(door) // the same again
		synctest.Wait()
		kept, said := k.all()
		if field("garage/state", "open") != "OFF" || kept["loquet/loquet-house1/garage/availability"] != "online" || said != before {
			t.Errorf("%v", kept)
		}
		h.Apply(plain(door))
		synctest.Wait()
		kept, _ = k.all()
		for topic := range kept {
			if strings.Contains(topic, "front") {
				t.Errorf("%s is still there", topic)
			}
		}
		events <- hw.MQTTEvent{} // another broker
		k.mu.Lock()
		clear(k.kept)
		k.mu.Unlock()
		events <- hw.MQTTEvent{Up: true}
		synctest.Wait()
		if kept, _ = k.all(); kept["loquet/loquet-house1/garage/availability"] != "online" {
			t.Errorf("%v", kept)
		}
	})
}
