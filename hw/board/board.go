package board

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Plan is a board as its driver describes it.
type Plan struct {
	Name   string // of its kind, for sentences: "the Shelly"
	Reach  string // what to do when it does not answer: a sentence
	Relays Lines
	Inputs Lines
	// Falls: an order ends only by the board's own timer when the network dies, so that no relay is lent that may
	// stay away from rest for ever.
	Falls bool

	// Connect makes a new connection, or says why there is none. away: a relay of ours may be away from rest, so
	// that there is no time to lose.
	Connect func(ctx context.Context, away bool) (Link, error)
	// Come says that it is worth trying to connect at once; nil where nobody tells.
	Come <-chan struct{}
	// Retry is how long it takes until the next try to connect, and LastRetry how long after many.
	Retry, LastRetry time.Duration
	// Poll is how often the board is asked; 0: it cannot be asked.
	Poll time.Duration
	// Look is how often it is asked for its relays, too; 0: always.
	Look time.Duration
}

// Lines are the relays or the inputs of a board: their names are a prefix and a number.
type Lines struct {
	Prefix       string
	First, Count int
	Missing      string // what to do when the board does not have one of them: a sentence
}

// number reads the number in the name of a line.
func (l Lines) number(line string) (int, error) {
	digits, ok := strings.CutPrefix(line, l.Prefix)
	n, err := strconv.Atoi(digits)
	switch {
	case l.Count == 0:
		return 0, fmt.Errorf("%w: the configuration of this board gives it none of that kind", hw.ErrNoLine)
	case !ok || err != nil || strconv.Itoa(n) != digits || n < l.First || n >= l.First+l.Count:
		return 0, fmt.Errorf("%w: this board has %s to %s", hw.ErrNoLine, l.name(l.First), l.name(l.First+l.Count-1))
	}
	return n, nil
}

func (l Lines) name(n int) string { return l.Prefix + strconv.Itoa(n) }

// Relay is an output that is lent. Levels are those of the relay itself.
type Relay struct {
	N    int           // as its line is numbered
	Rest bool          // the level of its rest
	Cap  time.Duration // how long it may be away from that; 0: for ever
}

// Order is an order to a relay.
type Order struct {
	Relay
	High  bool
	Max   time.Duration // after which it comes back by itself, where the board can do that; 0: never
	Until time.Time     // when it is too late to send it
}

// Asked says what a board is asked for. It may tell more.
type Asked struct{ Relays, Inputs bool }

// Status is what a board tells, by the numbers of lines; nil: nobody asked for it.
type Status struct {
	Relays, Inputs map[int]bool
	At             time.Time // before the question
}

// Link is one connection to a board. Ask may be called while anything else is; Rest and Set come one at a time.
type Link interface {
	// Ask asks where everything is, and changes nothing.
	Ask(ctx context.Context, what Asked) (Status, error)
	// Rest brings a relay to rest, and makes sure that the board itself will not move it. An error leaves the
	// board unused.
	Rest(ctx context.Context, r Relay) error
	// Set sends an order, once. When ctx ends before it was sent, it is not sent. An error says that nothing
	// changed, unless it is device.ErrUnsure.
	Set(ctx context.Context, o Order) error
	// Changed says that something changed: ask. It is nil where the board does not tell.
	Changed() <-chan struct{}
	// Gone is closed when the connection ends; nil where nobody notices.
	Gone() <-chan struct{}
	Close()
}

// answerWithin is how long anybody waits for his turn: boards answer in some hundredths of a second.
const answerWithin = time.Second

// Board is a hw.Board that may go and come back.
type Board struct {
	p      Plan
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	turn   chan struct{} // one order at a time, and nothing is lent while relays are brought to rest
	wake   chan struct{} // an input was lent: ask now

	mu     sync.Mutex
	up     Link          // nil while the board does not answer, or must not be used
	trip   chan struct{} // of up: closed when the board is to be looked at from the start
	told   bool          // that it is up
	why    error         // why it is not
	outs   map[int]*output
	ins    map[*input]struct{}
	closed bool
}

var (
	_ hw.Board        = (*Board)(nil)
	_ hw.ListingBoard = (*Board)(nil)
)

// New starts to connect. Until there is a connection, lines can be lent, outputs refuse orders and inputs have nothing
// to read.
func New(log zerolog.Logger, p Plan) *Board {
	b := &Board{
		p: p, log: log, done: make(chan struct{}), turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		why: errors.New("it was not heard yet"), outs: make(map[int]*output), ins: make(map[*input]struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// Close implements hw.Board: it brings every relay that is lent to rest and lets go of the board.
func (b *Board) Close() error {
	b.mu.Lock()
	b.closed = true
	outs, ins := maps.Clone(b.outs), maps.Clone(b.ins)
	b.mu.Unlock()
	var errs []error
	for _, o := range outs {
		errs = append(errs, o.Close())
	}
	for in := range ins {
		errs = append(errs, in.Close())
	}
	b.cancel()
	<-b.done
	return errors.Join(errs...)
}

// Lines implements hw.ListingBoard, from the configuration.
func (b *Board) Lines() ([]hw.LineInfo, error) {
	var all []hw.LineInfo
	for n := range b.p.Relays.Count {
		all = append(all, hw.LineInfo{Name: b.p.Relays.name(b.p.Relays.First + n), Output: true})
	}
	for n := range b.p.Inputs.Count {
		all = append(all, hw.LineInfo{Name: b.p.Inputs.name(b.p.Inputs.First + n), Input: true})
	}
	return all, nil
}

// Why is the reason for which the board cannot be used now, with what to do; nil while it can.
func (b *Board) Why() error {
	_, err := b.link()
	return err
}

// link is the connection, or why there is none.
func (b *Board) link() (Link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up != nil {
		return b.up, nil
	}
	op := &hw.OpError{Op: "reach " + b.p.Name, Err: b.why, Hint: b.p.Reach + "; nothing was energised"}
	if own := (*hw.OpError)(nil); errors.As(b.why, &own) {
		*op = hw.OpError{Op: own.Op, Err: own.Err, Hint: own.Hint}
	}
	if !errors.Is(op.Err, device.ErrUnavailable) || errors.Is(op.Err, device.ErrUnsure) {
		op.Err = fmt.Errorf("%w: %s", device.ErrUnavailable, op.Err.Error()) // whoever asks now has left nothing unsure
	}
	return nil, op
}

// fail has the board looked at from the start.
func (b *Board) fail(l Link, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up != l {
		return
	}
	b.up, b.why = nil, why
	close(b.trip)
}

// take waits for a turn.
func (b *Board) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case b.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Board) give() { <-b.turn }

// Unusable is a board that is there and must not be used, or does not have a line, with what to do about it. name is
// that of the Plan.
func Unusable(name, hint, format string, args ...any) error {
	return &hw.OpError{Op: "use " + name, Err: fmt.Errorf("%w: %s", device.ErrUnavailable, fmt.Sprintf(format, args...)), Hint: hint}
}

// longest is how much of what a stranger says is repeated.
const longest = 40

// Clip keeps what a stranger says short and in one line.
func Clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return text
}
