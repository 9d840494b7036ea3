package years

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/sim"
)

// spec is a door and how its owner has set it up.
type spec struct {
	sim.DoorSpec
	cycle     string
	remote    device.RemoteClose
	autoClose time.Duration
	single    bool // there is a contact at the closed end only
	kind      device.DoorKind
}

// house is one simulated house over a year.
type house struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	specs  []spec
	world  *sim.World
	book   *book
	memory memory
	life   *life
	faults map[string]*fault // by door; they outlive a life
	asked  sync.WaitGroup
	heals  []func()
}

// draw makes the house of a seed.
func draw(seed uint64) *house {
	r := rand.New(rand.NewPCG(seed, 0x10c4e7))
	h := &house{seed: seed, random: r, faults: map[string]*fault{}}
	n := 1
	if seed%4 == 0 {
		n = 2
	}
	for i := range n {
		s := spec{DoorSpec: sim.DoorSpec{
			ID: fmt.Sprintf("door-%d", i+1), Travel: time.Duration(6000+r.IntN(12000)) * time.Millisecond,
			RunUp: time.Duration(r.IntN(800)) * time.Millisecond, Coast: time.Duration(r.IntN(400)) * time.Millisecond,
			Bounce: time.Duration(r.IntN(8)) * time.Millisecond, Obstacle: sim.Reaction(r.IntN(2)),
		}}
		switch r.IntN(6) {
		case 0:
			s.Discrete, s.kind, s.remote = true, device.KindGateSliding, device.RemoteCloseDeclared
		case 1:
			s.kind, s.remote = device.KindOnePiece, device.RemoteCloseNo
		case 2:
			s.kind, s.remote = device.KindSectional, device.RemoteCloseDeclared
		default:
			s.kind, s.remote = device.KindSectional, device.RemoteCloseWarned
		}
		if !s.Discrete {
			s.Cycle = sim.Cycle(r.IntN(3))
			s.cycle = []string{"open-stop-close-stop", "reverses-on-close", "no-stop"}[s.Cycle]
			s.single = r.IntN(4) == 0
		}
		if r.IntN(3) == 0 && n == 1 {
			s.autoClose = time.Duration(2+r.IntN(10)) * time.Minute
		}
		h.specs = append(h.specs, s)
		h.faults[s.ID] = &fault{}
	}
	return h
}

// life is one run of the program: from its start to its end, whichever that is.
type life struct {
	h      *house
	number int
	born   time.Time
	board  *sim.Board
	env    *hw.Env
	doors  map[string]*device.Door
	cancel context.CancelFunc
	runs   sync.WaitGroup
	mu     sync.Mutex
	dead   bool // what it still does reaches nobody
}

func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// begin starts the program.
func (h *house) begin() {
	h.t.Helper()
	l := &life{h: h, board: h.world.Board(), env: hw.NewEnv(zerolog.Nop()), doors: map[string]*device.Door{}, born: time.Now()}
	if h.life != nil {
		l.number = h.life.number + 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	if err := l.env.Add("sim", &board{Board: l.board, life: l}); err != nil {
		h.t.Fatal(err)
	}
	var token *device.Interlock
	if len(h.specs) > 1 {
		token = device.NewInterlock()
	}
	h.book.born(l.number)
	for _, s := range h.specs {
		door, err := l.build(ctx, s, token)
		if err != nil {
			h.t.Fatalf("seed %d: %v", h.seed, err)
		}
		l.doors[s.ID] = door
		l.runs.Go(func() { _ = door.Run(ctx) })
	}
	h.life = l
}

func (l *life) build(ctx context.Context, s spec, token *device.Interlock) (*device.Door, error) {
	env := l.env.For(s.ID)
	line := func(name string) hw.Ref { return hw.Ref("sim:" + s.ID + "/" + name) }
	c := lines.OpenerConfig{Pulse: 400 * time.Millisecond, Relay: line("relay"), Cycle: s.cycle}
	if s.Discrete {
		c = lines.OpenerConfig{Pulse: 400 * time.Millisecond, OpenRelay: line("open-relay"), CloseRelay: line("close-relay"), StopRelay: line("stop-relay")}
	}
	opener, err := lines.NewOpener(ctx, env, c)
	if err != nil {
		return nil, err
	}
	parts := lines.Parts{Closed: line("closed"), Obstructed: line("obstructed"), Light: line("lamp"), Beeper: line("beeper")}
	if !s.single {
		parts.Open = line("open")
	}
	whole, err := lines.NewDoor(ctx, env, opener, c.Traits(), parts)
	if err != nil {
		return nil, err
	}
	cfg := device.DoorConfig{
		ID: s.ID, Kind: s.kind, Traits: parts.Traits(c.Traits()), Travel: s.Travel + time.Second, RemoteClose: s.remote,
		AutoClose: device.AutoClose{After: s.autoClose, Outside: true}, Interlock: token,
	}
	return device.NewDoor(cfg, &troubled{Door: whole, fault: l.h.faults[s.ID]}, device.Deps[device.DoorState]{
		Journal: &journal{l}, Memory: &l.h.memory, Publish: func(st device.DoorState) { l.h.book.shown(l, s.ID, st) },
		Limit: device.NewPulseLimit(10, 10*time.Second), Interrupted: l.h.book.unfinished[s.ID] != 0,
	})
}

// stop ends the program as a service manager does: outputs go to rest.
func (l *life) stop() {
	l.cancel()
	l.runs.Wait()
	_ = l.env.Close()
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
}

// kill ends the program at once: what is energised stays so, and nothing that was in hand happens any more.
func (l *life) kill() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	l.board.Abandon()
	l.cancel()
	l.runs.Wait()
	_ = l.env.Close() // it reaches nothing any more
}

// liveFor is the house's life.
func (h *house) liveFor(span time.Duration) {
	var all sim.House
	for _, s := range h.specs {
		all.Doors = append(all.Doors, s.DoorSpec)
	}
	var err error
	if h.world, err = sim.New(all, 1); err != nil {
		h.t.Fatal(err)
	}
	defer h.world.Close()
	h.book = newBook(h)
	h.begin()
	time.Sleep(5 * time.Second)
	for end := time.Now().Add(span); time.Now().Before(end) && !h.t.Failed(); {
		h.day()
	}
	h.asked.Wait()
	h.life.stop()
	synctest.Wait()
}
