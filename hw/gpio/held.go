package gpio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// probe is how often lines are asked although nothing happens: a chip that is unplugged wakes nobody who
// waits for its edges, and edges can be lost.
const probe = time.Second

// held are lines of one chip that were requested together. They go with their chip, and are requested
// again when it comes back.
type held struct {
	board  *Board
	places []place
	ask    lineRequest
	path   string // of the chip now; only keep changes it

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	done   chan struct{} // closed when keep has ended
	kick   chan struct{} // somebody saw that the chip is gone

	mu  sync.Mutex
	req request // nil while the chip is away, and after Close
}

// hold requests lines of one chip.
func (b *Board) hold(places []place, ask lineRequest) (*held, error) {
	h := &held{board: b, places: places, ask: ask, path: places[0].path, done: make(chan struct{}), kick: make(chan struct{}, 1)}
	req, err := h.request()
	if err != nil {
		return nil, err
	}
	h.req = req
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// request asks the kernel for the lines, once.
func (h *held) request() (request, error) {
	op := "request line " + h.places[0].String()
	c, err := h.board.kernel.open(h.path)
	if err != nil {
		return nil, remedy(op, err)
	}
	defer func() { _ = c.Close() }()
	req, err := c.request(h.ask)
	if errors.Is(err, syscall.EBUSY) {
		return nil, busy(op, c, h.places)
	}
	if mute(err) && h.ask.Config.Flags&flagEdges != 0 {
		return nil, &hw.OpError{Op: op, Err: err, Hint: "this chip cannot tell of edges: use the line for a contact, or take another chip"}
	}
	return req, remedy(op, err)
}

// mute says that a chip refused to tell of edges: it has no interrupts. 524 is ENOTSUPP, which the kernel
// keeps for itself and some drivers let out.
func mute(err error) bool {
	return errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.Errno(524))
}

// use runs f on the lines. Only one runs at a time, and none while they are requested again.
func (h *held) use(op string, f func(request) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return fmt.Errorf("%w: the line is %w", device.ErrUnavailable, hw.ErrClosed)
	}
	if h.req == nil {
		return unplugged(op, syscall.ENODEV)
	}
	err := f(h.req)
	if !gone(err) {
		return err
	}
	select {
	case h.kick <- struct{}{}:
	default:
	}
	return unplugged(op, err)
}

// keeper is what is done with lines while they are there.
type keeper interface {
	// watch returns when the lines do not answer any more, or ctx ends.
	watch(ctx context.Context, r request)
	lost()
	// back is called with lines that were requested again, at rest; use reaches them after it.
	back(r request) error
}

// keep runs until Close.
func (h *held) keep(k keeper) {
	defer close(h.done)
	for {
		k.watch(h.ctx, h.current())
		h.replace(nil)
		if h.ctx.Err() != nil {
			return
		}
		k.lost()
		h.board.log.Warn().Stringer("line", h.places[0]).Msg("a gpio chip is gone")
		if !h.await(k) {
			return
		}
		h.board.log.Info().Stringer("line", h.places[0]).Msg("a gpio chip is back")
	}
}

// await requests the lines again until that works; false after Close.
func (h *held) await(k keeper) bool {
	for {
		select {
		case <-h.ctx.Done():
			return false
		case <-time.After(probe):
		}
		if req, err := h.retry(); err == nil {
			if err = k.back(req); err != nil {
				_ = req.Close()
				continue
			}
			h.replace(req)
			select {
			case <-h.kick: // about the chip that went
			default:
			}
			return true
		}
	}
}

func (h *held) retry() (request, error) {
	for _, was := range h.places {
		p, ok := h.board.again(was)
		if !ok {
			return nil, syscall.ENODEV
		}
		h.path = p.path
	}
	return h.request()
}

func (h *held) current() request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.req
}

// replace puts another request in place and closes the one before.
func (h *held) replace(req request) {
	h.mu.Lock()
	was := h.req
	h.req = req
	h.mu.Unlock()
	if was != nil {
		_ = was.Close()
	}
}

// end gives the lines back and waits until nobody uses them.
func (h *held) end() {
	h.cancel()
	if req := h.current(); req != nil {
		_ = req.Close() // ends a wait for events
	}
	<-h.done
}
