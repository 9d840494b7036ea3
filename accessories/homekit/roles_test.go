package homekit

import (
	"fmt"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

// operation is something a controller can write.
type operation struct {
	word  string
	value int
	least access.Role // that may do it
}

// Every operation by every role on every device, over the wire. What a role may not do is answered with
// -70401 and reaches no device.
func TestEveryRoleEveryOperationEveryDevice(t *testing.T) {
	operations := map[string][]operation{
		"gate": {
			{"door/target", 0, access.RoleOperate}, {"door/target", 1, access.RoleLockOnly},
			{"door/lock-target", 1, access.RoleLockOnly}, {"door/lock-target", 0, access.RoleOperate},
		},
		"drive": {
			{"door/target", 0, access.RoleOperate}, {"door/target", 1, access.RoleLockOnly},
			{"door/lock-target", 1, access.RoleLockOnly}, {"door/lock-target", 0, access.RoleOperate},
		},
		"front": {{"lock/target", 0, access.RoleOperate}, {"lock/target", 1, access.RoleLockOnly}},
		"tile":  {{"lock/target", 0, access.RoleOperate}, {"lock/target", 1, access.RoleLockOnly}},
	}
	type who struct {
		name  string
		admin bool
		given bool // the owner gave it a role
		role  access.Role
		doors []string // nil: all
	}
	people := []who{{name: "admin", admin: true, role: access.RoleManage}, {name: "user", role: access.RoleOperate}}
	for _, r := range append([]access.Role{access.RoleNone}, access.Roles()...) {
		people = append(people,
			who{name: r.String(), given: true, role: r},
			who{name: r.String() + " admin", admin: true, given: true, role: r},
			who{name: r.String() + " for the gate", given: true, role: r, doors: []string{"gate"}},
			who{name: r.String() + " for nothing", given: true, role: r, doors: []string{}})
	}

	h := newHome(t, nil)
	gate, drive := h.door("gate", nil), h.door("drive", nil)
	front, tile := h.lock("front", nil), h.lock("tile", func(i *Item) { i.LockFace.OwnTile = true })
	h.open()
	h.Put(gate, device.PlaceClosed, device.PositionClosed)
	h.Put(drive, device.PlaceClosed, device.PositionClosed)
	h.Turn(front, device.BoltSecured)
	h.Turn(tile, device.BoltSecured)
	words := map[string]string{"gate": mainBridge, "drive": mainBridge, "front": mainBridge, "tile": ownBridge("tile")}
	admins := map[string]*haptest.Client{mainBridge: h.admin(mainBridge), ownBridge("tile"): h.admin(ownBridge("tile"))}
	h.awaitValue(admins[mainBridge], h.id("drive", "door/current"), "1")
	h.awaitValue(admins[mainBridge], h.id("gate", "door/current"), "1")
	h.awaitValue(admins[mainBridge], h.id("front", "lock/current"), "1")
	h.awaitValue(admins[ownBridge("tile")], h.id("tile", "lock/current"), "1")

	asked := func(id string) int {
		n := 0
		// What an earlier, permitted order comes to in the end is written later.
		for _, r := range h.Journal.Rows(device.EntryWarning, device.EntryIntent, device.EntryRefused) {
			if r.Cause.Actor == id {
				n++
			}
		}
		return n
	}
	checked := 0
	for _, p := range people {
		for _, bridge := range []string{mainBridge, ownBridge("tile")} {
			c := admins[bridge]
			if !p.admin {
				c = h.user(admins[bridge], bridge)
			}
			h.Forget()
			if p.given {
				h.Give(access.Controller{ID: c.Controller.ID, Role: p.role, Doors: p.doors})
			}
			for dev, ops := range operations {
				if words[dev] != bridge {
					continue
				}
				for _, op := range ops {
					may := p.role >= op.least && (p.doors == nil || len(p.doors) == 1 && p.doors[0] == dev)
					before := asked(c.Controller.ID)
					got := h.write(c, h.id(dev, op.word), op.value)
					checked++
					lockedOut := op.word == "door/target" && got == -70401 && h.lockedOut(dev)
					switch {
					case may && got == -70401 && !lockedOut:
						t.Errorf("%s may %s=%d on %s and is refused", p.name, op.word, op.value, dev)
					case !may && got != -70401:
						t.Errorf("%s may not %s=%d on %s and got %d", p.name, op.word, op.value, dev, got)
					case !may && asked(c.Controller.ID) != before:
						t.Errorf("%s may not %s=%d on %s and the device was asked", p.name, op.word, op.value, dev)
					}
					h.mu.Lock()
					refused := h.refused
					h.refused = nil
					h.mu.Unlock()
					if told := len(refused) == 1 && refused[0].Device == dev && refused[0].Code == device.RefusedRole && refused[0].Action != device.ActionNone &&
						refused[0].Cause.Kind == device.CauseHomeKit && refused[0].Cause.Actor == c.Controller.ID && refused[0].Cause.Place != ""; told == may || may && len(refused) > 0 {
						t.Errorf("%s, %s=%d on %s, allowed %v: the history is told %+v", p.name, op.word, op.value, dev, may, refused)
					}
					if id := h.id(dev, op.word); h.value(c, id) == "" { // everybody in the home may look
						t.Errorf("%s may not see %v", p.name, id)
					}
				}
			}
			if !p.admin {
				c.Close()
			}
		}
	}
	if want := len(people) * 12; checked != want {
		t.Errorf("%d operations tried, want %d", checked, want)
	}
	fmt.Fprintf(t.Output(), "%d operations of %d kinds of controllers\n", checked, len(people))
}

func (h *home) lockedOut(dev string) bool {
	for _, i := range h.items {
		if i.Door != nil && i.Door.ID() == dev {
			return i.Door.State().LockedOut
		}
	}
	return false
}
