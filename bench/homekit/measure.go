package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/bench/figures"
	"github.com/loquet/loquet/homekit/haptest"
)

// Short types of characteristics (HAP R2 9).
const (
	typeName       = "23"
	typeTargetLock = "1E"
	typeLock       = "1D"
	typeObstructed = "24"
	pause          = 5 * time.Millisecond // between two pair-verifies, for the server to notice the end of the last
	eventsApart    = 1100 * time.Millisecond
)

// home is a server as its controllers know it.
type home struct {
	*server
	acc         *haptest.Accessory
	controllers []*haptest.Controller // the first is the owner
	locks       []device
	doors       []device
}

// device is a door or lock with what the bench asks of it.
type device struct {
	name       string
	current    haptest.ID // lock: its current state
	target     haptest.ID // lock: its target state
	obstructed haptest.ID // door
}

func dial(ctx context.Context, addr string) (*haptest.Client, error) { return haptest.Dial(ctx, addr) }

// session connects as a controller.
func (h *home) session(ctx context.Context, who *haptest.Controller) (*haptest.Client, error) {
	c, err := dial(ctx, h.addr)
	if err != nil {
		return nil, err
	}
	c.Controller = who
	if err := c.PairVerify(h.acc); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// pair pairs the owner and adds controllers.
func (s *server) pair(ctx context.Context, controllers int) (*home, time.Duration, error) {
	c, err := dial(ctx, s.addr)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	h := &home{server: s, controllers: []*haptest.Controller{c.Controller}}
	began := time.Now()
	if h.acc, err = c.PairSetup(s.code); err != nil {
		return nil, 0, fmt.Errorf("pair-setup: %w", err)
	}
	took := time.Since(began)
	owner, err := h.session(ctx, h.controllers[0])
	if err != nil {
		return nil, 0, err
	}
	defer owner.Close()
	for range controllers - 1 {
		who := haptest.NewController()
		if err := owner.AddPairing(who.ID, who.Public(), true); err != nil {
			return nil, 0, err
		}
		h.controllers = append(h.controllers, who)
	}
	return h, took, h.learn(owner)
}

// learn reads the accessories.
func (h *home) learn(c *haptest.Client) error {
	body, err := c.Accessories()
	if err != nil {
		return err
	}
	var all struct {
		Accessories []struct {
			AID      uint64 `json:"aid"`
			Services []struct {
				Characteristics []struct {
					IID   uint64          `json:"iid"`
					Type  string          `json:"type"`
					Value json.RawMessage `json:"value"`
				} `json:"characteristics"`
			} `json:"services"`
		} `json:"accessories"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	for _, a := range all.Accessories {
		d := device{}
		for _, s := range a.Services {
			for _, ch := range s.Characteristics {
				id := haptest.ID{AID: a.AID, IID: ch.IID}
				switch short(ch.Type) {
				case typeName:
					if d.name == "" {
						_ = json.Unmarshal(ch.Value, &d.name)
					}
				case typeLock:
					d.current = id
				case typeTargetLock:
					d.target = id
				case typeObstructed:
					d.obstructed = id
				}
			}
		}
		switch {
		case d.obstructed.AID != 0:
			h.doors = append(h.doors, d)
		case d.target.AID != 0:
			h.locks = append(h.locks, d)
		}
	}
	return nil
}

// short is a type without the part that all of Apple's share (HAP R2 6.6.1).
func short(t string) string {
	t, _ = strings.CutSuffix(strings.ToUpper(t), "-0000-1000-8000-0026BB765291")
	return strings.TrimLeft(t, "0")
}

// settled waits until the locks are known to be secured: until then a write is not "already there".
func (h *home) settled(ctx context.Context, c *haptest.Client) error {
	return figures.Within(ctx, 20*time.Second, func() error {
		for _, l := range []device{h.locks[0], h.locks[len(h.locks)-1]} {
			got, err := c.Get(l.current)
			if err != nil {
				return err
			}
			if len(got) != 1 || string(got[0].Value) != "1" {
				return fmt.Errorf("%s is not secured: %+v", l.name, got)
			}
		}
		return nil
	})
}

// verifies measures dial and pair-verify.
func (h *home) verifies(ctx context.Context, n int) ([]time.Duration, error) {
	return repeat(n, func(int) (time.Duration, error) {
		began := time.Now()
		c, err := h.session(ctx, h.controllers[0])
		if err != nil {
			return 0, err
		}
		took := time.Since(began)
		c.Close()
		return took, rest(ctx, pause)
	})
}

func repeat(n int, ask func(i int) (time.Duration, error)) ([]time.Duration, error) {
	took := make([]time.Duration, 0, n)
	for i := range n {
		d, err := ask(i)
		if err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, n, err)
		}
		took = append(took, d)
	}
	return took, nil
}

// requests measures a request with its answer.
func requests(c *haptest.Client, n, status int, request func(i int) []byte) ([]time.Duration, error) {
	return repeat(n, func(i int) (time.Duration, error) {
		text := request(i)
		began := time.Now()
		if err := c.Send(text); err != nil {
			return 0, err
		}
		r, err := c.ReadResponse()
		took := time.Since(began)
		if err == nil && r.Status != status {
			err = fmt.Errorf("HTTP %d: %s", r.Status, r.Body)
		}
		return took, err
	})
}

func getAccessories(int) []byte { return haptest.Request("GET", "/accessories", "", nil) }

func (h *home) getOne(i int) []byte {
	id := h.locks[i%len(h.locks)].current
	return haptest.Request("GET", fmt.Sprintf("/characteristics?id=%d.%d", id.AID, id.IID), "", nil)
}

// putSecured writes what is true already: nothing is owed.
func (h *home) putSecured(i int) []byte { return putLock(h.locks[i%len(h.locks)], 1) }

func putLock(l device, value int) []byte {
	return haptest.Request("PUT", "/characteristics", "application/hap+json",
		fmt.Appendf(nil, `{"characteristics":[{"aid":%d,"iid":%d,"value":%d}]}`, l.target.AID, l.target.IID, value))
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fanOut measures from the order to change something, outside the server, to the last of the controllers
// that hear of it.
func (h *home) fanOut(ctx context.Context, n int) ([]time.Duration, error) {
	heard := make(chan time.Time, len(h.controllers))
	lost := make(chan error, len(h.controllers))
	for _, who := range h.controllers {
		c, err := h.session(ctx, who)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		if err := c.Subscribe(true, h.doors[0].obstructed); err != nil {
			return nil, err
		}
		go func() {
			for {
				e, err := c.NextEvent(time.Minute)
				if err != nil {
					lost <- err
					return
				}
				heard <- e.At
			}
		}()
	}
	return repeat(n, func(i int) (time.Duration, error) {
		if err := rest(ctx, eventsApart); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := h.change(ctx, i%2 == 0); err != nil {
			return 0, err
		}
		limit := time.NewTimer(10 * time.Second)
		defer limit.Stop()
		var last time.Time
		for range h.controllers {
			select {
			case at := <-heard:
				if at.After(last) {
					last = at
				}
			case err := <-lost:
				return 0, err
			case <-limit.C:
				return 0, fmt.Errorf("a controller did not hear of it")
			}
		}
		return last.Sub(began), nil
	})
}

// change lets something stand in the way of the first door, or not any more.
func (h *home) change(ctx context.Context, obstructed bool) error {
	if h.api == "" {
		_, err := h.Stdin.Write([]byte("\n"))
		return err
	}
	event := "clear"
	if obstructed {
		event = "obstruct"
	}
	return h.happen(ctx, deviceID(h.doors[0].name), event)
}

// deviceID is loquet's id of a device of the bench's house.
func deviceID(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }
