package frames

import "time"

// Bytes of Security+ 1.0 that a wall panel sends: 1200 baud, eight bits, even parity. A button is one byte when it is
// pressed and one when it is let go; a question is one byte, and the opener answers with one.
const (
	PressDoor   byte = 0x30
	LetGoDoor   byte = 0x31
	PressLight  byte = 0x32
	LetGoLight  byte = 0x33
	PressLock   byte = 0x34
	LetGoLock   byte = 0x35
	OldQuestion byte = 0x37 // of older panels, which openers answer with nothing, or always the same
	AskDoor     byte = 0x38
	AskBlocked  byte = 0x39
	AskRest     byte = 0x3A // light and lock
)

// AnswerTime is how long an opener may take to answer: after that a byte is no answer any more.
const AnswerTime = 100 * time.Millisecond

// echoTime is how long what was sent may take to be heard again on the one wire.
const echoTime = time.Second

// Place is where an opener of Security+ 1.0 says its door is. The zero value is none.
type Place byte

// Places.
const (
	NoPlace Place = iota
	Stopped
	Opening
	Open
	Closing
	Closed
)

// Door reads the answer to AskDoor. Not every byte is one: what collides on the wire is no place.
func Door(answer byte) Place {
	switch answer & 0xF0 {
	case 0x00, 0x10, 0x50, 0xB0:
	default:
		return NoPlace
	}
	switch answer & 7 {
	case 0, 6:
		return Stopped
	case 1:
		return Opening
	case 2:
		return Open
	case 4:
		return Closing
	case 5:
		return Closed
	}
	return NoPlace
}

// Blocked reads the answer to AskBlocked: whether something is in the way, or is on its way in or out of it. ok is
// false for a byte that is no answer.
func Blocked(answer byte) (blocked, ok bool) {
	switch answer {
	case 0x00:
		return false, true
	case 0x01, 0x04:
		return true, true
	}
	return false, false
}

// Rest reads the answer to AskRest: the light, and whether remotes are locked out.
func Rest(answer byte) (light, locked, ok bool) {
	if h := answer & 0xF0; h != 0x40 && h != 0x50 {
		return false, false, false
	}
	return answer&4 != 0, answer&8 == 0, true
}

// Heard is one thing that was heard: a button, a question, or a question with its answer.
type Heard struct {
	Byte     byte // what the panel, or we, sent
	Answer   byte // of the opener, where Answered
	Answered bool
	Ours     bool // we sent Byte
}

// Ear tells apart, in the bytes on one wire, what a wall panel says, what the opener answers, and what is only our own
// byte heard again. It works with and without such an echo, and learns which it is. The zero value is ready.
type Ear struct {
	key    byte // the question that has no answer yet; 0: none
	ours   bool
	at     time.Time // when it was asked, or heard again
	echo   byte      // what we sent and have not heard again; 0: nothing
	sent   time.Time
	echoes bool // what we send is heard again
	missed int  // bytes in a row that were not
}

// mostMissed is how many bytes of ours may be lost on a wire with an echo before it counts as one without.
const mostMissed = 3

// Sent says that we are about to send a byte. Where there is an echo, an answer is one only after it: what comes before
// belongs to something older.
func (e *Ear) Sent(b byte, at time.Time) {
	if e.echo != 0 {
		e.missed++
		e.echoes = e.echoes && e.missed < mostMissed
	}
	e.echo, e.sent, e.key = b, at, 0
	if asks(b) && !e.echoes {
		e.key, e.ours, e.at = b, true, at
	}
}

// Waits reports whether what we sent last is still to be heard again.
func (e *Ear) Waits() bool { return e.echoes && e.echo != 0 }

// Take takes one byte. ok is false for a byte that says nothing: an echo, filler between messages, a torn answer.
func (e *Ear) Take(b byte, at time.Time) (h Heard, ok bool) {
	if e.echo != 0 && at.Sub(e.sent) > echoTime {
		e.echo = 0
		e.echoes = false
	}
	switch {
	case e.echo != 0 && b == e.echo: // 0 is an answer too
		e.echo, e.echoes, e.missed = 0, true, 0
		if e.key = 0; asks(b) {
			e.key, e.ours, e.at = b, true, at
		}
		return Heard{}, false
	case asks(b):
		e.key, e.ours, e.at = b, false, at
		return Heard{Byte: b}, true
	case b >= PressDoor && b <= OldQuestion:
		e.key = 0
		return Heard{Byte: b}, true
	case e.key == 0:
		return Heard{}, false
	}
	h = Heard{Byte: e.key, Answer: b, Answered: true, Ours: e.ours}
	ok = at.Sub(e.at) <= AnswerTime
	e.key = 0
	return h, ok
}

// Drop forgets what was begun.
func (e *Ear) Drop() { *e = Ear{} }

func asks(b byte) bool { return b == AskDoor || b == AskBlocked || b == AskRest }
