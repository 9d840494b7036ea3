package sigma

import (
	"context"
	"crypto/ecdh"
	"fmt"
	"net"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
)

// Initiate establishes a session with a node of a fabric at an address: to resume a subscription after a restart, or
// as a controller does. A node met before is asked to resume first.
func Initiate(ctx context.Context, ep *mrp.Endpoint, c Config, to net.Addr, f session.Fabric, node uint64) (*session.Session, error) {
	if len(f.IPKs) == 0 {
		return nil, fmt.Errorf("%w: it has no keys", ErrNoFabric)
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	ex, err := ep.NewPlainExchange(to, message.SecureChannel)
	if err != nil {
		return nil, err
	}
	defer ex.Close()
	id, err := c.Sessions.Reserve()
	if err != nil {
		return nil, err
	}
	defer c.Sessions.Release(id)
	i := initiator{cfg: &c, ex: ex, fabric: f, node: node, id: id}
	s, err := i.run(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

type initiator struct {
	cfg    *Config
	ex     *mrp.Exchange
	fabric session.Fabric
	node   uint64
	id     uint16
}

func (i *initiator) run(ctx context.Context) (*session.Session, error) {
	key, err := crypto.NewEphemeral()
	if err != nil {
		return nil, err
	}
	ours, random := key.PublicKey().Bytes(), crypto.Random(randomSize)
	f, ipk := i.fabric, i.fabric.IPKs[0]
	m := sigma1{random: random, sessionID: i.id, destination: destination(ipk, random, f.RootKey, f.FabricID, i.node), ephemeral: ours,
		params: &i.cfg.Params}
	var rec resumption
	if i.cfg.Resumptions != nil {
		var known bool
		if rec, known = i.cfg.Resumptions.byPeer(f.Compressed, i.node); known {
			m.resumptionID = rec.id
			if m.mic, err = resumeMIC(rec.secret, random, rec.id, infoResume1, nonceResume1); err != nil {
				return nil, err
			}
		}
	}
	first, err := m.bytes()
	if err != nil {
		return nil, err
	}
	if err := i.ex.Send(ctx, securechannel.OpSigma1, first, true); err != nil {
		return nil, step("Sigma1", err)
	}
	answer, err := i.ex.Receive(ctx)
	if err != nil {
		return nil, step("Sigma1", err)
	}
	switch {
	case answer.Opcode == securechannel.OpSigma2Resume && m.resumptionID != nil:
		return i.resumed(ctx, answer.Payload, m, rec)
	case answer.Opcode == securechannel.OpSigma2:
		return i.full(ctx, first, answer.Payload, ours, ipk, key)
	case answer.Opcode == securechannel.OpStatusReport:
		s, err := securechannel.ParseStatus(answer.Payload)
		if err != nil {
			return nil, err
		}
		if err := s.Err(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("sigma: message %#x out of turn", answer.Opcode)
}

// refuse tells the peer that its answer is not right.
func (i *initiator) refuse(ctx context.Context, err error) (*session.Session, error) {
	_ = i.ex.Send(ctx, securechannel.OpStatusReport, securechannel.Refused(securechannel.CodeInvalid).Bytes(), true) // our error is what counts
	return nil, err
}

func (i *initiator) base(peer uint16, params *session.Params) session.Config {
	p := session.DefaultParams()
	if params != nil {
		p = *params
		i.ex.SetParams(p)
	}
	return session.Config{ID: i.id, PeerID: peer, Kind: session.CASE, Initiator: true, FabricIndex: i.fabric.Index,
		LocalNode: i.fabric.NodeID, PeerNode: i.node, Params: p, Route: i.ex.Route()}
}

func (i *initiator) resumed(ctx context.Context, payload []byte, m sigma1, rec resumption) (*session.Session, error) {
	a, err := parseSigma2Resume(payload)
	if err == nil {
		err = checkResumeMIC(rec.secret, m.random, a.resumptionID, a.mic, infoResume2, nonceResume2)
	}
	if err != nil {
		return i.refuse(ctx, step("Sigma2Resume", err))
	}
	base := i.base(a.sessionID, a.params)
	base.CATs = rec.cats
	base.Keys = crypto.DeriveSessionKeys(rec.secret, join(m.random, m.resumptionID), crypto.InfoResumption)
	s, err := session.New(base)
	if err != nil {
		return nil, err
	}
	if err := i.cfg.admit(s); err != nil {
		return nil, err
	}
	if err := i.ex.Send(ctx, securechannel.OpStatusReport, securechannel.Established().Bytes(), true); err != nil {
		i.cfg.Sessions.Remove(s)
		return nil, step("the last word", err)
	}
	rec.id = a.resumptionID
	i.cfg.remember(rec)
	return s, nil
}

func (i *initiator) full(ctx context.Context, first, second, ours, ipk []byte, key *ecdh.PrivateKey) (*session.Session, error) {
	m, err := parseSigma2(second)
	if err != nil {
		return i.refuse(ctx, step("Sigma2", err))
	}
	base := i.base(m.sessionID, m.params)
	secret, err := crypto.Agree(key, m.ephemeral)
	if err != nil {
		return i.refuse(ctx, step("Sigma2", err))
	}
	peer, err := i.open(m, secret, first, ours, ipk)
	if err != nil {
		return i.refuse(ctx, step("Sigma2", err))
	}
	third, err := i.third(secret, first, second, ours, m.ephemeral, ipk)
	if err != nil {
		return nil, err
	}
	if err := i.ex.Send(ctx, securechannel.OpSigma3, third, true); err != nil {
		return nil, step("Sigma3", err)
	}
	if err := expectSuccess(ctx, i.ex); err != nil {
		return nil, step("Sigma3", err)
	}
	base.CATs = peer.cats
	base.Keys = crypto.DeriveSessionKeys(secret, join(ipk, crypto.Hash(first, second, third)), crypto.InfoSession)
	s, err := session.New(base)
	if err != nil {
		return nil, err
	}
	if err := i.cfg.admit(s); err != nil {
		return nil, err
	}
	i.cfg.remember(resumption{id: peer.resumptionID, secret: secret, fabric: i.fabric.Index, compressed: i.fabric.Compressed, node: i.node, cats: peer.cats})
	return s, nil
}

type proven struct {
	cats         []uint32
	resumptionID []byte
}

// open decrypts Sigma2 and checks that the peer is the node that was asked for.
func (i *initiator) open(m sigma2, secret, first, ours, ipk []byte) (proven, error) {
	salt := join(ipk, m.random, m.ephemeral, crypto.Hash(first))
	text, err := unseal(crypto.Derive(secret, salt, infoSigma2, crypto.KeySize), nonceSigma2, m.sealed)
	if err != nil {
		return proven{}, err
	}
	id, err := parseIdentity(text, true)
	if err != nil {
		return proven{}, err
	}
	noc, err := check(i.fabric, id, m.ephemeral, ours, i.cfg.now())
	if err != nil {
		return proven{}, err
	}
	if noc.NodeID() != i.node {
		return proven{}, errPeer
	}
	return proven{noc.CATs(), id.resumptionID}, nil
}

func (i *initiator) third(secret, first, second, ours, theirs, ipk []byte) ([]byte, error) {
	me, err := own(i.fabric, ours, theirs, nil)
	if err != nil {
		return nil, err
	}
	text, err := me.bytes()
	if err != nil {
		return nil, err
	}
	sealed, err := seal(crypto.Derive(secret, join(ipk, crypto.Hash(first, second)), infoSigma3, crypto.KeySize), nonceSigma3, text)
	if err != nil {
		return nil, err
	}
	return sigma3(sealed)
}
