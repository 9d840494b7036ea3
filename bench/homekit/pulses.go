package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/loquet/loquet/bench/figures"
	"github.com/loquet/loquet/homekit/haptest"
)

// Metrics of a write that owes a pulse: to the edge of the relay as the simulated lock saw it, and to the
// answer.
const (
	metricEdge     = "write to relay edge"
	metricAnswer   = "write to answer"
	metricEdgeP    = "prepared write to relay edge"
	metricAnswerP  = "prepared write to answer"
	metricPrepared = "prepare to relay edge"
)

const (
	pulseLocks  = 40
	writesApart = 1100 * time.Millisecond // of one controller: at most 10 pulses in 10 s are accepted from it
	movesApart  = 4500 * time.Millisecond // of one lock: its travel, and 2 s between two edges of a relay
)

// pulses measures writes that owe a pulse, with the journal on, with and without prepare; a new loquet in each run.
func pulses(ctx context.Context, o *options) error {
	for range o.runs {
		if err := o.pulses(ctx, "pulses", o.samples); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) pulses(ctx context.Context, part string, samples int, prefix ...string) error {
	fmt.Fprintf(os.Stderr, "%s: %d writes of each kind\n", part, samples)
	small := *o
	small.doors, small.locks = 1, pulseLocks
	dir, err := os.MkdirTemp("", "lqb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := kinds()[0].start(&small, dir, prefix...)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.await(ctx); err != nil {
		return err
	}
	h, _, err := s.pair(ctx, controllers)
	if err != nil {
		return err
	}
	for _, prepare := range []bool{false, true} {
		if err := h.pulse(ctx, o, figures.Record{Part: part, Server: "loquet", Unit: "ms"}, samples, prepare); err != nil {
			return err
		}
	}
	return nil
}

// player is one controller that writes.
type player struct {
	home    *home
	client  *haptest.Client
	prepare bool

	edge, answer, whole []time.Duration
}

// pulse lets the controllers unlock and lock in turn, each lock by another controller each time.
func (h *home) pulse(ctx context.Context, o *options, like figures.Record, samples int, prepare bool) error {
	count := min(controllers, len(h.locks), len(h.controllers))
	locks := h.locks[:min(pulseLocks, len(h.locks)/count*count)]
	round := max(writesApart, movesApart*time.Duration(count)/time.Duration(len(locks)))
	players := make([]*player, count)
	for i := range players {
		c, err := h.session(ctx, h.controllers[i])
		if err != nil {
			return err
		}
		defer c.Close()
		for _, l := range locks {
			if err := c.Subscribe(true, l.current, l.target); err != nil {
				return err
			}
		}
		players[i] = &player{home: h, client: c, prepare: prepare}
	}
	if err := h.settled(ctx, players[0].client); err != nil {
		return err
	}
	began := time.Now()
	var wg sync.WaitGroup
	failed := make([]error, count)
	twice := 2 * len(locks) / count // rounds in which every lock is moved there and back
	rounds := (samples/count + twice - 1) / twice * twice
	targets := plan(rounds, count, len(locks))
	for i, p := range players {
		wg.Go(func() {
			for r := range rounds {
				at := began.Add(round*time.Duration(r) + round*time.Duration(i)/time.Duration(count) + rand.N(round/time.Duration(2*count)))
				if failed[i] = p.listen(ctx, at); failed[i] != nil {
					return
				}
				t := targets[r][i]
				if failed[i] = p.write(ctx, locks[t.lock], t.value); failed[i] != nil {
					failed[i] = fmt.Errorf("round %d: %s: %w", r, locks[t.lock].name, failed[i])
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return publish(o, like, players, prepare)
}

func publish(o *options, like figures.Record, players []*player, prepare bool) error {
	var edge, answer, whole []time.Duration
	for _, p := range players {
		edge, answer, whole = append(edge, p.edge...), append(answer, p.answer...), append(whole, p.whole...)
	}
	say := func(metric string, took []time.Duration) error {
		like.Metric, like.Figure = metric, figures.Of(took)
		return o.out.Add(like)
	}
	if prepare {
		return errors.Join(say(metricEdgeP, edge), say(metricAnswerP, answer), say(metricPrepared, whole))
	}
	return errors.Join(say(metricEdge, edge), say(metricAnswer, answer))
}

// turn is one write: which lock, and whether to unlock (0) or lock (1).
type turn struct{ lock, value int }

// plan says what each controller writes in each round: locks in turn, shifted each time around, so that
// a controller does not come back to its own lock.
func plan(rounds, count, locks int) [][]turn {
	secured := make([]bool, locks)
	for i := range secured {
		secured[i] = true
	}
	all := make([][]turn, rounds)
	for r := range all {
		for c := range count {
			l := (r*count + (c+r*count/locks)%count) % locks
			secured[l] = !secured[l]
			t := turn{lock: l}
			if secured[l] {
				t.value = 1
			}
			all[r] = append(all[r], t)
		}
	}
	return all
}

// listen takes in events until it is time to write.
func (p *player) listen(ctx context.Context, until time.Time) error {
	for {
		left := time.Until(until)
		if left <= 0 || ctx.Err() != nil {
			return ctx.Err()
		}
		var timeout interface{ Timeout() bool }
		if _, err := p.client.NextEvent(left); err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
			return err
		}
	}
}

// write writes and asks the simulated lock when it saw the relay close.
func (p *player) write(ctx context.Context, l device, value int) error {
	id := deviceID(l.name)
	before, err := p.home.truth(ctx, id)
	if err != nil {
		return err
	}
	request := putLock(l, value)
	whole := time.Now()
	if p.prepare {
		if err := p.client.Prepare(5000, 7); err != nil {
			return err
		}
		request = haptest.Request("PUT", "/characteristics", "application/hap+json",
			fmt.Appendf(nil, `{"characteristics":[{"aid":%d,"iid":%d,"value":%d}],"pid":7}`, l.target.AID, l.target.IID, value))
	}
	began := time.Now()
	if err := p.client.Send(request); err != nil {
		return err
	}
	r, err := p.client.ReadResponse()
	took := time.Since(began)
	if err != nil {
		return err
	}
	if r.Status != 204 {
		return fmt.Errorf("HTTP %d: %s", r.Status, r.Body)
	}
	after, err := p.home.truth(ctx, id)
	if err != nil {
		return err
	}
	if after.Edges != before.Edges+1 {
		return fmt.Errorf("%d edges, want one", after.Edges-before.Edges)
	}
	at := time.Unix(0, after.LastEdgeUnixNS)
	p.edge, p.whole = append(p.edge, at.Sub(began)), append(p.whole, at.Sub(whole))
	p.answer = append(p.answer, took)
	return nil
}
