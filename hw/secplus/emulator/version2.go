package emulator

import "github.com/loquet/loquet/hw/secplus/frames"

// Commands of Security+ 2.0.
const (
	cmdGetStatus = 0x080
	cmdStatus    = 0x081
	cmdLock      = 0x18c
	cmdDoor      = 0x280
	cmdLight     = 0x281
)

// number is the opener's own.
const number = 0x33445566

// take is what an opener does with a frame. A code that does not rise is dropped, but for the end of a press.
func (p *Opener) take(m frames.Message) {
	last, known := p.last[m.ID]
	release := m.Command == cmdDoor && m.Byte1 == 0 && last.Command == cmdDoor && last.Byte1 == 1 && last.Rolling == m.Rolling && last.Nibble == m.Nibble
	if known && m.Rolling <= last.Rolling && !release {
		p.seen.Dropped++
		return
	}
	p.last[m.ID] = m
	switch {
	case m.Command == cmdGetStatus:
		p.seen.Asked++
		p.told = 0
	case release:
		p.seen.LetGo++
		p.seen.Held = false
	case m.Command == cmdDoor && m.Byte1 == 1:
		p.seen.Presses = append(p.seen.Presses, m.Nibble)
		p.seen.Held = true
		if !p.lazy {
			p.d.order(m.Nibble)
		}
	case m.Command == cmdLight:
		p.seen.Others++
		p.seen.Light, p.told = set(p.seen.Light, m.Nibble), 0
	case m.Command == cmdLock:
		p.seen.Others++
		p.seen.Locked, p.told = set(p.seen.Locked, m.Nibble), 0
	default:
		p.seen.Others++
	}
}

// set is off, on, or the other.
func set(was bool, nibble byte) bool { return nibble == 1 || nibble == 2 && !was }

// place is where the door is, in words of the status.
func (p *Opener) place() byte {
	switch {
	case p.d.moving == Up:
		return 4
	case p.d.moving == Down:
		return 5
	case p.d.at == 0:
		return 2
	case p.d.at == 1:
		return 1
	}
	return 3
}

// tell says where the door is.
func (p *Opener) tell() {
	if p.off {
		return
	}
	p.told = p.place()
	m := frames.Message{Command: cmdStatus, Nibble: p.told, Byte1: 0x40}
	if p.d.blocked {
		m.Byte1 = 0
	}
	if p.seen.Light {
		m.Byte2 |= 2
	}
	if p.seen.Locked {
		m.Byte2 |= 1
	}
	p.send(m)
}

func (p *Opener) send(m frames.Message) {
	if p.deaf {
		return
	}
	m.ID, m.Rolling = number, p.rolling
	p.rolling++
	b := frames.Encode(m)
	p.say(b[:]...)
}

// Tell says a status with any door in it.
func (p *Opener) Tell(door byte) {
	p.do(func() { p.send(frames.Message{Command: cmdStatus, Nibble: door, Byte1: 0x40}) })
}
