package emulator

import (
	"time"

	"github.com/loquet/loquet/hw/secplus/frames"
)

// lockHeld is how long the button for the lock is held.
const lockHeld = 2500 * time.Millisecond

// hear is what an opener does with a byte, of the panel or of anybody.
func (p *Opener) hear(b byte) {
	switch b {
	case frames.PressDoor:
		p.seen.Presses = append(p.seen.Presses, b)
		if !p.seen.Held && !p.lazy {
			p.d.toggle()
		}
		p.seen.Held = true
	case frames.LetGoDoor:
		if p.seen.Held {
			p.seen.LetGo++
		}
		p.seen.Held = false
	case frames.PressLight:
		p.seen.Others++
		p.seen.Light = !p.seen.Light
	case frames.PressLock:
		p.seen.Others++
		p.heldAt = time.Now()
	case frames.LetGoLock:
		if !p.heldAt.IsZero() && time.Since(p.heldAt) >= lockHeld {
			p.seen.Locked = !p.seen.Locked
		}
		p.heldAt = time.Time{}
	case frames.LetGoLight:
	case frames.AskDoor, frames.AskBlocked, frames.AskRest:
		p.answer(b)
	default:
		p.seen.Others++
	}
}

func (p *Opener) answer(question byte) {
	var b byte
	switch question {
	case frames.AskDoor:
		p.seen.Asked++
		b = [...]byte{1: 0x52, 2: 0x55, 3: 0x56, 4: 0x01, 5: 0x04}[p.place()]
	case frames.AskBlocked:
		if p.d.blocked {
			b = 1
		}
	case frames.AskRest:
		b = 0x50
		if p.seen.Light {
			b |= 4
		}
		if !p.seen.Locked {
			b |= 8
		}
	}
	if !p.deaf {
		p.say(b)
	}
}

// poll is one word of the panel, which has no power of its own.
func (p *Opener) poll() {
	if !p.panel || p.off || p.o.Version == 2 {
		return
	}
	if p.o.Panel == frames.OldQuestion {
		p.say(frames.OldQuestion)
		return
	}
	questions := [...]byte{frames.AskDoor, frames.AskRest, frames.AskBlocked, frames.AskRest}
	q := questions[p.step%len(questions)]
	p.step++
	p.say(q)
	p.answer(q)
}
