package mattertest

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/im"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/sigma"
	"github.com/loquet/loquet/matter/tlv"
)

// ErrAnswer is returned for an answer that a controller cannot make sense of.
var ErrAnswer = errors.New("mattertest: not the answer to this")

// Controller is an administrator of a fabric: it commissions a node and uses it.
type Controller struct {
	*Node
	Authority *Authority
	Self      session.Fabric
	// Reports get every report of a subscription; it must be read while one lives.
	Reports chan Report
}

// NewController makes a controller with that node id at a name in the network.
func NewController(t testing.TB, n *Network, name string, a *Authority, id uint64) *Controller {
	t.Helper()
	return NewControllerOn(t, n.Listen(name), a, id)
}

// NewControllerOn makes a controller that speaks over a socket, which it closes at the end of the test.
func NewControllerOn(t testing.TB, conn net.PacketConn, a *Authority, id uint64) *Controller {
	t.Helper()
	c := &Controller{Authority: a, Self: a.Member(t, 1, id), Reports: make(chan Report, 16)}
	sessions := session.NewTable(session.DefaultSize)
	channel := securechannel.Handler{CASE: sigma.NewResponder(c.sigma(sessions)).Handle}
	c.Node = NewNodeOn(t, conn, sessions, channel, map[uint32]mrp.ProtocolHandler{message.InteractionModel: c.reported})
	return c
}

func (c *Controller) sigma(sessions *session.Table) sigma.Config {
	return sigma.Config{Sessions: sessions, Fabrics: c, Params: session.OwnParams()}
}

// Fabrics implements sigma.FabricLookup.
func (c *Controller) Fabrics() []session.Fabric { return []session.Fabric{c.Self} }

// PASE establishes a session with the passcode.
func (c *Controller) PASE(ctx context.Context, to net.Addr, passcode uint32) (*session.Session, error) {
	return PASE(ctx, c.Endpoint, c.Sessions, to, passcode)
}

// CASE establishes a session with a node of the fabric.
func (c *Controller) CASE(ctx context.Context, to net.Addr, node uint64) (*session.Session, error) {
	return sigma.Initiate(ctx, c.Endpoint, c.sigma(c.Sessions), to, c.Self, node)
}

// Certify makes a node's certificate for a public key.
func (a *Authority) Certify(t testing.TB, publicKey []byte, node uint64) []byte {
	t.Helper()
	issuer, issuerKey := a.root, a.RootKey
	if a.icac != nil {
		issuer, issuerKey = a.icac, a.ICACKey
	}
	by, err := crypto.PublicKey(issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	return Signed(t, &cert.Cert{Serial: []byte{4, 5, 6}, Issuer: issuer.Subject, PublicKey: publicKey, NotBefore: 0x2B3C0000,
		Subject: cert.Name{{Tag: cert.AttrNodeID, Number: node}, {Tag: cert.AttrFabricID, Number: a.FabricID}}, Extensions: cert.NewExtensions(false, publicKey, by)}, issuerKey)
}

// Commission goes through all of commissioning, in the order of matter.js, and returns the session with the new member.
func (c *Controller) Commission(ctx context.Context, t testing.TB, to net.Addr, passcode uint32, node uint64) (*session.Session, error) {
	t.Helper()
	s, err := c.Join(ctx, t, to, passcode, node)
	if err != nil {
		return nil, err
	}
	operational, err := c.CASE(ctx, to, node)
	if err != nil {
		return nil, fmt.Errorf("CASE: %w", err)
	}
	f, err := c.Invoke(ctx, operational, Command{0, 0x30, 4, nil, false})
	if err != nil || f.Uint8(0) != 0 {
		return nil, fmt.Errorf("complete: %w", err)
	}
	select {
	case <-s.Done(): // the node ends the session with the passcode
	case <-time.After(time.Second): // and tells so once, which may get lost
	}
	return operational, nil
}

// Join goes through commissioning until the node has its certificate, and returns the session with the passcode.
func (c *Controller) Join(ctx context.Context, t testing.TB, to net.Addr, passcode uint32, node uint64) (*session.Session, error) {
	t.Helper()
	s, err := c.PASE(ctx, to, passcode)
	if err != nil {
		return nil, fmt.Errorf("PASE: %w", err)
	}
	steps := []struct {
		name    string
		command Command
		take    func(f *tlv.Fields) error
	}{
		{"arm", Command{0, 0x30, 0, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 60); w.Uint(tlv.Context(1), 1) }, false}, nil},
		{"regulatory", Command{0, 0x30, 2, func(w *tlv.Writer) {
			w.Uint(tlv.Context(0), 2)
			w.Text(tlv.Context(1), "XX")
			w.Uint(tlv.Context(2), 2)
		}, false}, nil},
		{"DAC", Command{0, 0x3E, 2, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1) }, false}, nil},
		{"PAI", Command{0, 0x3E, 2, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 2) }, false}, nil},
		{"attestation", Command{0, 0x3E, 0, func(w *tlv.Writer) { w.Octets(tlv.Context(0), crypto.Random(32)) }, false}, nil},
	}
	for _, step := range steps {
		if _, err := c.Invoke(ctx, s, step.command); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	key, err := c.request(ctx, s)
	if err != nil {
		return nil, err
	}
	if _, err := c.Invoke(ctx, s, Command{0, 0x3E, 11, func(w *tlv.Writer) { w.Octets(tlv.Context(0), c.Authority.Root) }, false}); err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	f, err := c.Invoke(ctx, s, Command{0, 0x3E, 6, func(w *tlv.Writer) {
		w.Octets(tlv.Context(0), c.Authority.Certify(t, key, node))
		w.Octets(tlv.Context(1), c.Authority.ICAC) // empty for none, as controllers send it
		w.Octets(tlv.Context(2), c.Authority.EpochKey)
		w.Uint(tlv.Context(3), c.Self.NodeID)
		w.Uint(tlv.Context(4), 0xFFF1)
	}, false})
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if status := f.Uint8(0); status != 0 {
		return nil, fmt.Errorf("%w: certificate refused with %d", ErrAnswer, status)
	}
	return s, nil
}

// request asks for a key to certify.
func (c *Controller) request(ctx context.Context, s *session.Session) ([]byte, error) {
	f, err := c.Invoke(ctx, s, Command{0, 0x3E, 4, func(w *tlv.Writer) { w.Octets(tlv.Context(0), crypto.Random(32)) }, false})
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	e, err := tlv.Decode(f.Octets(0, 1, 900))
	if err != nil {
		return nil, err
	}
	csr, err := x509.ParseCertificateRequest(tlv.OpenStruct(e).Octets(1, 1, 600))
	if err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, err
	}
	return publicKey(csr)
}

// Command is a command to invoke.
type Command struct {
	Endpoint uint16
	Cluster  uint32
	ID       uint32
	Fill     func(w *tlv.Writer) // its fields; nil for none
	Timed    bool                // after a timed request
}

// Invoke sends a command and returns the fields of what answers it. A status that is no success is an error, a
// model.Status or *model.ClusterStatus.
func (c *Controller) Invoke(ctx context.Context, s *session.Session, command Command) (*tlv.Fields, error) {
	x, err := c.Endpoint.NewExchange(s, im.Protocol)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	if command.Timed {
		if err := announce(ctx, x); err != nil {
			return nil, err
		}
	}
	payload := structure(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), false)
		w.Bool(tlv.Context(1), command.Timed)
		w.Array(tlv.Context(2))
		w.Struct(tlv.Anonymous())
		w.List(tlv.Context(0))
		w.Uint(tlv.Context(0), uint64(command.Endpoint))
		w.Uint(tlv.Context(1), uint64(command.Cluster))
		w.Uint(tlv.Context(2), uint64(command.ID))
		w.End()
		w.Struct(tlv.Context(1))
		if command.Fill != nil {
			command.Fill(w)
		}
		w.End()
		w.End()
		w.End()
	})
	answer, err := request(ctx, x, im.OpInvokeRequest, payload, im.OpInvokeResponse)
	if err != nil {
		return nil, err
	}
	for r := range answer.Array(1).Members() {
		f := tlv.OpenStruct(r)
		if f.Has(0) {
			return f.Struct(0).Struct(1), nil
		}
		status := f.Struct(1).Struct(1)
		if own, ok := status.OptionalUint(1, 255); ok {
			return nil, &model.ClusterStatus{Status: model.Status(status.Uint8(0)), Code: uint8(own)}
		}
		if code := status.Uint8(0); code != 0 {
			return nil, model.Status(code)
		}
	}
	return answer, answer.Err()
}
