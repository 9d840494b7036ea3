package slots

import (
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/copies"
	"github.com/loquet/loquet/api"
)

// home are the copies of a code in Apple Home: Home asks the bridge each time it looks, so that what is listed is there.
func (s *Slots) home(code access.Code) (out []api.Copy) {
	if s.o.InHome == nil {
		return nil
	}
	for _, h := range s.o.InHome(code) {
		c := api.Copy{Code: code.ID, Door: h.Device, Where: "home", State: string(copies.Confirmed), Slot: h.Number, Why: h.Why}
		switch {
		case h.Number > 0:
			c.Confirmed = time.Now().In(s.o.Zone())
		case h.Waits:
			c.State = string(copies.Pending)
		default:
			c.State = string(copies.Failed)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b api.Copy) int { return strings.Compare(a.Door, b.Door) })
	return out
}

// hidden are the codes that open a door and that Apple Home cannot be shown, in words by door.
func (s *Slots) hidden() map[string]string {
	out := map[string]string{}
	l, err := s.o.Ledger()
	if err != nil || s.o.InHome == nil {
		return out
	}
	for _, c := range l.Codes() {
		if c.Revoked { // it opens nothing, and nobody misses it
			continue
		}
		for _, h := range s.o.InHome(c) {
			if h.Number == 0 && !h.Waits && len(out[h.Device]) < mostWords {
				if out[h.Device] != "" {
					out[h.Device] += "; "
				}
				out[h.Device] += "code " + c.ID + ": " + h.Why
			}
		}
	}
	return out
}

// mostWords is about how long a problem is told: the list of copies has the rest.
const mostWords = 300
