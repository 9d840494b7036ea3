package mdns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// ErrService says that a service cannot be published as it is described.
var ErrService = errors.New("bad service")

// Service is what a process offers under one name (RFC 6763 4).
type Service struct {
	Instance string   // the name people see, 1 to 63 bytes of UTF-8: "Villa Rose"
	Type     string   // "_hap._tcp"
	Subtypes []string // labels in front of "._sub": "_L840", "_CM" (RFC 6763 7.1)
	Port     int      // 1 to 65535
	TXT      []string // "key=value", the value any bytes (RFC 6763 6)
	// Fixed keeps the instance name through a conflict, for protocols in which the name means
	// something. The service is then not announced until the other one has gone.
	Fixed bool
	// Rename makes the n-th name to try after a conflict, n from 2; nil makes "Villa Rose (2)".
	Rename func(base string, n int) string `json:"-"`
}

func (s *Service) check() error {
	if err := validLabel(s.Instance); err != nil {
		return fmt.Errorf("%w: instance %w", ErrService, err)
	}
	if err := validType(s.Type); err != nil {
		return fmt.Errorf("%w: type %w", ErrService, err)
	}
	for _, sub := range s.Subtypes {
		if err := validLabel(sub); err != nil {
			return fmt.Errorf("%w: subtype %w", ErrService, err)
		}
	}
	if s.Port < 1 || s.Port > 65535 {
		return fmt.Errorf("%w: port %d", ErrService, s.Port)
	}
	if err := validTXT(s.TXT); err != nil {
		return fmt.Errorf("%w: %w", ErrService, err)
	}
	return nil
}

// sets are the records of the service under the given instance and host names (RFC 6763 4, 7, 9).
func (s *Service) sets(name, host string) []*rrset {
	kind := s.Type + "." + domain
	sets := []*rrset{
		newSet(true, &dns.SRV{Hdr: header(name, dns.TypeSRV, hostTTL), Port: uint16(s.Port), Target: host}),
		newSet(true, &dns.TXT{Hdr: header(name, dns.TypeTXT, otherTTL), Txt: encodeTXT(s.TXT)}),
		newSet(false, ptr(kind, name)),
		newSet(false, ptr(enumeration, kind)),
	}
	for _, sub := range s.Subtypes {
		sets = append(sets, newSet(false, ptr(escapeLabel(sub)+"._sub."+kind, name)))
	}
	return sets
}

// Registration is a published service. Its methods may be called from any goroutine.
type Registration struct {
	responder *Responder
	service   Service
	name      atomic.Pointer[string]
	renamed   chan string
	once      sync.Once
	live      chan struct{}
}

func newRegistration(r *Responder, s Service) *Registration {
	s.Subtypes, s.TXT = slices.Clone(s.Subtypes), slices.Clone(s.TXT)
	g := &Registration{responder: r, service: s, renamed: make(chan string, 1), live: make(chan struct{})}
	g.name.Store(&s.Instance)
	return g
}

// Name is the instance name now: the one asked for, or another one after a conflict.
func (g *Registration) Name() string { return *g.name.Load() }

// Renamed delivers the new instance name after a conflict. Only the newest is kept.
func (g *Registration) Renamed() <-chan string { return g.renamed }

// Established is closed once the name was probed and the service announced on an interface. It stays
// open as long as there is no network.
func (g *Registration) Established() <-chan struct{} { return g.live }

// Update replaces the TXT record and announces it. It returns at once; updates take effect in the
// order of the calls, and a burst of them is announced once a second (RFC 6762 8.4).
func (g *Registration) Update(txt []string) error {
	if err := validTXT(txt); err != nil {
		return fmt.Errorf("mdns: update: %w", err)
	}
	txt = slices.Clone(txt)
	if !g.responder.mail.post(func(o *owner) { o.update(g, txt) }) {
		return ErrClosed
	}
	return nil
}

// Withdraw says goodbye and forgets the service. It returns when the goodbye was sent or ctx ended;
// the service is gone in both cases.
func (g *Registration) Withdraw(ctx context.Context) error {
	if !g.responder.started.Load() {
		g.responder.mail.post(func(o *owner) { o.withdraw(g, time.Now()) })
		return nil
	}
	err := g.responder.ask(ctx, func(o *owner) { o.withdraw(g, time.Now()) })
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// rename runs on the owner.
func (g *Registration) rename(name string) {
	g.name.Store(&name)
	select {
	case <-g.renamed:
	default:
	}
	g.renamed <- name
}

func (g *Registration) establish() { g.once.Do(func() { close(g.live) }) }
