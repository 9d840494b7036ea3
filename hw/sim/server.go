package sim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/loquet/loquet/hw"
)

const (
	maxClients = 64                     // bridges that one world serves at a time
	goneWithin = 250 * time.Millisecond // to notice that a killed bridge is gone
)

// Serve gives the world's lines to other processes until ctx ends; it closes the listener. A client that
// goes away leaves its outputs as they are.
func Serve(ctx context.Context, ln net.Listener, w *World) error {
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	var (
		clients sync.WaitGroup
		room    = make(chan struct{}, maxClients)
	)
	defer clients.Wait()
	defer ln.Close()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("simulated world: %w", err)
		}
		select {
		case room <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		clients.Go(func() {
			defer func() { <-room }()
			serveConn(ctx, conn, w)
		})
	}
}

// serveConn serves one client until it goes away or says something that is not the protocol.
func serveConn(ctx context.Context, conn net.Conn, w *World) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c := &client{
		world: w, ctx: ctx,
		out:     frameWriter{conn: conn},
		held:    make(map[string]*line),
		watched: make(map[string]context.CancelFunc),
		taps:    make(map[int]context.CancelFunc),
	}
	defer c.pushes.Wait()
	defer cancel() // before the wait: it ends the pushes
	defer func() {
		if c.board != nil {
			c.board.Abandon()
		}
	}()
	if conn.SetReadDeadline(time.Now().Add(helloWithin)) != nil {
		return
	}
	in := bufio.NewReader(conn)
	var buf []byte
	for {
		var r request
		if err := readFrame(in, &buf, &r); err != nil {
			return
		}
		answer, err := c.handle(r)
		if err != nil {
			answer.Error, answer.Code = err.Error(), codeOf(err)
		}
		answer.ID = r.ID
		if c.out.write(answer, 0) != nil || c.board == nil {
			return
		}
		if r.Op == opHello && conn.SetReadDeadline(time.Time{}) != nil {
			return
		}
	}
}

// client is one connection to the world.
type client struct {
	world  *World
	board  *Board // nil before hello
	ctx    context.Context
	out    frameWriter
	pushes sync.WaitGroup

	held    map[string]*line
	watched map[string]context.CancelFunc
	taps    map[int]context.CancelFunc
}

var errProtocol = errors.New("that is not asked here")

func (c *client) handle(r request) (reply, error) {
	if (c.board == nil) != (r.Op == opHello) {
		return reply{}, fmt.Errorf("%w: hello comes first, and once", errProtocol)
	}
	switch r.Op {
	case opSet:
		l, ok := c.held[r.Line]
		if !ok {
			return reply{}, fmt.Errorf("%w: %s was not requested", errProtocol, r.Line)
		}
		return reply{}, c.board.set(l, r.Level)
	case opHello:
		return c.hello(r)
	case opOutput:
		return reply{}, c.output(r)
	case opFree:
		if l, ok := c.held[r.Line]; ok {
			delete(c.held, r.Line)
			c.board.free(l)
		}
		return reply{}, nil
	case opRead:
		l, err := c.world.line(r.Line, false)
		if err != nil {
			return reply{}, err
		}
		level, seq := l.read()
		return reply{Level: level, Seq: seq}, nil
	case opWatch:
		return reply{}, c.watch(r.Line)
	case opUnwatch:
		if stop, ok := c.watched[r.Line]; ok {
			delete(c.watched, r.Line)
			stop()
		}
		return reply{}, nil
	case opEdges:
		return reply{}, c.edges(r)
	case opUnedges:
		if stop, ok := c.taps[r.Tap]; ok {
			delete(c.taps, r.Tap)
			stop()
		}
		return reply{}, nil
	case opDevices:
		return reply{Devices: c.world.Devices()}, nil
	case opStatus:
		s, err := c.board.Status(c.ctx, r.Device)
		return reply{Status: &s}, err
	case opEvent:
		if r.Event == nil {
			return reply{}, fmt.Errorf("%w: no event is given", ErrNoEvent)
		}
		return reply{}, c.world.Event(r.Device, *r.Event)
	}
	return reply{}, fmt.Errorf("%w: %q", errProtocol, r.Op)
}

func (c *client) hello(r request) (reply, error) {
	if r.Version != wireVersion {
		return reply{}, fmt.Errorf("%w: this world speaks version %d, not %d", errProtocol, wireVersion, r.Version)
	}
	c.board = c.world.board(r.Holder)
	return reply{}, nil
}

func (c *client) output(r request) error {
	if l, ok := c.held[r.Line]; ok {
		delete(c.held, r.Line)
		c.board.free(l)
	}
	if len(c.held) >= maxLines {
		return fmt.Errorf("%w: a client holds at most %d lines", errProtocol, maxLines)
	}
	l, err := c.board.hold(r.Line, r.Level)
	if errors.Is(err, hw.ErrInUse) && c.goes(r.Line) {
		l, err = c.board.hold(r.Line, r.Level)
	}
	if err != nil {
		return err
	}
	c.held[r.Line] = l
	return nil
}

// goes waits a moment for the holder of a line to go: a bridge that was killed just now has gone already,
// but nobody may have noticed.
func (c *client) goes(name string) bool {
	l, err := c.world.line(name, true)
	if err != nil {
		return false
	}
	other := l.holds()
	if other == nil {
		return true
	}
	select {
	case <-other.ctx.Done():
	case <-time.After(goneWithin):
	case <-c.ctx.Done():
	}
	return l.holds() == nil
}

// watch pushes the level of a line, the first at once and the newest to a slow client.
func (c *client) watch(name string) error {
	if _, ok := c.watched[name]; ok {
		return nil
	}
	l, err := c.world.line(name, false)
	if err != nil {
		return err
	}
	if len(c.watched) >= maxLines {
		return fmt.Errorf("%w: a client watches at most %d lines", errProtocol, maxLines)
	}
	ctx, stop := context.WithCancel(c.ctx)
	c.watched[name] = stop
	levels := l.high.Subscribe(ctx)
	c.pushes.Go(func() {
		for level := range levels {
			if c.out.write(reply{Line: name, Level: level.Active, Seq: level.Seq}, 0) != nil {
				stop()
			}
		}
	})
	return nil
}

func (c *client) edges(r request) error {
	if _, ok := c.taps[r.Tap]; ok || r.Tap <= 0 || len(c.taps) >= maxTaps {
		return fmt.Errorf("%w: taps are numbered from 1, and there are at most %d", errProtocol, maxTaps)
	}
	if len(r.Lines) == 0 || len(r.Lines) > maxTaps {
		return fmt.Errorf("%w: 1 to %d lines are watched together", errProtocol, maxTaps)
	}
	var o hw.InputOptions
	if r.Only != nil {
		o = hw.InputOptions{Falling: true, ActiveLow: *r.Only}
	}
	e, err := c.board.Edges(c.ctx, r.Lines, o)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(c.ctx)
	c.taps[r.Tap] = stop
	ch := e.Watch(ctx)
	c.pushes.Go(func() {
		for edge := range ch {
			words := edgeWords{Line: edge.Line, Level: edge.Active != o.ActiveLow, At: edge.At, Seq: edge.Seq}
			if c.out.write(reply{Tap: r.Tap, Edge: &words}, 0) != nil {
				stop()
			}
		}
	})
	return nil
}
