package device_test

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// A command that may have waited while the program stood still is too old. Two seconds later nothing can have
// waited any more, and a short hitch makes nobody wait.
func TestCommandsThatWaitedInAStandstill(t *testing.T) {
	for _, c := range []struct {
		name  string
		still time.Duration // nobody gives signs of life
		old   bool
	}{{"a hitch", 2 * time.Second, false}, {"four seconds", 4 * time.Second, false}, {"seven seconds", 7 * time.Second, true}} {
		bubble(t, c.name, func(t *testing.T) {
			awake := device.NewAwake()
			opener := &devicetest.Opener{ID: "garage", Traits: twoContacts(), Travel: 12 * time.Second}
			opener.Put(device.PlaceClosed)
			door, err := device.NewDoor(garage(), opener, device.Deps[device.DoorState]{
				Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}, Awake: awake,
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go door.Run(ctx)
			time.Sleep(c.still)
			command := device.Command{Action: device.ActionOpen, Cause: by("a")}
			a, err := door.Command(ctx, command)
			if !c.old {
				accepted(t, a, err)
				return
			}
			code(t, err, device.RefusedExpired)
			go awake.Run(ctx)
			time.Sleep(2100 * time.Millisecond)
			a, err = door.Command(ctx, command)
			accepted(t, a, err)
		})
	}
}
