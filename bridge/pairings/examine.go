package pairings

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/bridge/commission"
	"github.com/loquet/loquet/health"
	hap "github.com/loquet/loquet/homekit"
)

// Subject is what a problem of a HomeKit server is about: the house, another bridge, or the one device
// that the server shows.
func Subject(bridge string) string {
	if bridge == "main" {
		return ""
	}
	return strings.TrimPrefix(bridge, "own/")
}

// Trouble tells the owner that a HomeKit server is down, or is back.
func Trouble(board *health.Board, bridge string, err error) {
	damaged, detail := errors.Is(err, hap.ErrDamaged), ""
	if err != nil {
		detail = err.Error()
	}
	for code, on := range map[health.Code]bool{health.RecordDamaged: damaged, health.PartDown: err != nil && !damaged} {
		if on {
			board.Raise(code, Subject(bridge), detail)
		} else {
			board.Clear(code, Subject(bridge))
		}
	}
}

// Examine says on the board what is wrong with the servers now. asked is where the owner wants
// the first one to listen, askedMatter the Matter node.
func (p *Pairings) Examine(board *health.Board, asked, askedMatter string) {
	raise := func(code health.Code, subject, detail string, on bool) {
		if on {
			board.Raise(code, subject, detail)
		} else {
			board.Clear(code, subject)
		}
	}
	matter := p.Matter.Status()
	p.examineMatter(matter, askedMatter, raise)
	bridges := p.House.Bridges()
	for _, b := range bridges {
		subject, code := Subject(b.Word), b.SetupCode != ""
		raise(health.NotPaired, subject, "", !b.Paired && code && len(matter.Fabrics) == 0)
		raise(health.PairingLocked, subject, "", !b.Paired && !code)
		if subject == "" {
			raise(health.PortMoved, "", "it listens on "+b.Addr, moved(asked, b.Addr))
		}
	}
	for _, q := range board.Active() { // of servers that are gone
		about := q.Code == health.NotPaired || q.Code == health.PairingLocked
		if about && !slices.ContainsFunc(bridges, func(b homekit.Bridge) bool { return Subject(b.Word) == q.Subject }) {
			board.Clear(q.Code, q.Subject)
		}
	}
	for bridge, records := range p.House.Damaged() {
		board.Raise(health.RecordDamaged, Subject(bridge), strings.Join(records, ", "))
	}
}

// most is how many devices ecosystems are known to take from one bridge.
const most = 80

// examineMatter does the same for the Matter node.
func (p *Pairings) examineMatter(s commission.Status, asked string, raise func(code health.Code, subject, detail string, on bool)) {
	detail := ""
	if s.Err != nil {
		detail = s.Err.Error()
	}
	raise(health.RecordDamaged, commission.Bridge, detail, s.Damaged)
	if s.Deaf != nil {
		detail = s.Deaf.Error()
	}
	raise(health.PartDown, commission.Bridge, detail, s.Deaf != nil || s.Err != nil && !s.Damaged)
	raise(health.MatterPortMoved, "", "it listens on "+s.Addr, s.Addr != "" && moved(asked, s.Addr))
	until := ""
	if !s.Until.IsZero() {
		until = "until " + s.Until.Format("15:04")
	}
	raise(health.MatterWindowOpen, "", until, s.Open && len(s.Fabrics) > 0)
	raise(health.MatterLocked, "", "", s.Spent && !s.Open)
	raise(health.MatterCrowded, "", fmt.Sprintf("%d devices", s.Devices), s.Devices > most)
}

// moved reports whether the port that the owner asked for was in use.
func moved(asked, listens string) bool {
	_, want, err := net.SplitHostPort(asked)
	_, got, gotErr := net.SplitHostPort(listens)
	return err == nil && gotErr == nil && want != "0" && want != got
}
