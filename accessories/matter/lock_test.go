package matter

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/accessories/hometest"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// latch is one lock on a plain node, in a bubble.
type latch struct {
	*plain
	house *House
	lock  *device.Lock
	bolt  *devicetest.Bolt
}

func newLatch(t *testing.T, traits device.BoltTraits, change func(*Config)) *latch {
	t.Helper()
	l := &latch{plain: newPlain(t), bolt: &devicetest.Bolt{ID: "front", Traits: traits, Turn: time.Second, Journal: &devicetest.Journal{}}}
	var err error
	l.lock, err = device.NewLock(device.LockConfig{ID: "front", Name: "Front", Traits: traits}, l.bolt,
		device.Deps[device.LockState]{Journal: l.bolt.Journal, Memory: &devicetest.Memory{}, Publish: func(device.LockState) {
			if l.house != nil {
				l.house.Changed("front")
			}
		}})
	must(t, err)
	c := l.config(Item{Name: "Front", Lock: l.lock, LockFace: LockFace{Codes: true}})
	if change != nil {
		change(&c)
	}
	l.house, err = New(c)
	must(t, err)
	hometest.Run(t, l.lock)
	t.Cleanup(l.house.Close)
	return l
}

func motor() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: true, SensesDoor: true}
}

// put sets bolt and door and waits until that is known.
func (l *latch) put(bolt device.BoltPosition, open device.Tri) {
	l.bolt.Change(func(r *device.LockReading) { r.Bolt, r.DoorOpen = bolt, open })
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestWhatALockTells(t *testing.T) {
	for _, tt := range []struct {
		bolt       device.BoltPosition
		open       device.Tri
		lock, door int
	}{
		{device.BoltUnknown, device.Unknown, -1, -1},
		{device.BoltSecured, device.No, 1, 1},
		{device.BoltUnsecured, device.Yes, 2, 0},
		{device.BoltJammed, device.No, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLatch(t, motor(), nil)
			l.put(tt.bolt, tt.open)
			if lock, door := l.number(t, "front", doorlock.ID, 0), l.number(t, "front", doorlock.ID, 3); lock != tt.lock || door != tt.door {
				t.Errorf("%+v: lock %d, door %d", tt, lock, door)
			}
			if !l.yes(t, "front", doorlock.ID, 2) || !l.yes(t, "front", 0x39, 17) {
				t.Errorf("%+v: not reachable", tt)
			}
			l.bolt.Disconnect()
			time.Sleep(time.Second)
			synctest.Wait()
			if l.yes(t, "front", doorlock.ID, 2) || l.yes(t, "front", 0x39, 17) || l.number(t, "front", doorlock.ID, 0) != tt.lock {
				t.Errorf("%+v: away, it must not be reachable, and show what was seen last", tt)
			}
		})
	}
}

func TestEventsOfALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLatch(t, motor(), nil)
		l.put(device.BoltSecured, device.No)
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{1, 1, 0, 0}}) {
			t.Errorf("found so: %v", got) // that the door is closed, and no operation
		}
		must(t, l.invoke(t, "front", doorlock.ID, 0x27, nil))
		time.Sleep(5 * time.Second)
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{2, 1, 7, 0}}) {
			t.Errorf("unbolted from afar: %v", got)
		}
		l.put(device.BoltSecured, device.No)
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{2, 0, 1, 0}}) {
			t.Errorf("locked by hand: %v", got)
		}
		l.put(device.BoltSecured, device.Yes)
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{0, 6, 0, 0}, {1, 3, 0, 0}}) {
			t.Errorf("forced: %v", got)
		}
		l.put(device.BoltSecured, device.No)
		l.put(device.BoltJammed, device.No)
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{1, 1, 0, 0}, {0, 0, 0, 0}}) {
			t.Errorf("jammed: %v", got)
		}
		l.put(device.BoltSecured, device.No)
		l.take(doorlock.ID)
		_, err := l.lock.Command(t.Context(), device.Command{Action: device.ActionUnlock, Cause: device.Cause{Kind: device.CauseCode, Actor: "c1"}})
		must(t, err)
		time.Sleep(5 * time.Second)
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{2, 1, 3, 0}}) {
			t.Errorf("keypad: %v", got)
		}
		l.refuse = &device.Refusal{Code: device.RefusedRole}
		if err := l.invoke(t, "front", doorlock.ID, 0, nil); !errors.Is(err, model.UnsupportedAccess) {
			t.Errorf("refused by role: %v", err)
		}
		if got := l.lockEvents(t); !slices.Equal(got, []seen{{3, 0, 7, 0}}) {
			t.Errorf("refused: %v", got)
		}
	})
}

func TestAStrikeIsALatchAndNotForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLatch(t, device.BoltTraits{Drive: device.BoltDriveStrike, Hold: 5 * time.Second, SensesDoor: true}, nil)
		l.put(device.BoltSecured, device.No)
		if kind, relock := l.number(t, "front", doorlock.ID, 1), l.number(t, "front", doorlock.ID, 0x23); kind != int(doorlock.LatchBolt) || relock != 5 {
			t.Errorf("type %d, relocks after %d", kind, relock)
		}
		must(t, l.invoke(t, "front", doorlock.ID, 1, nil))
		must(t, l.invoke(t, "front", doorlock.ID, 1, nil))
		time.Sleep(time.Second)
		if n := len(l.bolt.Throws()); n != 1 || l.number(t, "front", doorlock.ID, 0) != 2 {
			t.Errorf("%d throws", n)
		}
		time.Sleep(10 * time.Second)
		l.put(device.BoltSecured, device.Yes) // by the handle inside
		if l.number(t, "front", doorlock.ID, 3) != int(doorlock.DoorOpen) {
			t.Error("a handle inside is no force")
		}
	})
}

// TestARepeatOfWhoWasNotTold: a fabric that did not see that the bolt went back may ask again for what it asked before.
func TestARepeatOfWhoWasNotTold(t *testing.T) {
	for _, tt := range []struct {
		untold bool
		throws int
	}{{false, 2}, {true, 1}} {
		synctest.Test(t, func(t *testing.T) {
			l := newLatch(t, motor(), nil)
			l.put(device.BoltSecured, device.No)
			must(t, l.invoke(t, "front", doorlock.ID, 1, nil))
			time.Sleep(5 * time.Second)
			l.put(device.BoltSecured, device.No) // by hand
			l.untold = tt.untold
			must(t, l.invoke(t, "front", doorlock.ID, 1, nil))
			time.Sleep(5 * time.Second)
			if n := len(l.bolt.Throws()); n != tt.throws {
				t.Errorf("untold %v: %d throws, want %d", tt.untold, n, tt.throws)
			}
		})
	}
}

func TestTheLockOutIsAMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLatch(t, motor(), nil)
		l.put(device.BoltSecured, device.No)
		write := func(v uint64) error {
			w := tlv.NewWriter(nil)
			w.Uint(tlv.Anonymous(), v)
			b, err := w.Finish()
			must(t, err)
			e, err := tlv.Decode(b)
			must(t, err)
			return l.cluster(t, "front", doorlock.ID).(model.Writer).WriteAttribute(t.Context(), boss(), 0x25, e)
		}
		for _, mode := range []uint64{1, 2, 4, 9} {
			if err := write(mode); !errors.Is(err, model.ConstraintError) {
				t.Errorf("mode %d: %v", mode, err)
			}
		}
		must(t, write(3))
		synctest.Wait()
		if !l.lock.State().LockedOut || l.number(t, "front", doorlock.ID, 0x25) != 3 {
			t.Error("not locked out")
		}
		if err := l.invoke(t, "front", doorlock.ID, 1, nil); !errors.Is(err, model.InvalidInState) {
			t.Errorf("unlock: %v", err)
		}
		must(t, write(0))
		must(t, l.invoke(t, "front", doorlock.ID, 1, nil))
	})
}

func TestEveryRefusalHasAStatus(t *testing.T) {
	for code, want := range map[device.RefusalCode]model.Status{
		device.RefusedUnavailable: model.Failure, device.RefusedDriver: model.Failure, device.RefusedUnsure: model.Failure, device.RefusedStale: model.Failure,
		device.RefusedJournal: model.Failure, device.RefusedBusy: model.Busy, device.RefusedTooSoon: model.Busy, device.RefusedBouncing: model.Busy,
		device.RefusedMoving: model.Busy, device.RefusedRate: model.Busy, device.RefusedRole: model.UnsupportedAccess, device.RefusedExpired: model.Timeout,
		device.RefusedUnsupported: model.InvalidCommand, device.RefusedUnknown: model.InvalidInState, device.RefusedUnattended: model.InvalidInState,
		device.RefusedObstructed: model.InvalidInState, device.RefusedSuspended: model.InvalidInState, device.RefusedFailed: model.InvalidInState,
		device.RefusedLockedOut: model.InvalidInState, device.RefusedNoStop: model.InvalidInState, device.RefusedDoorOpen: model.InvalidInState,
		device.RefusedInterlock: model.InvalidInState, device.RefusedAborted: model.InvalidInState, device.RefusedJammed: model.InvalidInState,
	} {
		h := &House{}
		err := h.status("front", fmt.Errorf("wrapped: %w", &device.Refusal{Code: code, Why: "because"}))
		if got, _, _ := model.Code(err); got != want {
			t.Errorf("%s: %v, want %v", code, got, want)
		}
	}
	if got, _, _ := model.Code((&House{}).status("front", errors.New("anything"))); got != model.Failure {
		t.Errorf("an error without a code: %v", got)
	}
}

func TestOnlyAMemberOfAFabricMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLatch(t, motor(), nil)
		l.put(device.BoltSecured, device.No)
		for name, c := range map[string]*model.Caller{"PASE": {Auth: model.PASE}, "group": {Auth: model.Group, Fabric: 1}, "a fabric that is gone": {Auth: model.CASE, Fabric: 2, Node: 7}, "nobody": {}} {
			fields, err := tlv.Decode(model.Structure(nil))
			must(t, err)
			if _, err := l.cluster(t, "front", doorlock.ID).(model.Invoker).Invoke(t.Context(), c, 1, fields); !errors.Is(err, model.UnsupportedAccess) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(l.bolt.Throws()) != 0 {
			t.Error("it moved")
		}
	})
}

// TestAttributesFollowTheLock moves a lock at random, from everywhere; what is shown must always be what is known.
func TestAttributesFollowTheLock(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 25).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			l := newLatch(t, motor(), nil)
			for _, step := range steps {
				switch step {
				case 0, 1, 2, 3:
					l.bolt.Put(device.BoltPosition(step))
				case 4, 5:
					l.bolt.Door(device.Tri(step - 3))
				case 6:
					_ = l.invoke(t, "front", doorlock.ID, 0, nil) // refused or not: what is shown must be true
				case 7:
					_ = l.invoke(t, "front", doorlock.ID, 1, nil) // the same
				case 8:
					l.bolt.Disconnect()
				default:
					l.bolt.Connect()
				}
				time.Sleep(time.Duration(step+1) * 150 * time.Millisecond)
				synctest.Wait()
				s := l.lock.State()
				want := map[device.BoltPosition]int{device.BoltUnknown: -1, device.BoltSecured: 1, device.BoltUnsecured: 2, device.BoltJammed: 0}[s.Bolt]
				if got := l.number(t, "front", doorlock.ID, 0); got != want {
					t.Fatalf("after %v: lock state %d of %+v", steps, got, s)
				}
				door := l.number(t, "front", doorlock.ID, 3)
				if open := door == 0 || door == 3; open != (s.DoorOpen == device.Yes) || (door == -1) != (s.DoorOpen == device.Unknown) {
					t.Fatalf("after %v: door %d of %+v", steps, door, s)
				}
				if l.yes(t, "front", 0x39, 17) != s.Available {
					t.Fatalf("after %v: reachable, %+v", steps, s)
				}
			}
		})
	})
}

// FuzzWhatALockIsSent gives every command of a lock with users any fields: it must answer, what it then shows must be
// valid, and nothing may move without a right PIN.
func FuzzWhatALockIsSent(f *testing.F) {
	add := func(command uint8, fill func(w *tlv.Writer)) { f.Add(command, model.Structure(fill)) }
	add(1, func(w *tlv.Writer) { w.Octets(tlv.Context(0), []byte("583917")) })
	add(9, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 0)
		w.Uint(tlv.Context(1), 1)
		w.Text(tlv.Context(2), "Anna")
		for n := uint8(3); n < 7; n++ {
			w.Null(tlv.Context(n))
		}
	})
	add(12, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 0)
		w.Struct(tlv.Context(1))
		w.Uint(tlv.Context(0), 1)
		w.Uint(tlv.Context(1), 1)
		w.End()
		w.Octets(tlv.Context(2), []byte("274861"))
		w.Null(tlv.Context(3))
		w.Null(tlv.Context(4))
		w.Null(tlv.Context(5))
	})
	add(3, func(w *tlv.Writer) {
		for n := uint8(0); n < 7; n++ {
			w.Uint(tlv.Context(n), uint64(n)+1)
		}
	})
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		e, err := tlv.Decode(b)
		if err != nil || e.Type() != tlv.TypeStruct {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			people := newLedger(t)
			l := newLatch(t, motor(), func(c *Config) {
				c.Register = &Register{Ledger: func() (Ledger, error) { return people, nil }, Group: "home", Clock: noon{}, Zone: paris}
			})
			l.put(device.BoltSecured, device.No)
			must(t, l.house.books["front"].requirePIN(true))
			must(t, l.house.books["front"].SaveUser(1, doorlock.User{Status: doorlock.UserEnabled, UniqueID: doorlock.NoUniqueID}))
			c := l.cluster(t, "front", doorlock.ID)
			commands := c.Class().Commands
			command := commands[int(which)%len(commands)]
			answer, err := c.(model.Invoker).Invoke(t.Context(), boss(), command.ID, e)
			if _, bad := tlv.Decode(answer); err == nil && answer != nil && bad != nil {
				t.Fatalf("command %#x is answered with %x", command.ID, answer)
			}
			for _, a := range c.Class().Attributes {
				l.read(t, "front", doorlock.ID, a.ID)
			}
			for i := uint16(1); i < 4; i++ {
				must(t, l.invoke(t, "front", doorlock.ID, 0x1B, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(i)) }))
			}
			if len(l.bolt.Throws()) != 0 {
				t.Fatal("it moved without a PIN")
			}
			for _, code := range people.Codes() {
				if code.Doors == nil || code.Check() != nil {
					t.Fatalf("a code of a controller: %+v", code)
				}
			}
		})
	})
}
