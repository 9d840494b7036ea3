package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/hw/sim"
)

// house is the house of the demo as a configuration.
const house = `
home: {name: Loquet}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "sim:garage/relay", pulse: 400ms}
    closed: "sim:garage/closed"
    open: "sim:garage/open"
    obstruction: "sim:garage/obstructed"
    travel: 13s
    remote_close: warned
    warning: {light: "sim:garage/lamp", beeper: "sim:garage/beeper", time: 5s}
  gate:
    name: Gate
    kind: gate-sliding
    opener: {driver: lines, open_relay: "sim:gate/open-relay", close_relay: "sim:gate/close-relay", stop_relay: "sim:gate/stop-relay"}
    closed: "sim:gate/closed"
    open: "sim:gate/open"
    obstruction: "sim:gate/obstructed"
    travel: 16s
    remote_close: owner-declares-protected
locks:
  front:
    name: Front door
    bolt: {driver: motor, secure_relay: "sim:front/secure", unsecure_relay: "sim:front/unsecure", secured: "sim:front/secured", unsecured: "sim:front/unsecured"}
    door: "sim:front/door"
  studio:
    name: Studio
    bolt: {driver: strike, relay: "sim:studio/relay", hold: 5s}
    secured: "sim:studio/secured"
    door: "sim:studio/door"
`

// TestDamageInVolume tries every kind of damage on every file of two folders, with bridges inside this
// process: they start in a fraction of the time.
func TestDamageInVolume(t *testing.T) {
	t.Parallel()
	many := 150
	if long() {
		many = 1500
	}
	cfg, _, err := config.ReadBytes("house.yaml", []byte(house), bridge.DemoCatalog())
	if err != nil {
		t.Fatal(err)
	}
	stopped, killed := goldens.get(t)
	random := rand.New(rand.NewPCG(1, 1))
	all := append(stopped.matrix(random, many), killed.matrix(random, many)...)
	began := time.Now()
	var refused, lost atomic.Int64
	tried := make(chan hurt)
	var workers sync.WaitGroup
	for range 32 { // each of them waits for most of its time
		workers.Go(func() {
			for h := range tried {
				var log bytes.Buffer
				started, err := h.try(t.Context(), cfg, &log)
				if err != nil {
					t.Errorf("%s: %v\n%s", h, err, log.String())
				}
				if !started {
					refused.Add(1)
				}
				if h.lost {
					lost.Add(1)
				}
			}
		})
	}
	for _, h := range all {
		tried <- h
	}
	close(tried)
	workers.Wait()
	t.Logf("%d damaged folders in %v: %d refused, %d of them because nothing of the identity was left; %d writes came while a door was busy",
		len(all), time.Since(began).Round(time.Second), refused.Load(), lost.Load(), stopped.refusals.Load())
}

// inMemory returns a folder in memory where there is one: thousands of syncs are not what is tested here.
func inMemory(pattern string) (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", pattern); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", pattern)
}

// upkeepTurns is time enough for the first turns of what the store does beside the work.
const upkeepTurns = 2500 * time.Millisecond

// try starts a bridge on the damaged folder and holds it against what must be true in any case.
func (h hurt) try(ctx context.Context, cfg *config.Config, log io.Writer) (started bool, err error) {
	dir, err := inMemory("lq")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	state, ready := filepath.Join(dir, "state"), filepath.Join(dir, "ready.json")
	if err := h.files.write(state); err != nil {
		return false, err
	}
	world, err := sim.New(sim.DemoHouse(), 1)
	if err != nil {
		return false, err
	}
	defer world.Close()
	app, err := bridge.New(bridge.Options{
		Config: cfg, StateDir: state, HomeKit: "127.0.0.1:0", Interfaces: []string{"lo"}, ReadyFile: ready,
		World: world.Board(), Log: zerolog.New(zerolog.SyncWriter(log)),
	})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := app.Start(ctx); err != nil {
		return false, errors.Join(h.refusal(err, state, ready), still(world))
	}
	if h.wait {
		select {
		case <-time.After(upkeepTurns):
		case <-ctx.Done():
		}
	}
	text, err := os.ReadFile(ready)
	var r e2e.Ready
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil {
		err = h.golden.lives(ctx, r, world.Status)
	}
	if h.lost {
		err = errors.Join(err, errors.New("the bridge has started although nothing of its identity is left"))
	}
	return true, errors.Join(err, app.Stop(ctx))
}

// refusal judges a bridge that does not start: only one that has nothing left may.
func (h hurt) refusal(why error, state, ready string) error {
	var hint interface{ Hint() string }
	switch {
	case !h.lost:
		return fmt.Errorf("the house is locked: %w", why)
	case !errors.As(why, &hint) || hint.Hint() == "":
		return fmt.Errorf("nothing says what to do: %w", why)
	}
	if _, err := os.Stat(ready); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("a ready file of a bridge that is not (%w)", err)
	}
	after, err := lookFolder(state)
	if err == nil && !after.equal(h.files) {
		err = errors.New("a folder that was refused was changed")
	}
	return err
}

// still requires that nothing moves and nothing moved.
func still(world *sim.World) error {
	for _, id := range devices() {
		if s, err := world.Status(id); err != nil || s.PulsesTotal != 0 || s.Energised {
			return fmt.Errorf("%s moved at the start: %+v %w", id, s, err)
		}
	}
	return nil
}

// lives requires of a running bridge that it is the one it was, that nothing has moved, that it cannot be
// paired, and that it serves those who are paired: to the owner it opens, to a guest who may only see it
// does not.
func (g *golden) lives(ctx context.Context, r e2e.Ready, status func(id string) (sim.Status, error)) error {
	if len(r.HomeKit) != 1 {
		return fmt.Errorf("the ready file has %d bridges", len(r.HomeKit))
	}
	b := r.HomeKit[0]
	want := map[string]int{}
	if err := pulses(status, want); err != nil {
		return fmt.Errorf("at the start: %w", err)
	}
	if err := g.isItself(ctx, b); err != nil {
		return err
	}
	if err := g.guestCannotOpen(ctx, b.Addr); err != nil {
		return err
	}
	client, err := g.owner.connect(ctx, b.Addr)
	if err != nil {
		return fmt.Errorf("the pairing is gone: %w", err)
	}
	defer client.Close()
	refused, err := g.owner.persist(ctx, client, "Garage", 0)
	if err != nil {
		return fmt.Errorf("the garage does not open: %w", err)
	}
	g.refusals.Add(int64(refused))
	want["garage"] = 1
	if err := g.memberUnlocks(ctx, b.Addr); err != nil {
		return err
	}
	want["front"] = 1
	return pulses(status, want)
}

func (g *golden) memberUnlocks(ctx context.Context, addr string) error {
	client, err := g.member.connect(ctx, addr)
	if err != nil {
		return fmt.Errorf("the pairing of another of the household is gone: %w", err)
	}
	defer client.Close()
	refused, err := g.member.persist(ctx, client, "Front door", 0)
	if err != nil {
		return fmt.Errorf("another of the household is kept out: %w", err)
	}
	g.refusals.Add(int64(refused))
	return nil
}

func (g *golden) guestCannotOpen(ctx context.Context, addr string) error {
	client, err := g.guest.connect(ctx, addr)
	if err != nil {
		return fmt.Errorf("the guest's pairing is gone: %w", err)
	}
	defer client.Close()
	if err := g.guest.write(client, "Garage", 0); !errors.Is(err, errRefused) {
		return fmt.Errorf("a guest who may not open must be refused: %w", errors.Join(errUnexpected, err))
	}
	return nil
}
