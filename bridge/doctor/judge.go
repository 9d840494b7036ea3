package doctor

import (
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

// finding is a problem and what it is about.
type finding struct {
	code    health.Code
	subject string
}

// found is a finding with what was seen.
type found struct {
	finding
	detail string
}

// What is too little, too long, or too quiet.
const (
	leastBytes  = 128 << 20
	leastInodes = 1000
	slowAnswer  = 1000 // ms
	someAnswers = 20   // fewer say nothing
	silence     = time.Hour
	absence     = 24 * time.Hour
	wordSoon    = 24 * time.Hour // so long before the time is not known any more
)

const minute = "2006-01-02 15:04"

// judge says what is wrong with the facts. Who else uses the identity, and whether there is a network at
// all, is told by the announcer, which knows at once.
func judge(f api.Facts, wanted []string, started time.Time) []found {
	var out []found
	note := func(code health.Code, subject, detail string) {
		out = append(out, found{finding{code, subject}, detail})
	}
	if f.Clock.Trust == "floor" {
		note(health.ClockUntrusted, "", "")
	}
	if f.Clock.Doubted {
		note(health.ClockJumped, "", "the machine says "+f.Clock.Machine.Format(minute))
	}
	if u := f.Clock.Until; !u.IsZero() && u.Sub(f.Clock.At) < wordSoon {
		note(health.ClockWordEnds, "", "until "+u.Format(minute))
	}
	s := f.State
	if s.FreeBytes < leastBytes && s.Degraded == "" {
		note(health.DiskLow, "", fmt.Sprintf("%d MiB are free of %d", s.FreeBytes>>20, s.TotalBytes>>20))
	}
	if s.TotalInodes > 0 && s.FreeInodes < leastInodes && s.Degraded == "" {
		note(health.InodesLow, "", fmt.Sprintf("%d files more, of %d", s.FreeInodes, s.TotalInodes))
	}
	judgeNetwork(f, wanted, note)
	for _, c := range f.Controllers {
		if a := c.Answers; a.Count >= someAnswers && a.P99 > slowAnswer {
			note(health.SlowAnswers, short(c.ID), fmt.Sprintf("of %d answers half took up to %.0f ms, the slowest %.0f ms", a.Count, a.P50, a.Max))
		}
		if c.LastSeen.IsZero() && f.At.Sub(started) > absence {
			note(health.ControllerNeverSeen, short(c.ID), "")
		}
	}
	return out
}

func judgeNetwork(f api.Facts, wanted []string, note func(health.Code, string, string)) {
	n := f.Network
	for _, skipped := range n.Skipped {
		if slices.Contains(wanted, skipped.Name) && !loopback(skipped.Name) {
			note(health.InterfaceMissing, skipped.Name, skipped.Why)
		}
	}
	heard, six := false, len(n.Interfaces) == 0
	for _, i := range n.Interfaces {
		if i.IPv4 && !i.IPv6 {
			note(health.SingleStack, i.Name, "")
		}
		six = six || i.IPv6
		heard = heard || f.At.Sub(i.Asked) < silence || f.At.Sub(i.Since) < silence
	}
	if f.Matter != nil && !six {
		note(health.MatterSingleStack, "", "")
	}
	if len(n.Interfaces) > 0 && len(f.Controllers) > 0 && !heard {
		note(health.NetworkSilent, "", "")
	}
}

// loopback: whoever names it knows that nobody else looks there.
func loopback(name string) bool {
	i, err := net.InterfaceByName(name)
	return err == nil && i.Flags&net.FlagLoopback != 0
}

// short is as much of a controller's id as `loquet pair` takes for it.
func short(id string) string { return id[:min(len(id), 8)] }
