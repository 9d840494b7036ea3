package announce

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/mdns"
)

// Copy is somebody else who announces the identity of one of our servers: the same state is in use
// twice.
type Copy struct {
	Bridge    string // the device id
	Instance  string
	Host      string
	Addrs     []netip.Addr
	Interface string
}

// identity is the device id in a service's TXT record (HAP R2 6.4), empty if there is none.
func identity(txt []string) string {
	for _, t := range txt {
		if key, id, _ := strings.Cut(t, "="); strings.EqualFold(key, "id") {
			return strings.ToUpper(id)
		}
	}
	return ""
}

// heard takes note of what others announce.
func (a *Announcer) heard(e mdns.Entry) {
	at := e.Interface + "/" + e.Instance
	a.mu.Lock()
	defer a.mu.Unlock()
	id := identity(e.TXT)
	before := a.others[at].Bridge
	if e.Gone || e.Own || id == "" {
		id = ""
		delete(a.others, at)
	}
	for _, s := range a.servers {
		if mine := identity(s.ad.TXT); id != before && (mine == id || mine == before) {
			select {
			case a.soon <- struct{}{}:
			default:
			}
		}
	}
	if id == "" {
		return
	}
	a.others[at] = Copy{Bridge: id, Instance: e.Instance, Host: e.Host, Addrs: e.Addrs, Interface: e.Interface}
}

// copies lists who announces one of our servers, by the bridge's word.
func (a *Announcer) copies() map[string][]Copy {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string][]Copy{}
	for bridge, s := range a.servers {
		out[bridge] = nil
		for _, c := range a.others {
			ours := a.responder != nil && c.Host == a.responder.Hostname()
			if !ours && c.Bridge == identity(s.ad.TXT) {
				out[bridge] = append(out[bridge], c)
			}
		}
		slices.SortFunc(out[bridge], func(x, y Copy) int { return strings.Compare(x.Host+x.Interface, y.Host+y.Interface) })
	}
	return out
}

// tellCopies raises or clears what copies are a problem of.
func (a *Announcer) tellCopies() {
	for bridge, found := range a.copies() {
		if len(found) == 0 {
			a.opts.Board.Clear(health.CloneSeen, subject(bridge))
			continue
		}
		a.opts.Board.Raise(health.CloneSeen, subject(bridge), where(found[0]))
	}
}

// subject is what a problem of a server is about: the house, another bridge, or one device.
func subject(bridge string) string {
	if bridge == "main" {
		return ""
	}
	return strings.TrimPrefix(bridge, "own/")
}

// where says where a copy is, for people.
func where(c Copy) string {
	var addrs []string
	for _, addr := range c.Addrs {
		addrs = append(addrs, addr.String())
	}
	text := c.Host
	if len(addrs) > 0 {
		text += " (" + strings.Join(addrs, ", ") + ")"
	}
	return text
}

// Facts is what multicast DNS sees now, and who else announces our servers. Without a responder it is
// nothing.
func (a *Announcer) Facts(ctx context.Context) (mdns.Facts, []Copy) {
	a.mu.Lock()
	r := a.responder
	a.mu.Unlock()
	if r == nil {
		return mdns.Facts{}, nil
	}
	facts, err := r.Facts(ctx)
	if err != nil {
		return mdns.Facts{}, nil
	}
	var all []Copy
	for _, found := range a.copies() {
		all = append(all, found...)
	}
	return facts, all
}
