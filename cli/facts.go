package cli

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
)

// printFacts prints what was looked at, for whoever has to find out why a phone shows No Response.
func (a *app) printFacts(f *api.Facts, now time.Time) {
	if f == nil {
		return
	}
	a.say("")
	a.say("What was looked at:")
	for _, i := range f.Network.Interfaces {
		a.say("  network     %s (%s): asked %s, answered %s", i.Name, strings.Join(addresses(i.Addrs), ", "), when(i.Asked, now), when(i.Answered, now))
	}
	for _, s := range f.Network.Skipped {
		a.say("              not on %s: %s", s.Name, s.Why)
	}
	for _, s := range f.Network.Services {
		a.say("  announced   %s, port %d, %s", s.Instance, s.Port, places(s))
	}
	for _, c := range f.Copies {
		a.say("  a copy      %s at %s (%s) on %s", c.Instance, c.Host, strings.Join(c.Addrs, ", "), c.Interface)
	}
	if !f.Network.OtherResponder.IsZero() {
		a.say("  mDNS        another responder on this machine was heard %s", when(f.Network.OtherResponder, now))
	}
	if m := f.Matter; m != nil {
		a.say("  matter      %s, %s, %s", m.Addr, count(m.Devices, "device"), count(m.Fabrics, "ecosystem"))
	}
	a.say("  clock       %s", trustWords(f.Clock.Trust))
	a.say("  disk        %s free of %s%s, %s", size(f.State.FreeBytes), size(f.State.TotalBytes), inodes(f.State), f.State.Folder)
	if len(f.Controllers) == 0 {
		a.say("  controllers none is paired")
		return
	}
	a.say("")
	rows := make([][]string, len(f.Controllers))
	for i, c := range f.Controllers {
		seen := when(c.LastSeen, now)
		if c.Sessions > 0 {
			seen = "connected"
		}
		rows[i] = append([]string{c.ID, c.Name, seen}, answers(c.Answers)...)
	}
	a.table([]string{"CONTROLLER", "NAME", "SEEN", "ANSWERS", "HALF WITHIN", "99 OF 100", "SLOWEST"}, rows)
}

// addresses leaves out the lengths of prefixes.
func addresses(prefixes []string) []string {
	out := make([]string, len(prefixes))
	for i, text := range prefixes {
		out[i] = text
		if p, err := netip.ParsePrefix(text); err == nil {
			out[i] = p.Addr().String()
		}
	}
	return out
}

func places(s api.ServiceFacts) string {
	switch {
	case len(s.Live) > 0:
		return "on " + strings.Join(s.Live, ", ")
	case len(s.Probing) > 0:
		return "not yet: the name is being claimed on " + strings.Join(s.Probing, ", ")
	}
	return "nowhere"
}

func when(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return ago(t, now)
}

func trustWords(trust string) string {
	switch trust {
	case "trusted":
		return "right"
	case "holdover":
		return "was right, goes on by itself"
	}
	return "not known"
}

// size is a number of bytes for people.
func size(n int64) string {
	if n < 10<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d GiB", n>>30)
}

func inodes(s api.StateFacts) string {
	if s.TotalInodes == 0 {
		return ""
	}
	return fmt.Sprintf(", room for %d files", s.FreeInodes)
}

func answers(a api.AnswerFacts) []string {
	if a.Count == 0 {
		return []string{"", "", "", ""}
	}
	ms := func(v float64) string { return fmt.Sprintf("%.1f ms", v) }
	return []string{fmt.Sprint(a.Count), ms(a.P50), ms(a.P99), ms(a.Max)}
}
