package matter

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/im"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/pase"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/sigma"
)

// entrance is the door that a commissioning window opens.
type entrance struct{ s *Server }

// Open implements commissioning.Door.
func (e entrance) Open(secret commissioning.Secret, status commissioning.Status) error {
	s := e.s
	if status != commissioning.Enhanced {
		return s.let(newOpening(s.secret.Discriminator, status), s.window0(), false)
	}
	v, err := crypto.ParseVerifier(secret.Verifier)
	if err != nil {
		return &model.ClusterStatus{Status: model.Failure, Code: pakeParameterError}
	}
	return s.let(newOpening(secret.Discriminator, status), pase.Window{Verifier: v, Salt: secret.Salt, Iterations: int(secret.Iterations)}, false)
}

// pakeParameterError is AdministratorCommissioning's own status for a verifier that is none.
const pakeParameterError = 3

// window0 lets in who knows the node's own passcode.
func (s *Server) window0() pase.Window {
	return pase.Window{Verifier: s.secret.verifier, Salt: s.secret.salt, Iterations: s.secret.iterations}
}

// Close implements commissioning.Door.
func (e entrance) Close() { e.s.shut() }

// let opens the way in and has it announced.
func (s *Server) let(o *opening, w pase.Window, own bool) error {
	if err := s.pase.Open(w); err != nil {
		return err
	}
	s.mu.Lock()
	s.opening, s.own, s.spent = o, own, false
	s.mu.Unlock()
	s.poke()
	return nil
}

func (s *Server) shut() {
	s.pase.Close()
	s.mu.Lock()
	s.opening, s.own = nil, false
	s.mu.Unlock()
	s.poke()
}

// OpenWindow lets another ecosystem in with the node's own passcode for a while, 3 to 15 minutes: what an owner asks for, not
// an administrator. It fails with commissioning.ErrBusy when a window is open.
func (s *Server) OpenWindow(d time.Duration) error {
	if s.failsafe.Armed() {
		return commissioning.ErrBusy
	}
	d = min(max(d, commissioning.LeastTime), commissioning.MostTime)
	return s.window.Open(commissioning.Basic, commissioning.Secret{}, d, nil, nil)
}

// Commissionable says whether the node can be commissioned at the moment.
func (s *Server) Commissionable() bool { return s.pase.IsOpen() }

// RemoveFabric ends a membership, as the owner wants it.
func (s *Server) RemoveFabric(index uint8) error {
	s.failsafe.Forget(index)
	if err := s.table.Remove(index); err != nil && !errors.Is(err, fabric.ErrAbsent) {
		return err
	}
	s.window.FabricGone(index)
	return nil
}

// passcodeProved arms the fail-safe for whoever knows the passcode (Matter 1.4 section 5.5).
func (s *Server) passcodeProved(*session.Session) {
	if err := s.failsafe.Arm(&model.Caller{Auth: model.PASE}, 60*time.Second); err != nil {
		s.c.Failed(err)
	}
}

// passcodeFailed closes the window after too many wrong passcodes.
func (s *Server) passcodeFailed(err error, failures int) {
	s.failedIn(ErrPasscode)(err)
	if failures < pase.MaxFailures {
		return
	}
	s.mu.Lock()
	own := s.own
	s.spent = true
	s.mu.Unlock()
	if own {
		s.shut()
		return
	}
	_ = s.window.Close() // its time may have run out
}

// fabricChanged hears of every change of a membership. Another certificate, or none, ends the sessions that the old one
// began.
func (s *Server) fabricChanged(c fabric.Change) {
	if c.Kind == fabric.Removed || c.Kind == fabric.Renewed {
		s.endings.doom(s.sessions.All(func(each *session.Session) bool {
			return each.FabricIndex() == c.Index && each.Kind() == session.CASE
		}))
		s.mu.Lock()
		s.gone = append(s.gone, c.Index)
		if c.Kind == fabric.Removed {
			delete(s.heard, c.Index) // the index is given again
		}
		s.mu.Unlock()
	}
	s.poke()
}

// failsafeEnded ends the commissioner's session: what it began is complete or undone.
func (s *Server) failsafeEnded(e commissioning.End) {
	s.endings.doom(s.sessions.All(func(each *session.Session) bool { return each.Kind() == session.PASE }))
	s.mu.Lock()
	own := s.own
	s.mu.Unlock()
	if e.Completed && own {
		s.shut()
	}
	s.poke()
}

func (s *Server) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// care does what follows from changes, one after the other.
func (s *Server) care(ctx context.Context) {
	var announced []Advertisement
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		s.cleanUp()
		s.restructured()
		s.welcome()
		if now := s.advertisements(); !sameAdvertisements(now, announced) {
			s.c.Advertise(now)
			announced = now
		}
	}
}

// cleanUp drops what is left of fabrics that have gone or got another certificate.
func (s *Server) cleanUp() {
	s.mu.Lock()
	gone := s.gone
	s.gone = nil
	s.mu.Unlock()
	for _, index := range gone {
		if err := s.resume.ForgetFabric(index); err != nil {
			s.c.Failed(err)
		}
		if _, ok := s.table.Get(index); !ok {
			s.engine.FabricGone(index)
			s.log.Forget(index)
		}
	}
}

// welcome keeps the node open to a commissioner while it is in no fabric, unless too many have guessed.
func (s *Server) welcome() {
	s.mu.Lock()
	idle := s.opening == nil && !s.spent
	s.mu.Unlock()
	if !idle || len(s.table.All()) > 0 || s.failsafe.Armed() {
		return
	}
	if err := s.let(newOpening(s.secret.Discriminator, commissioning.Basic), s.window0(), true); err != nil {
		s.c.Failed(err)
	}
}

// trustedTime judges certificates; the zero time leaves their times out.
func (s *Server) trustedTime() time.Time {
	if now, trusted := s.c.Clock(); trusted {
		return now
	}
	return time.Time{}
}

// dial opens a session to a controller, to resume its subscription.
func (s *Server) dial(ctx context.Context, index uint8, node uint64, address string) (im.Session, error) {
	f, ok := s.table.Get(index)
	if !ok {
		return nil, fabric.ErrAbsent
	}
	at, err := s.find(ctx, instance(f.Compressed, node), address)
	if err != nil {
		return nil, err
	}
	each, err := sigma.Initiate(ctx, s.endpoint, s.sigma, at, f.Fabric, node)
	if err != nil {
		return nil, err
	}
	return controller{each, s.endpoint}, nil
}

// find returns where a controller is: where it says, else where it was.
func (s *Server) find(ctx context.Context, instance, address string) (net.Addr, error) {
	if s.c.Resolve != nil {
		if at, err := s.c.Resolve(ctx, instance); err == nil {
			return at, nil
		}
	}
	return s.c.ParseAddr(address)
}
