package osdp

import (
	"bytes"
	"net"
	"slices"
	"sync"
)

// reader is a simulated reader at address 5.
type reader struct {
	mu      sync.Mutex
	key     *key // nil: it was never installed
	events  []frame
	shown   []frame  // LED and BUZ commands, in clear text
	asked   int      // secured commands that were new
	repeats int      // commands that came again
	trouble []string // what to do wrong with the next answers that tell something

	session *session
	rndA    []byte
	lastCmd []byte
	lastOut []byte
	old     []byte // the last answer that told keys
}

const (
	cuid = "\x69\x7A\x99\x00\x04\x03\x02\x01"
	rndB = "87654321"
)

func (r *reader) serve(conn net.Conn) {
	defer conn.Close()
	var got []byte
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		got = append(got, buf[:n]...)
		for {
			f, n, err := parse(got)
			if n == 0 {
				break
			}
			raw := bytes.Clone(got[:n])
			got = got[n:]
			if err != nil || f.reply || f.addr != 5 {
				continue
			}
			if out := r.hear(f, raw); out != nil {
				if _, err := conn.Write(out); err != nil {
					return
				}
			}
		}
	}
}

// hear answers a command. A command that comes again gets the answer from before.
func (r *reader) hear(f frame, raw []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.Equal(raw, r.lastCmd) && f.seq != 0 {
		r.repeats++
		return r.lastOut
	}
	if len(r.trouble) > 0 && r.trouble[0] == "busy" { // it has not looked at the command yet
		r.trouble = r.trouble[1:]
		return frame{addr: 5, reply: true, id: repBusy}.bytes()
	}
	out, wrong := r.answer(f), ""
	tells := len(out.data) > 0 && out.secured()
	r.lastCmd, r.lastOut = raw, out.bytes()
	if tells && len(r.trouble) > 0 {
		wrong, r.trouble = r.trouble[0], r.trouble[1:]
	}
	send := r.lastOut
	switch wrong {
	case "lose":
		return nil
	case "clear":
		send = frame{addr: 5, reply: true, seq: f.seq, id: repKeypad, data: []byte("\x00\x049999")}.bytes()
	case "replay":
		again, _, _ := parse(bytes.Clone(r.old))
		again.seq = f.seq
		send = again.bytes()
	}
	if tells {
		r.old = r.lastOut
	}
	return send
}

func (r *reader) answer(f frame) frame {
	out := frame{addr: 5, reply: true, seq: f.seq, id: repAck}
	switch {
	case f.id == cmdID && !f.secured():
		r.session = nil
		out.id, out.data = repID, []byte("\x69\x7A\x00\x99\x01\x04\x03\x02\x01\x0B\x0C\x0D")
		return out
	case f.id == cmdChlng:
		k := defaultKey()
		if f.scbArg[0] == 1 {
			if r.key == nil {
				return nak(out, 6)
			}
			k = *r.key
		} else if r.key != nil {
			return nak(out, 6)
		}
		r.rndA, r.session = bytes.Clone(f.data), newSession(k, f.data)
		out.scb, out.scbArg, out.id = scbCcrypt, f.scbArg, repCcrypt
		out.data = slices.Concat([]byte(cuid+rndB), r.session.cryptogram(r.rndA, []byte(rndB)))
		return out
	case f.id == cmdScrypt && r.session != nil:
		out.scb, out.scbArg, out.id = scbRmac, []byte{0}, repRmac
		if bytes.Equal(f.data, r.session.cryptogram([]byte(rndB), r.rndA)) {
			out.scbArg = []byte{1}
		}
		out.data = bytes.Clone(r.session.begin(f.data))
		return out
	case r.session == nil:
		return nak(out, 6)
	}
	cmd, err := r.session.open(f)
	if err != nil {
		r.session = nil
		return nak(out, 6)
	}
	r.asked++
	switch cmd.id {
	case cmdKeySet:
		fresh := key(cmd.data[2:18])
		r.key = &fresh
	case cmdLED, cmdBuzzer:
		r.shown = append(r.shown, cmd)
	case cmdLStat:
		out.id, out.data = repLocal, []byte{0, 0}
	case cmdPoll:
		if len(r.events) > 0 {
			out.id, out.data = r.events[0].id, r.events[0].data
			r.events = r.events[1:]
		}
	}
	return r.session.seal(out)
}

func nak(out frame, code byte) frame {
	out.id, out.data = repNak, []byte{code}
	return out
}

// happen has events told at the next polls, with trouble in the telling.
func (r *reader) happen(trouble []string, events ...frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble, r.events = trouble, append(r.events, events...)
}

func (r *reader) set(k *key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key, r.session = k, nil
}
