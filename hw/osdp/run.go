package osdp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
)

const (
	installFor   = 10 * time.Minute
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// errNotInstalled is a reader that has no key of its own, outside of the time for it.
var errNotInstalled = errors.New("the reader has no key of its own: `loquet pair keypad` gives it one")

// run keeps the secure channel up.
func (k *Keypad) run(ctx context.Context) {
	defer close(k.done)
	defer k.changes.Close()
	backoff := firstBackoff
	for ctx.Err() == nil {
		err := k.connect(ctx)
		if err == nil {
			backoff = firstBackoff
			k.log.Info().Msg("the reader is online")
			err = k.serve(ctx)
		}
		if ctx.Err() == nil && k.Status().Why != err.Error() {
			k.log.Warn().Err(err).Msg("the reader is offline")
		}
		k.note(func(s *device.KeypadStatus) { s.Online, s.Why = false, err.Error() })
		if sleep(ctx, backoff) == nil {
			backoff = min(2*backoff, lastBackoff)
		}
	}
	k.note(func(s *device.KeypadStatus) { s.Online, s.Why = false, "the bridge stops" })
}

// connect brings up the secure channel with the reader's own key, and gives it one if it may.
func (k *Keypad) connect(ctx context.Context) error {
	own, ok, err := k.file.read()
	if err != nil {
		return err
	}
	refused := errNotInstalled
	if ok {
		if refused = k.panel.connect(ctx, own, false); refused == nil {
			k.installed()
			return nil
		}
	}
	// The reader may have got a key, and the word of it may have been lost.
	if waiting, ok, err := k.file.pending().read(); err != nil {
		return err
	} else if ok && k.panel.connect(ctx, waiting, false) == nil {
		k.installed()
		return k.file.confirm()
	}
	if !k.installing() {
		return refused
	}
	return k.install(ctx)
}

// install gives the reader a key over a channel with the key that everybody knows. The next connection
// is with the new key, and only that confirms it.
func (k *Keypad) install(ctx context.Context) error {
	if err := k.panel.connect(ctx, defaultKey(), true); err != nil {
		return err
	}
	fresh, err := k.file.make()
	if err != nil {
		return err
	}
	reply, err := k.panel.ask(ctx, cmdKeySet, append([]byte{1, byte(len(fresh))}, fresh[:]...))
	if err != nil {
		return err
	}
	if reply.id != repAck {
		return fmt.Errorf("%w: the reader does not take a key", errSecure)
	}
	if err := k.panel.connect(ctx, fresh, false); err != nil {
		return err
	}
	k.installed()
	k.log.Info().Msg("the reader has a key of its own now")
	return k.file.confirm()
}

// serve polls until the channel breaks.
func (k *Keypad) serve(ctx context.Context) error {
	if err := k.do(ctx, cmdLStat, nil); err != nil {
		return err
	}
	k.note(func(s *device.KeypadStatus) { s.Online, s.Why = true, "" })
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		select {
		case o := <-k.orders:
			err := k.do(ctx, o.id, o.data)
			o.err <- err
			if err != nil && !errors.Is(err, errRefused) {
				return err
			}
		case <-poll.C:
			if err := k.do(ctx, cmdPoll, nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errRefused is a command that this reader does not know.
var errRefused = errors.New("the reader does not do that")

// do gives a command and takes in what the reader says to it.
func (k *Keypad) do(ctx context.Context, id byte, data []byte) error {
	reply, err := k.panel.ask(ctx, id, data)
	if err != nil {
		return err
	}
	switch reply.id {
	case repNak:
		if id == cmdPoll {
			return fmt.Errorf("%w: the reader refuses to be asked (%d)", errSecure, nakCode(reply))
		}
		if id == cmdLStat {
			return nil // a reader without a case switch
		}
		return fmt.Errorf("%w (%d)", errRefused, nakCode(reply))
	case repLocal:
		if len(reply.data) == 2 {
			k.local(reply.data[0] != 0, reply.data[1] != 0)
		}
	case repKeypad:
		if keys := keysOf(reply.data); keys != "" {
			k.deliver(device.KeypadEntry{Keys: keys})
		}
	case repRaw:
		if card := cardOf(reply.data); card != nil {
			k.deliver(device.KeypadEntry{Card: card})
		}
	}
	return nil
}

func (k *Keypad) local(tamper, power bool) {
	before := k.Status()
	if tamper && !before.Tamper {
		k.log.Warn().Msg("the reader was opened or taken off the wall")
	}
	k.note(func(s *device.KeypadStatus) { s.Tamper, s.Power = tamper, power })
}
