package modbus

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

const (
	answerWithin = time.Second            // boards answer in some ten milliseconds
	hurried      = 200 * time.Millisecond // instead, while another board on the line has to do something
	lineWithin   = 3 * time.Second        // until the line is free for a question
	lateFor      = time.Second            // that an RTU board is asked nothing after it did not answer
	lookEvery    = time.Second            // how often the relays are compared with what they should be
)

// Prefixes of lines.
const (
	relayLine = "relay-"
	inputLine = "input-"
)

// Board is a board on a line. It may go and come back.
type Board struct {
	c        Config
	unit     byte
	bus      *bus
	numbered bool
	log      zerolog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	done     chan struct{}
	turn     chan struct{} // one order at a time, and nothing is lent while relays are brought to rest
	wake     chan struct{} // an input was lent: poll now

	mu     sync.Mutex
	up     *session      // nil while the board does not answer
	trip   chan struct{} // closed when the board is to be brought to rest again
	why    string        // why it is not up
	late   time.Time     // until when an old answer may come
	outs   map[int]*output
	ins    map[*input]struct{}
	closed bool
}

var _ hw.Board = (*Board)(nil)

func newBoard(log zerolog.Logger, line *bus, c Config, numbered bool) *Board {
	b := &Board{
		c: c, unit: byte(c.Unit), bus: line, numbered: numbered, log: log, why: "it is not connected yet",
		done: make(chan struct{}), turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		outs: make(map[int]*output), ins: make(map[*input]struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// Close brings every relay that is lent to rest and lets go of the board.
func (b *Board) Close() error {
	b.mu.Lock()
	b.closed = true
	var outs []*output
	for _, o := range b.outs {
		outs = append(outs, o)
	}
	var ins []*input
	for in := range b.ins {
		ins = append(ins, in)
	}
	b.mu.Unlock()
	var errs []error
	for _, o := range outs {
		errs = append(errs, o.Close())
	}
	for _, in := range ins {
		errs = append(errs, in.Close())
	}
	b.cancel()
	<-b.done
	return errors.Join(errs...)
}

// number reads the number behind the prefix of a line, from 1 to most, and returns it from 0.
func number(line, prefix string, most int) (int, error) {
	digits, ok := strings.CutPrefix(line, prefix)
	n, err := strconv.Atoi(digits)
	switch {
	case most == 0:
		return 0, fmt.Errorf("%w: the configuration of this board gives it no %ss", hw.ErrNoLine, strings.TrimSuffix(prefix, "-"))
	case !ok || err != nil || strconv.Itoa(n) != digits || n < 1 || n > most:
		return 0, fmt.Errorf("%w: this board has %s1 to %s%d", hw.ErrNoLine, prefix, prefix, most)
	}
	return n - 1, nil
}

// run keeps the board known.
func (b *Board) run() {
	defer close(b.done)
	backoff := firstBackoff
	for {
		s, err := b.bus.wait(b.ctx)
		if err != nil {
			return
		}
		err = b.begin(s)
		if err == nil {
			b.log.Info().Msg("the Modbus board answers")
			backoff = firstBackoff
			err = b.watch(s)
			b.end(err)
			if b.ctx.Err() == nil {
				b.log.Warn().Err(err).Msg("the Modbus board is gone")
			}
		} else if backoff == firstBackoff && b.ctx.Err() == nil {
			b.log.Warn().Err(err).Msg("the Modbus board cannot be used")
		}
		b.note(err)
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-b.ctx.Done():
			return
		}
	}
}

// begin brings every relay that is lent to rest and reads what the board tells, and only then lets orders
// through.
func (b *Board) begin(s *session) error {
	if !b.away() { // else it is our own relay that must not wait
		if err := sleep(b.ctx, b.bus.calm(b.unit)); err != nil {
			return err
		}
	}
	if err := take(b.ctx, b.turn); err != nil {
		return err
	}
	defer b.give()
	limit := b.patience()
	settled := make(map[*output]bool)
	if err := b.rest(s, limit, settled); err != nil {
		return err
	}
	b.mu.Lock()
	late := b.late
	b.mu.Unlock()
	if err := sleep(b.ctx, time.Until(late)); err != nil {
		return err
	}
	if err := b.look(s, limit); err != nil {
		return err
	}
	for n, o := b.unsettled(s, settled); o != nil; n, o = b.unsettled(s, settled) {
		if err := b.restOne(s, n, o, limit, settled); err != nil {
			return err
		}
	}
	b.bus.known(b.unit, true)
	if err := b.read(b.ctx, s, answerWithin); err != nil {
		b.end(err)
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.outs {
		if settled[o] && b.up == s {
			o.Back()
		}
	}
	return nil
}

// rest brings the relays that are lent by now to rest.
func (b *Board) rest(s *session, limit time.Duration, settled map[*output]bool) error {
	b.mu.Lock()
	outs := maps.Clone(b.outs)
	b.mu.Unlock()
	for n, o := range outs {
		if err := b.restOne(s, n, o, limit, settled); err != nil {
			return err
		}
	}
	return nil
}

func (b *Board) restOne(s *session, n int, o *output, limit time.Duration, settled map[*output]bool) error {
	if err := b.settle(s, n, o, limit); err != nil {
		return fmt.Errorf("relay-%d is not brought to rest: %w", n+1, err)
	}
	settled[o] = true
	return nil
}

// patience is how long a board that is not known to be there may take to answer.
func (b *Board) patience() time.Duration {
	if b.bus.others(b.unit) {
		return hurried
	}
	return answerWithin
}

// watch polls the board until something is wrong, and says what.
func (b *Board) watch(s *session) error {
	b.mu.Lock()
	trip := b.trip
	b.mu.Unlock()
	tick := time.NewTicker(b.c.Poll)
	defer tick.Stop()
	looked := time.Now()
	for {
		select {
		case <-tick.C:
		case <-b.wake:
		case <-trip:
			return errTripped
		case <-s.gone:
			return errGone
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
		limit := answerWithin
		if b.bus.calm(b.unit) > 0 {
			limit = hurried
		}
		if err := b.read(b.ctx, s, limit); err != nil {
			return err
		}
		if time.Since(looked) < lookEvery {
			continue
		}
		looked = time.Now()
		if err := b.look(s, limit); err != nil {
			return err
		}
	}
}

var errTripped = fmt.Errorf("%w: an order was not confirmed", device.ErrUnavailable)

// end tells everybody that the board is gone.
func (b *Board) end(err error) {
	b.note(err)
	b.bus.known(b.unit, false)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = nil
	for _, o := range b.outs {
		o.Lost()
	}
	for in := range b.ins {
		in.lost()
	}
}

func (b *Board) note(err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.why = err.Error()
}

// fail has the board brought to rest again.
func (b *Board) fail(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up != s || s == nil {
		return
	}
	b.up = nil
	close(b.trip)
}

// question asks the board something that changes nothing.
func (b *Board) question(ctx context.Context, s *session, p pdu, limit time.Duration) ([]byte, time.Time, error) {
	data, at, err := s.ask(ctx, b.unit, p, time.Now().Add(lineWithin), limit)
	switch {
	case errors.Is(err, errEcho):
		err = &hw.OpError{Op: "ask the board", Err: fmt.Errorf("%w: %w", device.ErrUnavailable, err),
			Hint: "switch the adapter's echo off, or take another one: with it nobody can tell an order from its answer"}
	case err != nil && !at.IsZero() && !b.numbered:
		b.mu.Lock()
		b.late = time.Now().Add(lateFor)
		b.mu.Unlock()
	}
	return data, at, err
}

// present is the connection, or why there is none.
func (b *Board) present() (*session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == nil {
		return nil, &hw.OpError{Op: "reach the Modbus board", Err: fmt.Errorf("%w: %s", device.ErrUnavailable, b.why),
			Hint: "see that the board has power and is connected, and that url and unit are its own; nothing was energised"}
	}
	return b.up, nil
}

func (b *Board) give() { <-b.turn }

func take(ctx context.Context, turn chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
