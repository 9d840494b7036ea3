// Package hometest is the house that the tests of every protocol show: doors, locks and contacts faked at the driver, the roles
// of those who control them, and a way to wait until something is so.
package hometest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// Patience is far above what anything here takes, for a machine that is busy.
const Patience = 30 * time.Second

// Home is the devices of a house and who may do what with them. Tell is called with the id of a device at each of its states.
type Home struct {
	T       *testing.T
	Journal *devicetest.Journal
	Openers map[string]*devicetest.Opener
	Bolts   map[string]*devicetest.Bolt
	Sensors map[string]*devicetest.Sensor
	tell    func(id string)

	mu    sync.Mutex
	wake  chan struct{}                // closed and replaced at each change
	roles map[string]access.Controller // by controller
}

// New returns an empty home; tell hears the id of a device at each of its states.
func New(t *testing.T, tell func(id string)) *Home {
	return &Home{
		T: t, Journal: &devicetest.Journal{}, tell: tell, wake: make(chan struct{}), roles: map[string]access.Controller{},
		Openers: map[string]*devicetest.Opener{}, Bolts: map[string]*devicetest.Bolt{}, Sensors: map[string]*devicetest.Sensor{},
	}
}

// Wake lets whoever waits look again.
func (h *Home) Wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.wake)
	h.wake = make(chan struct{})
}

// Await waits until something holds, looking again at each change.
func (h *Home) Await(what string, holds func() bool) {
	h.T.Helper()
	deadline := time.After(Patience)
	for {
		h.mu.Lock()
		wake := h.wake
		h.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-wake:
		case <-deadline:
			h.T.Fatalf("%s: not in time", what)
		}
	}
}

// Give gives a controller a role, instead of the one it has by default.
func (h *Home) Give(c access.Controller) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.roles[c.ID] = c
}

// Forget takes all roles back that were given.
func (h *Home) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.roles)
}

func (h *Home) controller(id string, admin bool) access.Controller {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.roles[id]; ok {
		return c
	}
	return access.Controller{ID: id, Role: access.DefaultRole(admin)}
}

// May says whether a controller may do that with a device, by the rules of the house.
func (h *Home) May(_, controller string, admin bool, action device.Action, id string) error {
	return access.May(h.controller(controller, admin), action, id)
}

// MayGiveCodes says whether a controller may give codes for a device, likewise.
func (h *Home) MayGiveCodes(_, controller string, admin bool, id string) error {
	return access.MayGiveCodes(h.controller(controller, admin), id)
}

// Run runs a device until the end of the test.
func Run(t *testing.T, d interface {
	Run(ctx context.Context) error
}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("device: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func (h *Home) must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}
