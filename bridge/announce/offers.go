package announce

import (
	"context"
	"slices"

	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/mdns"
)

// offer is a service beside those of the HomeKit servers.
type offer struct {
	service mdns.Service
	reg     *mdns.Registration // nil while there is no responder
}

func (o *offer) same(s mdns.Service) bool {
	return o.service.Instance == s.Instance && o.service.Type == s.Type && o.service.Port == s.Port && slices.Equal(o.service.Subtypes, s.Subtypes)
}

// Offer says what the network should see beside the HomeKit servers: exactly these services. It never waits.
func (a *Announcer) Offer(list []mdns.Service) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var next []*offer
	for _, s := range list {
		i := slices.IndexFunc(a.offers, func(o *offer) bool { return o.same(s) })
		if i < 0 {
			next = append(next, &offer{service: s})
			continue
		}
		o := a.offers[i]
		a.offers = slices.Delete(a.offers, i, i+1)
		if !slices.Equal(o.service.TXT, s.TXT) && o.reg != nil {
			if err := o.reg.Update(s.TXT); err != nil {
				a.opts.Log.Error().Err(err).Str("service", s.Type).Msg("announcement not updated")
			}
		}
		o.service = s
		next = append(next, o)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, o := range a.offers {
		if o.reg != nil {
			_ = o.reg.Withdraw(ended) // posted; the end of the context is that we do not wait
		}
	}
	a.offers = next
	a.publishOffers()
}

// publishOffers announces what is not announced yet, if there is a responder.
func (a *Announcer) publishOffers() {
	if a.responder == nil {
		return
	}
	for _, o := range a.offers {
		if o.reg != nil {
			continue
		}
		reg, err := a.responder.Publish(o.service)
		if err != nil {
			a.opts.Log.Error().Err(err).Str("service", o.service.Type).Msg("not announced")
			a.opts.Board.Raise(health.NoMulticast, o.service.Type, err.Error())
			continue
		}
		a.opts.Board.Clear(health.NoMulticast, o.service.Type)
		o.reg = reg
	}
}
