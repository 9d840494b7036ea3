package device_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// mute is a contact whose driver says nothing until the test does.
type mute chan device.ContactReading

func (m mute) Readings(context.Context) <-chan device.ContactReading { return m }

// The owner hears of a device from which nothing was ever heard, once, and of its first word.
func TestSilenceFromTheStartIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := make(mute)
		told := make(chan device.Notice, 9)
		c, err := device.NewContact(device.ContactConfig{ID: "shed", Name: "Shed"}, m, device.Deps[device.ContactState]{
			Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}, Notice: func(n device.Notice) { told <- n },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		began := time.Now()
		if n := <-told; n.Code != device.NoticeAway || !n.On || time.Since(began) < 5*time.Second {
			t.Errorf("%+v after %v", n, time.Since(began))
		}
		m <- device.ContactReading{Open: device.No, Taken: time.Now()}
		if n := <-told; n.Code != device.NoticeAway || n.On {
			t.Errorf("%+v", n)
		}
		<-time.After(time.Hour)
		if len(told) > 0 {
			t.Errorf("%+v", <-told)
		}
		cancel()
		<-ended
	})
}
