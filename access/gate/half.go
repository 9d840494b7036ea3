package gate

import (
	"context"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// halfLasts is the longest that the other half of a code is waited for, however often a key is pressed.
const halfLasts = 30 * time.Second

// half is a right code that opens only together with another one of the same person: a card that wants a
// PIN, or a PIN that wants a card.
type half struct {
	match access.Match
	what  string    // its kind and length, for the history
	at    time.Time // when it was held or typed
	last  time.Time // when anything was, since
}

// fits reports whether the code is the other half.
func (h *half) fits(m access.Match) bool {
	return h != nil && h.match.Person.ID == m.Person.ID && h.match.Code.Kind != m.Code.Kind
}

// over reports whether the half is not waited for any more.
func (h *half) over(at time.Time, pause time.Duration) bool {
	return h != nil && (at.Sub(h.last) >= pause || at.Sub(h.at) >= halfLasts)
}

// wait keeps a half and asks for the other one. It opened nothing, so it ends no row of wrong tries: with a
// stolen card nobody buys himself more guesses at its PIN.
func (g *Gate) wait(ctx context.Context, h half) {
	g.half = &h
	if g.lock.Settle() {
		g.write()
	}
	g.show(ctx, device.Verdict{Kind: device.VerdictMore})
}

// lapse gives up the half that is waited for, and writes down that it was one.
func (g *Gate) lapse(ctx context.Context) {
	h := g.half
	if h == nil {
		return
	}
	g.half = nil
	g.refused(ctx, h.match.Code.ID, device.RefusedHalf, h.what)
}
