// Package doctor looks at what is around the doors: the network that phones find the bridge over, the
// disk, the clock, the controllers. It tells what it sees, and says on the board what is wrong with it.
package doctor

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/announce"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/mdns"
)

// Doctor is made of what it looks at. Its functions may be called from any goroutine.
type Doctor struct {
	State       string   // the state folder
	Interfaces  []string // those that the owner named; empty: all sensible ones
	Degraded    func() (reason string, ok bool)
	Clock       func() api.ClockFacts // how far the time is known
	Network     func(context.Context) (mdns.Facts, []announce.Copy)
	Controllers func() []api.ControllerFacts
	Matter      func() *api.MatterFacts // nil: there is no Matter bridge
	Zone        func() *time.Location
	Runs        Notes // where it is noted that the program runs
	Board       *health.Board
	Log         zerolog.Logger

	started time.Time // zero until Run
}

// Times between looks.
const (
	firstLook = 5 * time.Second
	lookEvery = time.Minute
)

// Run looks again and again until ctx ends, and keeps the board true.
func (d *Doctor) Run(ctx context.Context) {
	d.started = time.Now()
	d.begin(thisBoot())
	defer d.end()
	told := map[finding]bool{}
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if facts, err := d.Facts(ctx); err != nil {
			d.Log.Warn().Err(err).Msg("the state folder's disk cannot be looked at")
		} else {
			told = d.tell(told, judge(facts, d.Interfaces, d.started))
		}
		if time.Since(d.started) > crashShown {
			d.Board.Clear(health.ProgramRestarted, "")
		}
		timer.Reset(lookEvery)
	}
}

// tell raises what is found, and clears what was found before and is not any more.
func (d *Doctor) tell(before map[finding]bool, found []found) map[finding]bool {
	now := map[finding]bool{}
	for _, f := range found {
		now[f.finding] = true
		d.Board.Raise(f.code, f.subject, f.detail)
	}
	for f := range before {
		if !now[f] {
			d.Board.Clear(f.code, f.subject)
		}
	}
	if !now[finding{health.ClockUntrusted, ""}] {
		d.Board.Clear(health.ClockUntrusted, "") // it is raised at the start, before anybody looks
	}
	return now
}

// Facts looks now.
func (d *Doctor) Facts(ctx context.Context) (api.Facts, error) {
	zone := d.Zone()
	f := api.Facts{At: time.Now().In(zone), Clock: d.Clock(), Controllers: d.Controllers(), Matter: d.Matter()}
	var err error
	if f.State, err = d.disk(); err != nil {
		return api.Facts{}, err
	}
	if reason, bad := d.Degraded(); bad {
		f.State.Degraded = reason
	}
	seen, copies := d.Network(ctx)
	f.Network = network(seen, zone)
	for _, c := range copies {
		out := api.CopyFacts{Bridge: c.Bridge, Instance: c.Instance, Host: c.Host, Interface: c.Interface, Addrs: []string{}}
		for _, a := range c.Addrs {
			out.Addrs = append(out.Addrs, a.String())
		}
		f.Copies = append(f.Copies, out)
	}
	if f.Matter != nil {
		f.Matter.Until = in(f.Matter.Until, zone)
	}
	for i := range f.Controllers {
		f.Controllers[i].LastSeen = in(f.Controllers[i].LastSeen, zone)
	}
	return f, nil
}

func (d *Doctor) disk() (api.StateFacts, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(d.State, &s); err != nil {
		return api.StateFacts{}, err
	}
	size := int64(s.Bsize) //nolint:unconvert // 32 bits on some machines
	return api.StateFacts{Folder: d.State, FreeBytes: int64(s.Bavail) * size, TotalBytes: int64(s.Blocks) * size,
		FreeInodes: int64(s.Ffree), TotalInodes: int64(s.Files)}, nil
}

func network(f mdns.Facts, zone *time.Location) api.NetworkFacts {
	out := api.NetworkFacts{Hostname: f.Hostname, OtherResponder: in(f.Neighbour, zone), Received: f.Received,
		Dropped: f.Malformed + f.Flooded + f.Overrun, Unsent: f.Unsent}
	for _, i := range f.Interfaces {
		o := api.InterfaceFacts{Name: i.Name, IPv4: i.IPv4, IPv6: i.IPv6, Addrs: []string{}, Since: in(i.Since, zone),
			Announced: in(i.Announced, zone), Asked: in(i.Asked, zone), Answered: in(i.Answered, zone)}
		for _, a := range i.Addrs {
			o.Addrs = append(o.Addrs, a.String())
		}
		out.Interfaces = append(out.Interfaces, o)
	}
	for _, s := range f.Skipped {
		out.Skipped = append(out.Skipped, api.SkippedFacts{Name: s.Name, Why: s.Why})
	}
	for _, s := range f.Services {
		out.Services = append(out.Services, api.ServiceFacts{Instance: s.Instance, Type: s.Type, Port: s.Port,
			Live: append([]string{}, s.Live...), Probing: append([]string{}, s.Probing...)})
	}
	return out
}

// in is the time in a zone; never stays never.
func in(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}
