package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e/chaos/phone"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// A household of the size that HomeKit allows, and its doors.
const (
	phones = 32
	doors  = 34
	locks  = 16
)

// household is what 32 phones do all day: each opens a door and lets it be closed from inside, unlocks and
// locks, and hears of what all the others do.
type household struct {
	h       *home
	members []*phone.Phone
	lives   sync.WaitGroup

	mu      sync.Mutex
	took    []time.Duration // from a write to its answer, since the last collect
	writes  int
	refused map[string]int
	events  int
	lost    int // sessions that ended although nobody ended them
}

// settle invites the household and connects all of it; the sessions live until ctx ends.
func settle(ctx context.Context, t *testing.T, h *home) *household {
	t.Helper()
	o := &household{h: h, refused: map[string]int{}, members: []*phone.Phone{h.first}}
	admin := h.session(t, h.first)
	defer admin.Close()
	for range phones - 1 {
		p, err := h.first.Invite(admin, false)
		if err != nil {
			t.Fatal(err)
		}
		o.members = append(o.members, p)
	}
	for i, p := range o.members {
		client, err := o.join(t, p)
		if err != nil {
			t.Fatal(err)
		}
		o.lives.Go(func() { o.live(ctx, t, i, p, client) })
	}
	return o
}

// join opens a session and asks for all events.
func (o *household) join(t *testing.T, p *phone.Phone) (*haptest.Client, error) {
	client, err := p.Verify(o.h.dial(t, nil))
	if err != nil {
		return nil, err
	}
	parts, err := eventful(client)
	for _, part := range parts {
		err = errors.Join(err, client.Subscribe(true, part...))
	}
	return client, err
}

// pace is how long a phone rests between two writes: a door has come to rest in it.
const pace = 2500 * time.Millisecond

// live is a phone's day.
func (o *household) live(ctx context.Context, t *testing.T, i int, p *phone.Phone, client *haptest.Client) {
	defer func() { _ = client.Close() }()
	o.hear(ctx, client, pace*time.Duration(i)/phones) // they do not all begin at once
	for k := i; ctx.Err() == nil; k++ {
		if err := o.step(client, p, i, k); err != nil && ctx.Err() == nil {
			o.mu.Lock()
			o.lost++
			o.mu.Unlock()
			t.Logf("phone %d: %v", i, err)
			_ = client.Close()
			if client, err = o.join(t, p); err != nil {
				t.Errorf("phone %d does not come back: %v", i, err)
				return
			}
		}
		o.hear(ctx, client, pace)
	}
}

// step is one write: in turn to the phone's own door, to its lock, and one that asks for what is so.
func (o *household) step(client *haptest.Client, p *phone.Phone, i, k int) error {
	door, lock := i%doors+1, i%locks+1
	switch k % 4 {
	case 0:
		err := o.write(client, p, fmt.Sprintf("Door %d", door), "open")
		return err
	case 1:
		return o.write(client, p, fmt.Sprintf("Lock %d", lock), []string{"unlock", "lock"}[i/locks%2])
	case 2: // nobody asks from afar: a person stands at the button
		o.press(fmt.Sprintf("door-%d", door))
		return o.write(client, p, fmt.Sprintf("Lock %d", lock), []string{"unlock", "lock"}[i/locks%2])
	default:
		return o.write(client, p, fmt.Sprintf("Lock %d", (i+k)%locks+1), "lock")
	}
}

// press closes a door that is open by its button on the wall.
func (o *household) press(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s, err := o.h.sim.Status(ctx, id); err == nil && s.Position == 1 {
		_ = o.h.sim.Event(ctx, id, sim.Event{Name: sim.WallButton}) // a door that has just been told is pressed later
	}
}

func (o *household) write(client *haptest.Client, p *phone.Phone, name, action string) error {
	item, pid, err := p.Put(client, name, action)
	if err != nil {
		return err
	}
	began := time.Now()
	results, err := client.PutTimed(pid, item)
	took := time.Since(began)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.took = append(o.took, took)
	o.writes++
	for _, r := range results {
		if r.Status != nil && *r.Status != 0 {
			o.refused[fmt.Sprint(*r.Status)]++
		}
	}
	return nil
}

// hear listens for a while, and answers nothing.
func (o *household) hear(ctx context.Context, client *haptest.Client, span time.Duration) {
	heard := 0
	for end := time.Now().Add(span); ctx.Err() == nil; heard++ {
		left := min(time.Until(end), 200*time.Millisecond)
		if left <= 0 {
			break
		}
		_, err := client.NextEvent(left)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			heard--
		} else if err != nil {
			break // the next write finds it out
		}
	}
	o.mu.Lock()
	o.events += heard
	o.mu.Unlock()
}

// collect takes how long the writes took since the last time, sorted.
func (o *household) collect() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	took := o.took
	o.took = nil
	slices.Sort(took)
	return took
}

// share returns the value below which that share of sorted times lies.
func share(sorted []time.Duration, of float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(of*float64(len(sorted))), len(sorted)-1)]
}
