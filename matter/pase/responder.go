// Package pase establishes a session with whoever knows the device's passcode (Matter 1.4 4.14.1), while a commissioning
// window is open. There is one proof at a time, none while a PASE session lives, and twenty failed ones close the
// window. Whoever asks and then falls silent keeps nobody out.
package pase

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
)

// MaxFailures is how many failed handshakes close the window (Matter 1.4 5.5).
const MaxFailures = 20

// handshakeTime is how long a handshake may take in all (Matter 1.4 4.14.1.1).
const handshakeTime = 60 * time.Second

// What a peer that falls silent can hold. Asking takes no more than a place among some; the one place there is for a proof is
// taken with the first half of it.
const (
	mostAsking = 8                // peers that have asked and not begun their proof
	ofOneHost  = 2                // of those
	patience   = 5 * time.Second  // until one of them gives its place to a newcomer; a slow one needs 2 s for its proof
	askingTime = 30 * time.Second // until it must have begun
	provesTime = 15 * time.Second // until it must have ended, which is nothing but an answer on the network
)

// busyWait is when a peer is asked to come again.
const busyWait = 5 * time.Second

// ErrParameters is returned when a window cannot be opened as asked.
var ErrParameters = errors.New("pase: window parameters out of bounds")

var (
	errPasscode = errors.New("pase: the peer does not know the passcode")
	errBusy     = errors.New("pase: another handshake goes on")
)

// Window is what a commissioning window lets in.
type Window struct {
	Verifier   crypto.Verifier
	Salt       []byte
	Iterations int
	// For is how long the window stays open; 0 until it is closed.
	For time.Duration
}

// Config is what a Responder needs.
type Config struct {
	Sessions *session.Table
	Params   session.Params // how this node wants to be spoken to
	// Established hears of each new session, before the peer is told. The fail-safe is to be armed for 60 s now
	// (Matter 1.4 5.5); as long as the session lives there is no other.
	Established func(*session.Session)
	// Changed hears that the window was opened or closed, from within the call that did so: it must not wait, nor call
	// the Responder.
	Changed func(open bool)
	// Failed hears of a handshake that came to nothing, and of how many did since the window was opened.
	Failed func(err error, failures int)
}

// Responder serves PASE. Its methods may be used by several goroutines.
type Responder struct {
	cfg    Config
	asking securechannel.HalfOpen

	mu       sync.Mutex
	window   *Window
	timer    *time.Timer
	proving  bool // somebody has begun a proof
	failures int
}

// New makes a responder without a window.
func New(c Config) *Responder {
	return &Responder{cfg: c, asking: securechannel.HalfOpen{Limit: mostAsking, PerPeer: ofOneHost, Patience: patience}}
}

// Open opens the window, or replaces the one that is open.
func (r *Responder) Open(w Window) error {
	if len(w.Salt) < crypto.MinSalt || len(w.Salt) > crypto.MaxSalt || w.Iterations < crypto.MinIterations ||
		w.Iterations > crypto.MaxIterations || w.For < 0 {
		return ErrParameters
	}
	if _, err := crypto.ParseVerifier(w.Verifier.Bytes()); err != nil {
		return ErrParameters
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopTimer()
	w.Salt = append([]byte(nil), w.Salt...)
	r.window, r.failures = &w, 0
	if w.For > 0 {
		r.timer = time.AfterFunc(w.For, func() { r.expire(&w) })
	}
	r.changed(true)
	return nil
}

// Close closes the window. A handshake on the way fails.
func (r *Responder) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut()
}

// IsOpen says whether the window is open.
func (r *Responder) IsOpen() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window != nil
}

func (r *Responder) expire(w *Window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.window == w {
		r.shut()
	}
}

func (r *Responder) shut() {
	r.stopTimer()
	if r.window != nil {
		r.window = nil
		r.changed(false)
	}
}

func (r *Responder) stopTimer() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

func (r *Responder) changed(open bool) {
	if r.cfg.Changed != nil {
		r.cfg.Changed(open)
	}
}

// ask returns the window to a peer that asks. busy says that somebody else is at it; a nil window that none is open.
func (r *Responder) ask() (w *Window, busy bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.window == nil {
		return nil, false
	}
	return r.window, r.proving || r.cfg.Sessions.HasPASE()
}

// prove takes the one place there is for a proof.
func (r *Responder) prove() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proving || r.cfg.Sessions.HasPASE() {
		return false
	}
	r.proving = true
	return true
}

// finish gives the place back and counts a failure that had its try at the passcode.
func (r *Responder) finish(w *Window, err error, tried bool) {
	r.mu.Lock()
	if tried {
		r.proving = false
	}
	if err != nil && tried && r.window == w {
		if r.failures++; r.failures >= MaxFailures {
			r.shut()
		}
	}
	n := r.failures
	r.mu.Unlock()
	if err != nil && r.cfg.Failed != nil {
		r.cfg.Failed(err, n)
	}
}

// Handle serves one handshake; it is the mrp.ProtocolHandler of PBKDFParamRequest.
func (r *Responder) Handle(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	w, busy := r.ask()
	if w == nil {
		reply(ctx, ex, securechannel.Refused(securechannel.CodeInvalid))
		return
	}
	asking, leave, ok := r.asking.Enter(ctx, ex.Route().Addr)
	if busy || !ok {
		if ok {
			leave()
		}
		reply(ctx, ex, securechannel.Busy(busyWait))
		return
	}
	defer leave()
	tried := false
	err := r.serve(ctx, asking, ex, first.Payload, w, &tried)
	r.finish(w, err, tried)
	switch {
	case err == nil, errors.Is(err, mrp.ErrNoAnswer), errors.Is(err, mrp.ErrClosed), errors.Is(err, securechannel.ErrRefused):
	case errors.Is(err, errBusy):
		reply(ctx, ex, securechannel.Busy(busyWait))
	default:
		reply(ctx, ex, securechannel.Refused(securechannel.CodeInvalid))
	}
}

func reply(ctx context.Context, ex *mrp.Exchange, s securechannel.Status) {
	ex.Expendable()
	_ = ex.Send(ctx, securechannel.OpStatusReport, s.Bytes(), true) // the peer notices by itself what does not arrive
}

// serve runs the handshake, until the peer begins its proof within asking. tried is set as soon as it can learn whether its
// passcode is right.
func (r *Responder) serve(ctx, asking context.Context, ex *mrp.Exchange, request []byte, w *Window, tried *bool) error {
	req, err := ParseParamRequest(request)
	if err != nil {
		return err
	}
	if req.PasscodeID != 0 {
		return fmt.Errorf("pase: no passcode %d here", req.PasscodeID)
	}
	peer := session.DefaultParams()
	if req.Params != nil {
		peer = *req.Params
		ex.SetParams(peer)
	}
	id, err := r.cfg.Sessions.Reserve()
	if err != nil {
		return err
	}
	defer r.cfg.Sessions.Release(id)
	secrets, err := r.agree(ctx, asking, ex, request, req, id, w, tried)
	if err != nil {
		return err
	}
	s, err := session.New(session.Config{ID: id, PeerID: req.SessionID, Kind: session.PASE,
		Keys: crypto.DeriveSessionKeys(secrets.Ke[:], nil, crypto.InfoSession), Params: peer, Route: ex.Route()})
	if err != nil {
		return err
	}
	if !r.stillOpen(w) {
		return errors.New("pase: the window was closed during the handshake")
	}
	if _, err := r.cfg.Sessions.Add(s); err != nil {
		return err
	}
	if r.cfg.Established != nil {
		r.cfg.Established(s)
	}
	if err := ex.Send(ctx, securechannel.OpStatusReport, securechannel.Established().Bytes(), true); err != nil {
		r.cfg.Sessions.Remove(s)
		return err
	}
	return nil
}

func (r *Responder) stillOpen(w *Window) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.window == w
}

// agree answers the request and runs SPAKE2+ until the peer has proved the passcode.
func (r *Responder) agree(ctx, asking context.Context, ex *mrp.Exchange, request []byte, req ParamRequest, id uint16, w *Window, tried *bool) (crypto.Secrets, error) {
	res := ParamResponse{InitiatorRandom: req.Random, Random: crypto.Random(32), SessionID: id, Params: &r.cfg.Params}
	if !req.HasParams {
		res.Iterations, res.Salt = w.Iterations, w.Salt
	}
	response, err := res.Bytes()
	if err != nil {
		return crypto.Secrets{}, err
	}
	waiting, end := context.WithTimeout(asking, askingTime)
	defer end()
	pake1, err := exchange(waiting, ex, securechannel.OpPBKDFParamResponse, response, securechannel.OpPake1, crypto.PublicKeySize)
	switch {
	case err != nil && asking.Err() != nil && ctx.Err() == nil: // a newcomer has the place
		return crypto.Secrets{}, errBusy
	case err != nil:
		return crypto.Secrets{}, err
	case !r.prove():
		return crypto.Secrets{}, errBusy
	}
	*tried = true
	ctx, cancel := context.WithTimeout(ctx, provesTime)
	defer cancel()
	share, secrets, err := w.Verifier.Respond(crypto.Transcript{Context: Context(request, response)}, pake1)
	if err != nil {
		return crypto.Secrets{}, err
	}
	pake2, err := EncodeShare(share, secrets.CB[:])
	if err != nil {
		return crypto.Secrets{}, err
	}
	proof, err := exchange(ctx, ex, securechannel.OpPake2, pake2, securechannel.OpPake3, len(secrets.CA))
	if err != nil {
		return crypto.Secrets{}, err
	}
	if !crypto.Equal(proof, secrets.CA[:]) {
		return crypto.Secrets{}, errPasscode
	}
	return secrets, nil
}

// exchange sends a message and takes the one octet string of its answer.
func exchange(ctx context.Context, ex *mrp.Exchange, opcode uint8, payload []byte, answer uint8, size int) ([]byte, error) {
	if err := ex.Send(ctx, opcode, payload, true); err != nil {
		return nil, err
	}
	b, err := securechannel.Expect(ctx, ex, answer)
	if err != nil {
		return nil, err
	}
	parts, err := ParseShare(b, size)
	if err != nil {
		return nil, err
	}
	return parts[0], nil
}
