package esphome

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

var ways = map[string][]byte{"encrypted": fakeKey, "plain": nil}

func (r rig) peer(name string) hwtest.Peer {
	return hwtest.Peer{Device: name, Clicks: r.clicks, Energised: func() bool { return false }, Close: r.env.Close, Wire: r.wire, Maintained: true}
}

func TestOpener(t *testing.T) {
	for name, key := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
				r := newRig(t, newFake(key))
				cover := &Cover{r.open(t, listCover, "garage_door")}
				<-cover.Readings(t.Context())
				return hwtest.OpenerRig{
					Peer: r.peer("garage_door"), Opener: cover, Traits: openerConfig{}.Traits(),
					Move: func(at device.Place) {
						r.change(func() {
							r.position = map[device.Place]float32{device.PlaceOpen: 1, device.PlaceBetween: 0.5}[at]
						})
					},
				}
			})
		})
	}
}

func TestBolt(t *testing.T) {
	for name, key := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hwtest.TestBolt(t, func(t *testing.T) hwtest.BoltRig {
				r := newRig(t, newFake(key))
				lock := &Lock{r.open(t, listLock, "side_door")}
				<-lock.Readings(t.Context())
				return hwtest.BoltRig{
					Peer: r.peer("side_door"), Bolt: lock, Traits: boltConfig{}.Traits(), Target: device.BoltTargetUnsecured,
					Move: func(to device.BoltPosition) {
						r.change(func() {
							r.lock = map[device.BoltPosition]uint64{device.BoltSecured: 1, device.BoltUnsecured: 2}[to]
						})
					},
				}
			})
		})
	}
}

// read waits for a reading.
func read[T any](t *testing.T, ch <-chan T, want func(T) bool) {
	t.Helper()
	for {
		select {
		case x, ok := <-ch:
			if !ok {
				t.Fatal("the readings ended")
			}
			if want(x) {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatal("not told")
		}
	}
}

func TestSensor(t *testing.T) {
	r := newRig(t, newFake(fakeKey))
	window := &Contact{r.open(t, listBinarySensor, "window")}
	readings := window.Readings(t.Context())
	read(t, readings, func(x device.ContactReading) bool { return x.Open == device.No && !x.Taken.IsZero() })
	r.change(func() { r.fake.open = true })
	read(t, readings, func(x device.ContactReading) bool { return x.Open == device.Yes })
	r.wire.Cut()
	for range readings { // ends: it is unavailable, not closed
	}
	r.change(func() { r.fake.open = false })
	again := window.Readings(t.Context())
	r.wire.Heal()
	read(t, again, func(x device.ContactReading) bool { return x.Open == device.No })
	if n := r.clicks(); n != 0 {
		t.Errorf("%d orders", n)
	}
}

// What each order is on the wire, with the key of the entity and nothing else.
func TestOrders(t *testing.T) {
	r := newRig(t, newFake(nil))
	cover, lock := &Cover{r.open(t, listCover, "garage_door")}, &Lock{r.open(t, listLock, "side_door")}
	<-cover.Readings(t.Context())
	<-lock.Readings(t.Context())
	for _, c := range []struct {
		order func() error
		kind  int
		want  string
	}{
		{func() error { return cover.Trigger(t.Context(), device.TargetOpen) }, commandCover, "0d0b00000020012d0000803f"},
		{func() error { return cover.Trigger(t.Context(), device.TargetClosed) }, commandCover, "0d0b0000002001"},
		{func() error { return cover.Stop(t.Context()) }, commandCover, "0d0b0000004001"},
		{func() error { return lock.Throw(t.Context(), device.BoltTargetSecured) }, commandLock, "0d0c0000001001"},
		{func() error { return lock.Throw(t.Context(), device.BoltTargetUnsecured) }, commandLock, "0d0c000000"},
	} {
		if err := c.order(); err != nil {
			t.Fatal(err)
		}
		last := do(r.fake, func() packet { return r.orders[len(r.orders)-1] })
		if last.kind != c.kind || hex.EncodeToString(last.data) != c.want {
			t.Errorf("sent %d %x, want %d %s", last.kind, last.data, c.kind, c.want)
		}
	}
	if n := r.clicks(); n != 5 {
		t.Errorf("%d orders arrived, 5 were given", n)
	}
}

// A device that cannot be trusted, or is another one, is not used, and the owner is told what to do.
func TestUnusable(t *testing.T) {
	for name, c := range map[string]struct {
		device func() *fake
		spoil  func(r *rig)
		hint   string
	}{
		"another device": {func() *fake { f := newFake(fakeKey); f.mac = "00:11:22:33:44:55"; return f }, nil, "fixed address"},
		"assumed state":  {func() *fake { f := newFake(fakeKey); f.assumed = true; return f }, nil, "sensor"},
		"no stop":        {func() *fake { f := newFake(fakeKey); f.noStop = true; return f }, nil, "stop action"},
		"a password":     {func() *fake { f := newFake(nil); f.password = true; return f }, nil, "encryption"},
		"no key given":   {func() *fake { return newFake(fakeKey) }, func(r *rig) { r.c.KeyFile, r.c.Plain = "", true }, "key_file"},
		"another key":    {func() *fake { return newFake(bytes.Repeat([]byte{8}, keySize)) }, func(r *rig) { r.c.KeyFile = keyFile(t, fakeKey) }, "correct the key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.device())
			if c.spoil != nil {
				c.spoil(&r)
			}
			cover := &Cover{r.open(t, listCover, "garage_door")}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var err error
			for ctx.Err() == nil {
				err = cover.Trigger(ctx, device.TargetOpen)
				var op *hw.OpError
				if errors.As(err, &op) && strings.Contains(op.Hint, c.hint) {
					break
				}
				time.Sleep(10 * time.Millisecond) // the device greets meanwhile
			}
			if !errors.Is(err, device.ErrUnavailable) || ctx.Err() != nil || r.clicks() != 0 {
				t.Errorf("%v, %d orders", err, r.clicks())
			}
		})
	}
}

func TestReadings(t *testing.T) {
	at := time.Now()
	for _, c := range []struct {
		position  float32
		operation uint64
		want      device.Place
		moving    device.Target
		fault     bool
	}{
		{0, 0, device.PlaceClosed, device.TargetUnknown, false},
		{1, 0, device.PlaceOpen, device.TargetUnknown, false},
		{0.3, 0, device.PlaceBetween, device.TargetUnknown, false},
		{0, 1, device.PlaceBetween, device.TargetOpen, false},
		{0, 2, device.PlaceBetween, device.TargetClosed, false}, // not there yet
		{1, 2, device.PlaceBetween, device.TargetClosed, false},
		{float32(math.NaN()), 0, device.PlaceUnknown, device.TargetUnknown, true},
		{-1, 0, device.PlaceUnknown, device.TargetUnknown, true},
		{0, 3, device.PlaceUnknown, device.TargetUnknown, true},
	} {
		f, err := parse(message(nil).fixed(1, 1).real(3, c.position).varint(5, c.operation))
		if err != nil {
			t.Fatal(err)
		}
		got := coverReading(sighting{f, at})
		if got.At != c.want || got.Moving != c.moving || (got.Fault != "") != c.fault || !got.Taken.Equal(at) {
			t.Errorf("%v, %d: %+v", c.position, c.operation, got)
		}
	}
	for state, want := range map[uint64]device.BoltPosition{0: device.BoltUnknown, 1: device.BoltSecured, 2: device.BoltUnsecured, 3: device.BoltJammed, 4: device.BoltUnknown, 9: device.BoltUnknown} {
		f, _ := parse(message(nil).varint(2, state))
		if got := lockReading(sighting{f, at}); got.Bolt != want {
			t.Errorf("%d: %+v", state, got)
		}
	}
	f, _ := parse(message(nil).flag(3, true))
	if got := contactReading(sighting{f, at}); got.Open != device.Unknown {
		t.Errorf("missing: %+v", got)
	}
}

// The first frames of both kinds, as api.proto's description has them.
func TestFrames(t *testing.T) {
	frames, err := plain{}.pack(packet{pingRequest, nil}, packet{commandLock, []byte{1, 2, 3}})
	if err != nil || hex.EncodeToString(frames) != "00000700033c010203" {
		t.Errorf("plain: %x, %v", frames, err)
	}
	// With the ephemeral key 00 01 02 ... the handshake has no chance in it: 010000, then the frame with 32
	// bytes of public key and 16 of the tag.
	random := make([]byte, 64)
	for i := range random {
		random[i] = byte(i)
	}
	var sent bytes.Buffer
	_, err = handshake(&sent, bufio.NewReader(strings.NewReader("")), fakeKey, bytes.NewReader(random))
	public := "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f" // X25519 of it: RFC 7748's function on the base point
	if err == nil || sent.Len() != 3+3+1+32+16 || !strings.HasPrefix(hex.EncodeToString(sent.Bytes()), "010000"+"010031"+"00"+public) {
		t.Errorf("handshake: %x, %v", sent.Bytes(), err)
	}
}

func TestChecks(t *testing.T) {
	good := Config{Host: "192.168.1.70", MAC: fakeMAC, Plain: true, Entity: "garage_door"}
	if err := good.Check(); err != nil || good.address() != "192.168.1.70:6053" {
		t.Fatal(err, good.address())
	}
	for field, spoil := range map[string]func(c *Config){
		"host":     func(c *Config) { c.Host = "http://192.168.1.70" },
		"mac":      func(c *Config) { c.MAC = "garage" },
		"key_file": func(c *Config) { c.Plain = false },
		"entity":   func(c *Config) { c.Entity = "Garage Door" },
	} {
		c := good
		spoil(&c)
		if found := hw.FieldErrors(c.Check()); len(found) != 1 || found[0].Field != field || found[0].Remedy == "" {
			t.Errorf("%s: %v", field, c.Check())
		}
	}
	if got := objectID("Garage Door (1)"); got != "garage_door__1_" {
		t.Error(got)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x00\x07\x00\x03\x3c\x01\x02\x03"))
	f.Add([]byte("\x01\x00\x31\x00garage"))
	f.Add([]byte("\x00\x07\x16\x0d\x0b\x00\x00\x00\x28\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for {
			p, err := plain{}.next(r)
			if err != nil {
				break
			}
			if len(p.data) > maxMessage {
				t.Fatal("too long")
			}
			message, err := parse(p.data)
			if err != nil {
				continue
			}
			coverReading(sighting{state: message})
			lockReading(sighting{state: message})
			contactReading(sighting{state: message})
			listed(p.kind, message)
		}
		_, _ = handshake(&bytes.Buffer{}, bufio.NewReader(bytes.NewReader(data)), fakeKey, nil)
		if len(clip(string(data))) > 43 {
			t.Fatal("not clipped")
		}
	})
}
