package matter

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// counter counts how often each number was asked for: command 0 with a number in member 0.
type counter struct {
	model.Base
	mu    sync.Mutex
	asked map[uint64]int
}

var counterClass = model.NewClass(model.Class{ID: 0xFFF1FC01, Revision: 1, Commands: []model.Command{{ID: 0, Response: model.NoResponse, Invoke: model.Operate, Quality: model.Timed}}})

func (c *counter) Invoke(_ context.Context, _ *model.Caller, _ uint32, fields tlv.Element) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[tlv.OpenStruct(fields).Uint64(0)]++
	return nil, nil
}

func (c *counter) ReadAttribute(*model.Caller, uint32, *tlv.Writer, tlv.Tag) error {
	return model.UnsupportedAttribute
}

// connected is a session of a controller that asks again as long as ctx lasts, with a pause: an answer of "no" takes no time here,
// and whoever asked again at once would stop the clock.
func connected(ctx context.Context, t *testing.T, c *mattertest.Controller, h *house) *session.Session {
	t.Helper()
	for {
		patience, cancel := context.WithTimeout(ctx, 5*time.Minute)
		s, err := c.CASE(patience, h.conn.LocalAddr(), 5)
		cancel()
		if err == nil {
			return s
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			t.Fatalf("no session: %v; fabrics %d, fail-safe %v, sessions %d", err, len(h.Fabrics()), h.failsafe.Armed(), len(h.sessions.All(nil)))
		}
	}
}

// TestAThirdIsLost loses 30 % of all datagrams, doubles a fifth and lets them overtake each other. A command is done once when
// it was answered, and once at most when it was not; a subscription shows how things are in the end.
func TestAThirdIsLost(t *testing.T) {
	var answered, unanswered, done int
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			n := mattertest.NewNetwork(mattertest.Weather{Loss: 0.3, Twice: 0.2, Delay: 80 * time.Millisecond}, seed)
			h := start(t, n, memory.New(), func(c *Config) { c.Failed = func(error) {} })
			gate := h.bridge(t, "gate")
			each := &counter{asked: map[uint64]int{}}
			each.Init(counterClass)
			number, err := h.EndpointFor("counter")
			must(t, err)
			_, err = h.Bridge(model.EndpointConfig{ID: number, DeviceTypes: []model.DeviceType{{ID: 0x15, Revision: 2}}, Clusters: []model.Cluster{each}})
			must(t, err)
			c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
			for try := 0; ; try++ { // a commissioner begins again when it came to nothing
				patience, cancel := context.WithTimeout(ctx, 5*time.Minute)
				_, err := c.Commission(patience, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
				cancel()
				if err == nil {
					break
				}
				if try == 20 {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Minute)
				if len(h.Fabrics()) == 1 {
					break // the answer to the last step was lost
				}
			}
			s := connected(ctx, t, c, h)
			for i := range uint64(60) {
				short, cancel := context.WithTimeout(ctx, 10*time.Second)
				_, err := c.Invoke(short, s, mattertest.Command{Endpoint: number, Cluster: 0xFFF1FC01, Timed: true, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), i) }})
				cancel()
				each.mu.Lock()
				times := each.asked[i]
				each.mu.Unlock()
				done += times
				switch {
				case err == nil && times != 1:
					t.Errorf("seed %d: command %d was answered and done %d times", seed, i, times)
				case times > 1:
					t.Errorf("seed %d: command %d was done %d times", seed, i, times)
				case err == nil:
					answered++
				case errors.Is(err, mrp.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded), errors.Is(err, model.Timeout):
					unanswered++
				default:
					t.Errorf("seed %d: command %d: %v", seed, i, err)
				}
			}
			for {
				patience, cancel := context.WithTimeout(ctx, 5*time.Minute)
				_, err = c.Subscribe(patience, s, 0, 30)
				cancel()
				if err == nil {
					break
				}
				s = connected(ctx, t, c, h) // what was lost may have been the session
			}
			for i := range 20 {
				gate.set(i%2 == 0)
				time.Sleep(time.Duration(i) * 37 * time.Millisecond)
			}
			gate.set(true)
			last := false
			take := func(r mattertest.Report) {
				if v, ok := r.Values[model.Change{Endpoint: 2, Cluster: 0x45}]; ok {
					last, _ = v.Bool()
				}
			}
			for end := time.After(20 * time.Minute); end != nil; {
				select {
				case r := <-c.Reports:
					take(r)
				case <-time.After(2 * time.Minute): // not even a sign of life: a controller subscribes again
					patience, cancel := context.WithTimeout(ctx, 5*time.Minute)
					r, err := c.Subscribe(patience, s, 0, 30)
					cancel()
					if err != nil {
						s = connected(ctx, t, c, h)
						continue
					}
					take(r)
				case <-end:
					end = nil
				}
			}
			if !last {
				t.Errorf("seed %d: the last change was never shown", seed)
			}
		})
	}
	t.Logf("%d commands answered, %d not; %d were done", answered, unanswered, done)
	if answered < 8*30 {
		t.Errorf("only %d commands were answered", answered)
	}
}
