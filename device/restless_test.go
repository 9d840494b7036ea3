package device_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// told runs a contact and a function that feeds it, and returns what its owner hears.
func told(t *testing.T, feed func(say func(device.Tri))) []device.Notice {
	t.Helper()
	m := make(mute)
	var heard []device.Notice
	c, err := device.NewContact(device.ContactConfig{ID: "shed", Name: "Shed"}, m, device.Deps[device.ContactState]{
		Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}, Notice: func(n device.Notice) { heard = append(heard, n) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	feed(func(open device.Tri) { m <- device.ContactReading{Open: open, Taken: time.Now()} })
	synctest.Wait()
	cancel()
	<-ended
	return heard
}

// A contact that chatters is told of while it does, and until it has been quiet for a while; one that is
// opened and closed by people is not.
func TestAContactThatBounces(t *testing.T) {
	flip := func(i int) device.Tri { return []device.Tri{device.No, device.Yes}[i%2] }
	synctest.Test(t, func(t *testing.T) {
		heard := told(t, func(say func(device.Tri)) {
			for i := range 40 {
				say(flip(i))
				<-time.After(100 * time.Millisecond)
			}
			<-time.After(time.Minute)
		})
		if len(heard) != 2 || heard[0].Code != device.NoticeBounces || !heard[0].On || heard[1].Code != device.NoticeBounces || heard[1].On {
			t.Errorf("a loose contact: %+v", heard)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		heard := told(t, func(say func(device.Tri)) {
			for i := range 40 {
				say(flip(i))
				<-time.After(time.Second)
			}
		})
		if len(heard) != 0 {
			t.Errorf("a window that is opened and closed: %+v", heard)
		}
	})
}

// Contacts that disagree have a problem of their own, and end it.
func TestContactsThatDisagree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceClosed)
		defer b.stop()
		problem := func() string {
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			now := map[device.NoticeCode]string{}
			for _, n := range b.notices {
				delete(now, n.Code)
				if n.On {
					now[n.Code] = n.Detail
				}
			}
			if _, ok := now[device.NoticeFault]; ok {
				return "a fault"
			}
			return now[device.NoticeDisagree]
		}
		b.opener.Change(func(r *device.Reading) {
			*r = device.Reading{At: device.PlaceUnknown, Fault: "both are made", Disagree: true, Taken: time.Now()}
		})
		if got := problem(); got != "both are made" {
			t.Errorf("%q", got)
		}
		b.opener.Change(func(r *device.Reading) { *r = device.Reading{At: device.PlaceClosed, Taken: time.Now()} })
		if got := problem(); got != "" {
			t.Errorf("%q after they agree", got)
		}
	})
}
