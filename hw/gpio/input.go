package gpio

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/loquet/loquet/hw"
)

// pollEvery is how often a chip that cannot tell of edges is asked.
const pollEvery = 50 * time.Millisecond

// input is a requested input.
type input struct {
	held   *held
	polled bool
	feed   hw.Feed[hw.Level]

	mu      sync.Mutex
	level   hw.Level // published last
	lineSeq uint32   // the kernel's count in this request
}

var _ hw.Input = (*input)(nil)

func newInput(h *held, polled bool) (*input, error) {
	in := &input{held: h, polled: polled}
	if err := in.back(h.req); err != nil {
		h.replace(nil)
		h.cancel()
		return nil, remedy("read line "+h.places[0].String(), err)
	}
	go h.keep(in)
	return in, nil
}

// Read implements hw.Input.
func (in *input) Read(ctx context.Context) (hw.Level, error) {
	if err := ctx.Err(); err != nil {
		return hw.Level{}, err
	}
	asked := time.Now()
	var bits uint64
	err := in.held.use("read line "+in.held.places[0].String(), func(r request) (err error) {
		bits, err = r.get(1)
		return err
	})
	if err != nil {
		return hw.Level{}, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return hw.Level{Active: bits&1 == 1, At: asked, Seq: in.level.Seq}, nil
}

// Watch implements hw.Input.
func (in *input) Watch(ctx context.Context) <-chan hw.Level { return in.feed.Subscribe(ctx) }

// Close implements hw.Input.
func (in *input) Close() error {
	in.held.board.forget(in)
	in.held.end()
	in.feed.Close()
	return nil
}

// watch implements keeper. Whatever the edges said, the level is read after them: the kernel drops the
// oldest when nobody reads, and tells rising from falling by a level that may be the next one's.
func (in *input) watch(ctx context.Context, r request) {
	buf := make([]lineEvent, eventBuffer)
	for ctx.Err() == nil {
		n, err := in.events(ctx, r, buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		for _, e := range buf[:max(n, 0)] {
			in.edge(e)
		}
		bits, err := r.get(1)
		if err != nil {
			return
		}
		in.settle(bits&1 == 1)
	}
}

func (in *input) events(ctx context.Context, r request, buf []lineEvent) (int, error) {
	if !in.polled {
		return r.events(buf, probe)
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-in.held.kick:
		return 0, os.ErrClosed
	case <-time.After(pollEvery):
		return 0, nil
	}
}

// edge publishes one change that the kernel saw.
func (in *input) edge(e lineEvent) {
	in.mu.Lock()
	defer in.mu.Unlock()
	missed := uint64(e.LineSeq - in.lineSeq) // 1 when none was lost; wraps as the kernel's does
	in.lineSeq = e.LineSeq
	in.publish(e.ID == eventRising, in.held.board.at(e.Time), missed)
}

// settle publishes the level that was read, if no edge told of it. It counts nothing: the edge may be on
// its way, and if it was lost the next one's number tells.
func (in *input) settle(active bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if active != in.level.Active {
		in.publish(active, time.Now(), 0)
	}
}

func (in *input) publish(active bool, at time.Time, edges uint64) {
	if at.Before(in.level.At) {
		at = in.level.At
	}
	in.level = hw.Level{Active: active, At: at, Seq: in.level.Seq + edges}
	in.feed.Publish(in.level)
}

func (in *input) lost() { in.feed.Break() }

// back implements keeper: the first level is there before anybody asks.
func (in *input) back(r request) error {
	bits, err := r.get(1)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lineSeq = 0
	in.publish(bits&1 == 1, time.Now(), 1)
	return nil
}
