package sigma

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
)

// handshakeTime is how long a handshake may take in all.
const handshakeTime = 30 * time.Second

// busyWait is when a peer is asked to come again.
const busyWait = time.Second

// patience is how long a handshake is safe from giving up its place to another. A first message that somebody recorded and
// sends again begins one that never ends by itself: it must not keep others out.
const patience = 2 * time.Second

// FabricLookup says what fabrics this node is on, one that is being added among them.
type FabricLookup interface {
	Fabrics() []session.Fabric
}

// Config is what both sides of CASE need.
type Config struct {
	Sessions    *session.Table
	Fabrics     FabricLookup
	Resumptions *Resumptions   // nil: every session is established with certificates
	Params      session.Params // how this node wants to be spoken to
	// Now is the time against which certificates are judged; nil, or a zero time, for a clock that is not trusted.
	Now func() time.Time
	// MaxHandshakes is how many peers are answered at once; 0 is 4. A further one takes the place of the oldest if that
	// has kept its peer waiting for two seconds, and is asked to come again otherwise.
	MaxHandshakes int
	// Established hears of each new session, before the peer is told. It must not wait.
	Established func(*session.Session)
	// Evicted hears of a session that ended to make room, so that its peer can be told (securechannel.Farewell).
	Evicted func(*session.Session)
	// Failed hears of a handshake that came to nothing.
	Failed func(error)
}

func (c *Config) now() time.Time {
	if c.Now == nil {
		return time.Time{}
	}
	return c.Now()
}

// admit enters an established session.
func (c *Config) admit(s *session.Session) error {
	evicted, err := c.Sessions.Add(s)
	if err != nil {
		return err
	}
	if evicted != nil && c.Evicted != nil {
		c.Evicted(evicted)
	}
	if c.Established != nil {
		c.Established(s)
	}
	return nil
}

func (c *Config) remember(r resumption) {
	if c.Resumptions == nil {
		return
	}
	if err := c.Resumptions.keep(r); err != nil && c.Failed != nil {
		c.Failed(step("keeping the resumption", err))
	}
}

// Responder serves CASE. Its methods may be used by several goroutines.
type Responder struct {
	cfg      Config
	halfOpen *securechannel.HalfOpen
	seen     *seen
}

// NewResponder makes a responder.
func NewResponder(c Config) *Responder {
	if c.MaxHandshakes <= 0 {
		c.MaxHandshakes = 4
	}
	return &Responder{cfg: c, halfOpen: &securechannel.HalfOpen{Limit: c.MaxHandshakes, Patience: patience}, seen: &seen{all: map[[randomSize]byte]bool{}}}
}

// Handle serves one handshake; it is the mrp.ProtocolHandler of Sigma1.
func (r *Responder) Handle(ctx context.Context, ex *mrp.Exchange, first mrp.Message) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	err := r.serve(ctx, ex, first.Payload)
	if err == nil {
		return
	}
	if r.cfg.Failed != nil {
		r.cfg.Failed(err)
	}
	var status securechannel.Status
	switch {
	case errors.Is(err, errBusy):
		status = securechannel.Busy(busyWait)
	case errors.Is(err, ErrNoFabric):
		status = securechannel.Refused(securechannel.CodeNoSharedRoots)
	case errors.Is(err, errReplay), errors.Is(err, mrp.ErrNoAnswer), errors.Is(err, mrp.ErrClosed), errors.Is(err, securechannel.ErrRefused):
		return
	default:
		status = securechannel.Refused(securechannel.CodeInvalid)
	}
	ex.Expendable()
	_ = ex.Send(ctx, securechannel.OpStatusReport, status.Bytes(), true) // the peer notices by itself what does not arrive
}

var (
	errBusy   = errors.New("sigma: too many handshakes")
	errReplay = errors.New("sigma: a first message that was here before")
)

func (r *Responder) serve(ctx context.Context, ex *mrp.Exchange, first []byte) error {
	m, err := parseSigma1(first)
	if err != nil {
		return step("Sigma1", err)
	}
	rec, fabric, resumes := r.resumable(m)
	var ipk []byte
	if !resumes {
		if fabric, ipk, err = r.find(m); err != nil {
			return err
		}
	}
	if r.seen.has(m.random) {
		return errReplay
	}
	inside, leave, ok := r.halfOpen.Enter(ctx, ex.Route().Addr)
	if !ok {
		return errBusy
	}
	defer leave()
	r.seen.add(m.random)
	peer := session.DefaultParams()
	if m.params != nil {
		peer = *m.params
		ex.SetParams(peer)
	}
	id, err := r.cfg.Sessions.Reserve()
	if err != nil {
		return errBusy
	}
	defer r.cfg.Sessions.Release(id)
	base := session.Config{ID: id, PeerID: m.sessionID, Kind: session.CASE, FabricIndex: fabric.Index, LocalNode: fabric.NodeID,
		Params: peer, Route: ex.Route()}
	if resumes {
		return step("resumption", r.resume(inside, ex, m, rec, base))
	}
	s, rec, err := r.full(inside, ex, m, first, fabric, ipk, base)
	if err != nil {
		return err
	}
	leave() // whether the peer has heard the last word is its own affair: that keeps nobody out
	if err := ex.Send(ctx, securechannel.OpStatusReport, securechannel.Established().Bytes(), true); err != nil {
		r.cfg.Sessions.Remove(s)
		return step("the last word", err)
	}
	r.cfg.remember(rec)
	return nil
}

// resumable finds the record a Sigma1 refers to, and makes sure that it was made by the one who has the other half.
func (r *Responder) resumable(m sigma1) (resumption, session.Fabric, bool) {
	if m.resumptionID == nil || r.cfg.Resumptions == nil {
		return resumption{}, session.Fabric{}, false
	}
	rec, ok := r.cfg.Resumptions.byID(m.resumptionID)
	if !ok || checkResumeMIC(rec.secret, m.random, m.resumptionID, m.mic, infoResume1, nonceResume1) != nil {
		return resumption{}, session.Fabric{}, false
	}
	for _, f := range r.cfg.Fabrics.Fabrics() {
		if f.Compressed == rec.compressed && f.Index == rec.fabric {
			return rec, f, true
		}
	}
	return resumption{}, session.Fabric{}, false
}

// find looks for the fabric, and the key in use by the peer, that a Sigma1 asks for.
func (r *Responder) find(m sigma1) (session.Fabric, []byte, error) {
	for _, f := range r.cfg.Fabrics.Fabrics() {
		for _, ipk := range f.IPKs {
			if crypto.Equal(destination(ipk, m.random, f.RootKey, f.FabricID, f.NodeID), m.destination) {
				return f, ipk, nil
			}
		}
	}
	return session.Fabric{}, nil, ErrNoFabric
}

// resume answers a resumption.
func (r *Responder) resume(ctx context.Context, ex *mrp.Exchange, m sigma1, rec resumption, base session.Config) error {
	next := crypto.Random(resumptionSize)
	mic, err := resumeMIC(rec.secret, m.random, next, infoResume2, nonceResume2)
	if err != nil {
		return err
	}
	answer, err := sigma2Resume{resumptionID: next, mic: mic, sessionID: base.ID, params: &r.cfg.Params}.bytes()
	if err != nil {
		return err
	}
	base.PeerNode, base.CATs = rec.node, rec.cats
	base.Keys = crypto.DeriveSessionKeys(rec.secret, join(m.random, m.resumptionID), crypto.InfoResumption)
	s, err := session.New(base)
	if err != nil {
		return err
	}
	// The peer may use the session as soon as it has the answer.
	if err := r.cfg.admit(s); err != nil {
		return err
	}
	err = ex.Send(ctx, securechannel.OpSigma2Resume, answer, true)
	if err == nil {
		err = expectSuccess(ctx, ex)
	}
	if err != nil {
		r.cfg.Sessions.Remove(s)
		return err
	}
	rec.id = next
	r.cfg.remember(rec)
	return nil
}

func expectSuccess(ctx context.Context, ex *mrp.Exchange) error {
	b, err := securechannel.Expect(ctx, ex, securechannel.OpStatusReport)
	if err != nil {
		return err
	}
	s, err := securechannel.ParseStatus(b)
	if err != nil {
		return err
	}
	return s.Err()
}

// full answers with certificates and takes the peer's; the peer has not been told yet.
func (r *Responder) full(ctx context.Context, ex *mrp.Exchange, m sigma1, first []byte, f session.Fabric, ipk []byte, base session.Config) (*session.Session, resumption, error) {
	key, err := crypto.NewEphemeral()
	if err != nil {
		return nil, resumption{}, err
	}
	ours := key.PublicKey().Bytes()
	secret, err := crypto.Agree(key, m.ephemeral)
	if err != nil {
		return nil, resumption{}, step("Sigma1", err)
	}
	resumptionID := crypto.Random(resumptionSize)
	me, err := own(f, ours, m.ephemeral, resumptionID)
	if err != nil {
		return nil, resumption{}, err
	}
	text, err := me.bytes()
	if err != nil {
		return nil, resumption{}, err
	}
	random := crypto.Random(randomSize)
	sealed, err := seal(crypto.Derive(secret, join(ipk, random, ours, crypto.Hash(first)), infoSigma2, crypto.KeySize), nonceSigma2, text)
	if err != nil {
		return nil, resumption{}, err
	}
	second, err := sigma2{random: random, sessionID: base.ID, ephemeral: ours, sealed: sealed, params: &r.cfg.Params}.bytes()
	if err != nil {
		return nil, resumption{}, err
	}
	if err := ex.Send(ctx, securechannel.OpSigma2, second, true); err != nil {
		return nil, resumption{}, step("Sigma2", err)
	}
	third, err := securechannel.Expect(ctx, ex, securechannel.OpSigma3)
	if err != nil {
		return nil, resumption{}, step("Sigma3", err)
	}
	peer, err := r.open(third, f, ipk, secret, first, second, m.ephemeral, ours)
	if err != nil {
		return nil, resumption{}, step("Sigma3", err)
	}
	base.PeerNode, base.CATs = peer.NodeID(), peer.CATs()
	base.Keys = crypto.DeriveSessionKeys(secret, join(ipk, crypto.Hash(first, second, third)), crypto.InfoSession)
	s, err := session.New(base)
	if err != nil {
		return nil, resumption{}, err
	}
	if err := r.cfg.admit(s); err != nil {
		return nil, resumption{}, err
	}
	return s, resumption{id: resumptionID, secret: secret, fabric: f.Index, compressed: f.Compressed, node: base.PeerNode, cats: base.CATs}, nil
}
