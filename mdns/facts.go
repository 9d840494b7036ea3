package mdns

import (
	"context"
	"net/netip"
	"slices"
	"time"
)

// Facts is what a responder knows about itself and its network, for whoever has to find out why
// nobody sees a service. Zero times mean never.
type Facts struct {
	Hostname   string // with ".local"
	Interfaces []InterfaceFacts
	Skipped    []Skipped
	Services   []ServiceFacts
	// Neighbour is when another responder on this machine was last heard on port 5353.
	Neighbour time.Time
	// Counts of packets since the start.
	Received  uint64
	Malformed uint64
	Flooded   uint64 // dropped because their source, or all strangers together, sent too many
	Overrun   uint64 // dropped because we were busy
	Unsent    uint64 // refused by the system
}

// InterfaceFacts is one interface that is served.
type InterfaceFacts struct {
	Name      string
	Addrs     []netip.Prefix
	IPv4      bool // member of 224.0.0.251
	IPv6      bool // member of ff02::fb
	Since     time.Time
	Announced time.Time // last announcement
	Asked     time.Time // last query heard from anybody, about anything
	Answered  time.Time // last answer given
}

// ServiceFacts is one published service.
type ServiceFacts struct {
	Instance string
	Type     string
	Port     int
	Live     []string // interfaces on which it is announced
	Probing  []string // interfaces on which its name is still being probed
}

// Facts asks the responder, which has to run.
func (r *Responder) Facts(ctx context.Context) (Facts, error) {
	var facts Facts
	err := r.ask(ctx, func(o *owner) { facts = o.facts() })
	if err != nil {
		return Facts{}, err
	}
	return facts, nil
}

func (o *owner) facts() Facts {
	f := Facts{
		Hostname:  *o.hostName.Load(),
		Skipped:   slices.Clone(o.skipped),
		Neighbour: o.neighbour,
		Received:  o.gate.received.Load(),
		Malformed: o.gate.bad.Load(),
		Flooded:   o.gate.flooded.Load(),
		Overrun:   o.gate.full.Load(),
		Unsent:    o.unsent,
	}
	for _, l := range o.links {
		f.Interfaces = append(f.Interfaces, InterfaceFacts{
			Name:      l.Name,
			Addrs:     slices.Clone(l.Addrs),
			IPv4:      l.channel[IPv4].joined,
			IPv6:      l.channel[IPv6].joined,
			Since:     l.since,
			Announced: l.announced,
			Asked:     l.asked,
			Answered:  l.answered,
		})
	}
	for _, c := range o.claims {
		s := ServiceFacts{Instance: c.label(), Type: c.reg.service.Type, Port: c.reg.service.Port}
		for _, l := range o.links {
			switch st := c.on[l.Index]; {
			case st == nil:
			case st.live:
				s.Live = append(s.Live, l.Name)
			default:
				s.Probing = append(s.Probing, l.Name)
			}
		}
		f.Services = append(f.Services, s)
	}
	return f
}
