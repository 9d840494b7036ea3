package homekit

import (
	"fmt"

	"github.com/loquet/loquet/access"
)

// ShownCode is how it is with a code at one door in Apple Home.
type ShownCode struct {
	Device string
	Number int    // that Home knows it by; 0: Home does not list it
	Waits  bool   // it will, when the time of the code begins
	Why    string // why it is not listed
}

// ShownCodes is how it is with a PIN at every door whose codes Home is shown, as Home would be answered now. Doors of
// bridges that no controller is paired with are left out: nobody is shown anything there. It changes nothing: what Home is
// told is FollowCodes' to bring up to date.
func (h *House) ShownCodes(c access.Code) (out []ShownCode) {
	if c.Kind != access.PIN || h.opts.Register == nil {
		return nil
	}
	r := h.opts.Register()
	if r == nil {
		return nil
	}
	l, err := r.Ledger()
	if err != nil {
		return nil
	}
	groups, damaged := l.House().Groups, len(l.Damaged()) > 0
	for _, s := range *h.shown.Load() {
		p := s.thing.codes()
		if p == nil || !c.Reaches(p.book.device, groups...) {
			continue
		}
		d := r.Opens(c, p.book.device)
		if server := s.face.server.Load(); server == nil || !server.Paired() || d.Reason == access.ReasonDoor { // it cannot be typed there
			continue
		}
		out = append(out, h.shownCode(p.book, c, d, damaged))
	}
	return out
}

func (h *House) shownCode(b *codeBook, c access.Code, d access.Decision, damaged bool) ShownCode {
	h.coding.Lock()
	defer h.coding.Unlock()
	out := ShownCode{Device: b.device}
	switch {
	case b.read() != nil:
		out.Why = "the numbers that Home knows codes by cannot be read"
	case b.page.numberOf(c.ID) > 0:
		out.Number = int(b.page.numberOf(c.ID))
	default:
		out.Why, out.Waits = b.hides(c, d, damaged)
	}
	return out
}

// hides says why Home is not told of a code that opens this door, and whether that ends by itself.
func (b *codeBook) hides(c access.Code, d access.Decision, damaged bool) (why string, waits bool) {
	switch {
	case c.Both:
		return "Home knows no codes that need a card as well", false
	case c.Counted():
		return "Home cannot count how often a code is used", false
	case c.Revoked:
		return "it was taken back", false
	case damaged:
		return "a record is damaged: Home is shown what it was shown", false
	}
	switch {
	case !c.Permanent() && !d.Allowed:
		return "Home knows no times: it is shown while it opens", true
	case len(b.page.Codes) >= maxShownCodes:
		return fmt.Sprintf("Home is shown %d codes for a door, and no more", maxShownCodes), false
	case b.house.untold[b.device]:
		return "the number that Home would know it by cannot be kept", false
	}
	return "Home is told in a moment", true
}
