package matter

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/accessories/hometest"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// gate is one door on a plain node, in a bubble.
type gate struct {
	*plain
	house  *House
	door   *device.Door
	opener *devicetest.Opener
}

func newGate(t *testing.T, shape Shape, change func(*device.DoorConfig)) *gate {
	t.Helper()
	g := &gate{plain: newPlain(t)}
	c := device.DoorConfig{ID: "gate", Name: "Gate", Kind: device.KindGateSliding, RemoteClose: device.RemoteCloseDeclared,
		Traits: device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true, Stops: true, Warns: true}}
	if change != nil {
		change(&c)
	}
	g.opener = &devicetest.Opener{ID: "gate", Traits: c.Traits, Travel: 10 * time.Second, Journal: &devicetest.Journal{}}
	var err error
	g.door, err = device.NewDoor(c, g.opener, device.Deps[device.DoorState]{Journal: g.opener.Journal, Memory: &devicetest.Memory{}, Publish: func(device.DoorState) {
		if g.house != nil {
			g.house.Changed("gate")
		}
	}})
	must(t, err)
	g.house, err = New(g.config(Item{Name: "Gate", Door: g.door, DoorFace: DoorFace{Shape: shape}}))
	must(t, err)
	hometest.Run(t, g.door)
	t.Cleanup(g.house.Close)
	return g
}

func (g *gate) put(at device.Place) {
	g.opener.Put(at)
	time.Sleep(time.Second)
	synctest.Wait()
}

// moveTo sends MoveTo; null where negative.
func (g *gate) moveTo(t *testing.T, position int64) error {
	return g.invoke(t, "gate", cluster.ClosureControlID, 1, func(w *tlv.Writer) {
		if position >= 0 {
			w.Uint(tlv.Context(0), uint64(position))
		}
	})
}

func TestACoveringGoesToItsEndsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, ShapeCovering, nil)
		if g.yes(t, "gate/contact", cluster.BooleanStateID, 0) || g.number(t, "gate", cluster.WindowCoveringID, 26)&(1<<3) == 0 {
			t.Error("a door that nobody has seen is shown as closed")
		}
		g.put(device.PlaceClosed)
		if !g.yes(t, "gate/contact", cluster.BooleanStateID, 0) || g.number(t, "gate", cluster.WindowCoveringID, 26) != 0 {
			t.Error("closed is not shown")
		}
		operational := func() int { return g.number(t, "gate", cluster.WindowCoveringID, 10) }
		for _, step := range []struct {
			command uint32
			want    int
		}{{0, 0b0101}, {2, 0}, {1, 0b1010}} {
			must(t, g.invoke(t, "gate", cluster.WindowCoveringID, step.command, nil))
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if got := operational(); got != step.want {
				t.Errorf("command %d: %b, want %b", step.command, got, step.want)
			}
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if operational() != 0 || !g.yes(t, "gate/contact", cluster.BooleanStateID, 0) {
			t.Error("not closed")
		}
		w := tlv.NewWriter(nil)
		w.Uint(tlv.Anonymous(), 1)
		b, err := w.Finish()
		must(t, err)
		e, err := tlv.Decode(b)
		must(t, err)
		if err := g.cluster(t, "gate", cluster.WindowCoveringID).(model.Writer).WriteAttribute(t.Context(), boss(), 23, e); !errors.Is(err, model.ConstraintError) {
			t.Errorf("a reversed motor: %v", err)
		}
	})
}

// TestRepeatedCommandsNeverToggle sends the same target again and again to an opener with one button.
func TestRepeatedCommandsNeverToggle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, ShapeCovering, func(c *device.DoorConfig) {
			c.Traits = device.DoorTraits{Drive: device.DrivePulse, SensesClosed: true, SensesOpen: true, Refreshes: true}
		})
		g.put(device.PlaceClosed)
		time.Sleep(time.Minute)
		for range 5 {
			must(t, g.invoke(t, "gate", cluster.WindowCoveringID, 0, nil))
			time.Sleep(700 * time.Millisecond)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if n := len(g.opener.Triggers()); n != 1 || g.door.State().Position != device.PositionOpen {
			t.Errorf("%d pulses, %v", n, g.door.State().Position)
		}
		if err := g.invoke(t, "gate", cluster.WindowCoveringID, 2, nil); err != nil && !errors.Is(err, model.InvalidInState) {
			t.Errorf("stop at rest: %v", err)
		}
	})
}

func TestADoorThatDoesNotCloseFromAfarSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, ShapeCovering, func(c *device.DoorConfig) { c.RemoteClose = device.RemoteCloseNo })
		g.put(device.PlaceOpen)
		if err := g.invoke(t, "gate", cluster.WindowCoveringID, 1, nil); !errors.Is(err, model.InvalidInState) || len(g.opener.Triggers()) != 0 {
			t.Errorf("close: %v, %d triggers", err, len(g.opener.Triggers()))
		}
		must(t, g.invoke(t, "gate", cluster.WindowCoveringID, 0, nil)) // it is open
	})
}

func TestAWarnedCloseIsAnsweredAtTheWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, ShapeClosure, func(c *device.DoorConfig) {
			c.Kind, c.RemoteClose, c.WarnTime = device.KindSectional, device.RemoteCloseWarned, 5*time.Second
		})
		g.put(device.PlaceOpen)
		began := time.Now()
		must(t, g.moveTo(t, 0))
		if took := time.Since(began); took > 3*time.Second || len(g.opener.Triggers()) != 0 {
			t.Errorf("answered after %v, %d triggers", took, len(g.opener.Triggers()))
		}
		synctest.Wait()
		if main := g.number(t, "gate", cluster.ClosureControlID, 1); main != int(cluster.ClosureWaiting) {
			t.Errorf("state %d", main)
		}
		time.Sleep(7 * time.Second)
		synctest.Wait()
		if main := g.number(t, "gate", cluster.ClosureControlID, 1); main != int(cluster.ClosureMoving) || len(g.opener.Triggers()) != 1 {
			t.Errorf("state %d, %d triggers", main, len(g.opener.Triggers()))
		}
	})
}

func TestAClosure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, ShapeClosure, nil)
		position := func(attribute uint32) int {
			f := tlv.OpenStruct(g.read(t, "gate", cluster.ClosureControlID, attribute))
			if f.Element(0).IsNull() {
				return -1
			}
			return int(f.Uint8(0))
		}
		if position(3) != -1 || !tlv.OpenStruct(g.read(t, "gate", cluster.ClosureControlID, 3)).Element(3).IsNull() {
			t.Error("a place that nobody knows is shown")
		}
		g.put(device.PlaceClosed)
		g.take(cluster.ClosureControlID)
		for name, err := range map[string]error{"nothing": g.moveTo(t, -1)} {
			if !errors.Is(err, model.InvalidCommand) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, p := range []int64{2, 3, 4, 5} {
			if err := g.moveTo(t, p); !errors.Is(err, model.ConstraintError) && !errors.Is(err, tlv.ErrType) {
				t.Errorf("position %d: %v", p, err)
			}
		}
		must(t, g.moveTo(t, 1))
		time.Sleep(time.Second)
		synctest.Wait()
		if g.number(t, "gate", cluster.ClosureControlID, 1) != 1 || position(3) != 2 || position(4) != 1 {
			t.Errorf("on the way: %d, %d to %d", g.number(t, "gate", cluster.ClosureControlID, 1), position(3), position(4))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		var events []uint32
		for _, e := range g.take(cluster.ClosureControlID) {
			events = append(events, e.ID)
		}
		if position(3) != 1 || !slices.Equal(events, []uint32{3, 1}) {
			t.Errorf("open: %d, events %v", position(3), events)
		}
		g.opener.Change(func(r *device.Reading) { r.Obstructed = device.Yes })
		time.Sleep(time.Second)
		synctest.Wait()
		if faults := g.read(t, "gate", cluster.ClosureControlID, 2).Count(); faults != 1 || g.number(t, "gate", cluster.ClosureControlID, 1) != 3 {
			t.Errorf("obstructed: %d faults", faults)
		}
		if c, ok := g.node.Endpoint(2); !ok || c.DeviceTypes()[0].ID != 0x0230 || len(g.house.Devices()) != 1 {
			t.Error("not one endpoint")
		}
	})
}

// TestAttributesFollowTheDoor moves a door at random, from everywhere.
func TestAttributesFollowTheDoor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 25).Draw(rt, "steps")
		shape := Shape(rapid.IntRange(0, 1).Draw(rt, "shape"))
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t, shape, nil)
			for _, step := range steps {
				switch step {
				case 0, 1, 2, 3:
					g.opener.Put(device.Place(step))
				case 4, 5, 6:
					if shape == ShapeCovering {
						_ = g.invoke(t, "gate", cluster.WindowCoveringID, uint32(step-4), nil) // refused or not: what is shown must be true
					} else {
						_ = g.moveTo(t, int64(step-4)) // the same
					}
				case 7:
					g.opener.WallButton()
				case 8:
					g.opener.Disconnect()
				default:
					g.opener.Connect()
				}
				time.Sleep(time.Duration(step+1) * 400 * time.Millisecond)
				synctest.Wait()
				g.compare(t, shape, g.door.State())
			}
		})
	})
}

func (g *gate) compare(t *testing.T, shape Shape, s device.DoorState) {
	t.Helper()
	if g.yes(t, "gate", 0x39, 17) != s.Available {
		t.Fatalf("reachable, %+v", s)
	}
	if shape == ShapeClosure {
		f := tlv.OpenStruct(g.read(t, "gate", cluster.ClosureControlID, 3))
		if known := !f.Element(0).IsNull(); known != (s.Position != device.PositionUnknown) || known && (f.Uint8(0) == 0) != (s.Position == device.PositionClosed) {
			t.Fatalf("closure, %+v", s)
		}
		return
	}
	if g.yes(t, "gate/contact", cluster.BooleanStateID, 0) != (s.Position == device.PositionClosed) {
		t.Fatalf("contact, %+v", s)
	}
	want := map[device.Position]int{device.PositionOpening: 0b0101, device.PositionClosing: 0b1010}[s.Position]
	if got := g.number(t, "gate", cluster.WindowCoveringID, 10); got != want {
		t.Fatalf("operational %b, %+v", got, s)
	}
}

func TestABatteryIsShownWhereThereIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, ShapeContact, nil)
		g.put(device.PlaceClosed)
		e, ok := g.node.Endpoint(2)
		if _, powered := e.Cluster(cluster.PowerSourceID); !ok || powered {
			t.Fatal("a battery that nobody knows of")
		}
		g.opener.Change(func(r *device.Reading) { r.Battery = device.Battery{Known: true, Percent: 80} })
		time.Sleep(time.Second)
		synctest.Wait()
		c := g.house.c
		c.Server = newPlain(t)
		again, err := New(c) // from the next start on
		must(t, err)
		defer again.Close()
		p := c.Server.(*plain)
		if got := p.number(t, "gate/contact", cluster.PowerSourceID, 0x0C); got != 160 {
			t.Errorf("%d half percents", got)
		}
		g.opener.Change(func(r *device.Reading) { r.Battery = device.Battery{Known: true, Percent: 10, Low: true} })
		time.Sleep(time.Second)
		synctest.Wait()
		again.Changed("gate")
		if p.number(t, "gate/contact", cluster.PowerSourceID, 0x0E) != 1 || !p.yes(t, "gate/contact", cluster.PowerSourceID, 0x0F) {
			t.Error("a low battery is not shown")
		}
	})
}
