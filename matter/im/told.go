package im

import "slices"

// confirmed notes that the controller has all that was taken to be told.
func (s *subscription) confirmed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = true
}

// told says whether the controller has confirmed how an endpoint is.
func (s *subscription) told(endpoint uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shown || s.all || !slices.ContainsFunc(s.req.Attributes, func(p AttributePath) bool { return p.Endpoint == nil || *p.Endpoint == endpoint }) {
		return false
	}
	for change := range s.dirty {
		if change.Endpoint == endpoint {
			return false
		}
	}
	return true
}

// Told says whether a controller of a fabric has confirmed, over a subscription, how an endpoint is: all of an ecosystem
// hears of a device through one of its controllers. A device that a fabric was not told of may be asked again for what it
// was asked before.
func (e *Engine) Told(fabric uint8, endpoint uint16) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.subscriptions {
		if s.fabric == fabric && s.told(endpoint) {
			return true
		}
	}
	return false
}
