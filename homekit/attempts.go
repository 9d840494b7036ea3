package homekit

import (
	"errors"
	"time"
)

// armLimit is the longest time for which an owner may open pair-setup again after too many failures.
const armLimit = 15 * time.Minute

var errMaxTries = errors.New("too many failed pairings")

// lockedOut reports whether failures have closed pair-setup. It runs under setup.mu.
func (s *Server) lockedOut(now time.Time) bool {
	if s.vault.failureCount() < maxFailures {
		return false
	}
	return s.setup.armedLeft <= 0 || !now.Before(s.setup.armedUntil)
}

// countFailure takes one try off before it is made.
func (s *Server) countFailure() error {
	p := &s.setup
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.lockedOut(time.Now()) {
		return errMaxTries
	}
	if s.vault.failureCount() >= maxFailures {
		p.armedLeft--
	}
	return s.vault.setFailures(func(n uint32) uint32 { return min(n+1, 1<<31) })
}

func (s *Server) forgiveFailures() error {
	return s.vault.setFailures(func(uint32) uint32 { return 0 })
}

// Arm opens pair-setup for a time, at most 15 minutes and 10 tries, after failures have closed it. A restart closes it
// again. It changes nothing while pair-setup is open anyway.
func (s *Server) Arm(d time.Duration) {
	p := &s.setup
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armedUntil, p.armedLeft = time.Now().Add(min(d, armLimit)), maxFailures
}

// Pairable reports whether a controller can pair now with the setup code.
func (s *Server) Pairable() bool {
	s.setup.mu.Lock()
	defer s.setup.mu.Unlock()
	return s.vault.unpaired() && !s.lockedOut(time.Now())
}
