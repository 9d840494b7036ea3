package osdp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"
)

const (
	pollEvery = 50 * time.Millisecond
	busyFor   = time.Second // how long a reader may say that it is busy
)

// errKey is a reader that has another key.
var errKey = fmt.Errorf("%w: the reader has another key", errSecure)

// panel speaks with one reader. Its methods are called by one goroutine.
type panel struct {
	bus     *bus
	addr    byte
	seq     byte // of the next command
	session *session
}

// connect starts anew and brings up a secure channel with that key.
func (p *panel) connect(ctx context.Context, k key, standard bool) error {
	p.seq, p.session = 0, nil
	if _, err := p.clear(ctx, frame{id: cmdID, data: []byte{0}}, repID, 0, 1); err != nil {
		return err
	}
	which := byte(1)
	if standard {
		which = 0
	}
	rndA := make([]byte, 8)
	if _, err := rand.Read(rndA); err != nil {
		return err
	}
	reply, err := p.clear(ctx, frame{scb: scbChlng, scbArg: []byte{which}, id: cmdChlng, data: rndA}, repCcrypt, scbCcrypt, tries)
	if err != nil {
		return err
	}
	if len(reply.data) != 32 {
		return fmt.Errorf("%w: an answer of an impossible length", errSecure)
	}
	s := newSession(k, rndA)
	rndB := reply.data[8:16]
	if subtle.ConstantTimeCompare(s.cryptogram(rndA, rndB), reply.data[16:]) != 1 {
		return errKey
	}
	server := s.cryptogram(rndB, rndA)
	reply, err = p.clear(ctx, frame{scb: scbScrypt, scbArg: []byte{which}, id: cmdScrypt, data: server}, repRmac, scbRmac, tries)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(s.begin(server), reply.data) != 1 || len(reply.scbArg) != 1 || reply.scbArg[0] != 1 {
		return errKey
	}
	p.session = s
	return nil
}

// clear sends what comes before the secure channel, and wants that answer to it.
func (p *panel) clear(ctx context.Context, f frame, want, scb byte, times int) (frame, error) {
	reply, err := p.send(ctx, f, times)
	switch {
	case err != nil:
		return frame{}, err
	case reply.id == repNak:
		return frame{}, fmt.Errorf("%w: the reader refuses (%d)", errSecure, nakCode(reply))
	case reply.id != want || reply.scb != scb:
		return frame{}, fmt.Errorf("%w: an answer to something else", errSecure)
	}
	return reply, nil
}

// ask sends a command over the secure channel and returns its answer. Any error of it but a refusal
// ends the channel.
func (p *panel) ask(ctx context.Context, id byte, data []byte) (frame, error) {
	if p.session == nil {
		return frame{}, errSecure
	}
	sealed := p.session.seal(frame{addr: p.addr, seq: p.seq, id: id, data: data})
	reply, err := p.send(ctx, sealed, tries)
	if err == nil {
		reply, err = p.session.open(reply)
	}
	if err != nil {
		p.session = nil
		return frame{}, err
	}
	return reply, nil
}

// errBusy is a reader that stays busy.
var errBusy = errors.New("the reader is busy")

// send gives a frame its address and number, and repeats it while the reader says that it is busy.
func (p *panel) send(ctx context.Context, f frame, times int) (frame, error) {
	f.addr, f.seq = p.addr, p.seq
	p.seq = p.seq%3 + 1
	out := append([]byte{mark}, f.bytes()...)
	for until := time.Now().Add(busyFor); time.Now().Before(until); {
		reply, err := p.bus.exchange(ctx, out, times, func(r frame) bool {
			return r.reply && r.addr == p.addr && (r.seq == f.seq || r.id == repBusy && r.seq == 0)
		})
		if err != nil || reply.id != repBusy {
			return reply, err
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return frame{}, err
		}
	}
	return frame{}, errBusy
}

func nakCode(f frame) byte {
	if len(f.data) == 0 {
		return 0
	}
	return f.data[0]
}
