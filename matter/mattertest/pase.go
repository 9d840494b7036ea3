package mattertest

import (
	"context"
	"errors"
	"net"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/pase"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
)

// ErrDevice is returned when the device's proof is wrong: it does not know the passcode that was given.
var ErrDevice = errors.New("mattertest: the device does not know this passcode")

// PASE establishes a session with a device as a commissioner does, and enters it in the table.
func PASE(ctx context.Context, ep *mrp.Endpoint, table *session.Table, to net.Addr, passcode uint32) (*session.Session, error) {
	ex, err := ep.NewPlainExchange(to, message.SecureChannel)
	if err != nil {
		return nil, err
	}
	defer ex.Close()
	id, err := table.Reserve()
	if err != nil {
		return nil, err
	}
	defer table.Release(id)
	own := session.OwnParams()
	request, err := pase.ParamRequest{Random: crypto.Random(32), SessionID: id, Params: &own}.Bytes()
	if err != nil {
		return nil, err
	}
	response, err := ask(ctx, ex, securechannel.OpPBKDFParamRequest, request, securechannel.OpPBKDFParamResponse)
	if err != nil {
		return nil, err
	}
	res, err := pase.ParseParamResponse(response)
	if err != nil {
		return nil, err
	}
	prover, err := crypto.NewProver(passcode, res.Salt, res.Iterations)
	if err != nil {
		return nil, err
	}
	pake1, err := pase.EncodeShare(prover.Share())
	if err != nil {
		return nil, err
	}
	pake2, err := ask(ctx, ex, securechannel.OpPake1, pake1, securechannel.OpPake2)
	if err != nil {
		return nil, err
	}
	parts, err := pase.ParseShare(pake2, crypto.PublicKeySize, 32)
	if err != nil {
		return nil, err
	}
	secrets, err := prover.Finish(crypto.Transcript{Context: pase.Context(request, response)}, parts[0])
	if err != nil {
		return nil, err
	}
	if !crypto.Equal(secrets.CB[:], parts[1]) {
		_ = ex.Send(ctx, securechannel.OpStatusReport, securechannel.Refused(securechannel.CodeInvalid).Bytes(), true)
		return nil, ErrDevice
	}
	pake3, err := pase.EncodeShare(secrets.CA[:])
	if err != nil {
		return nil, err
	}
	s, err := session.New(session.Config{ID: id, PeerID: res.SessionID, Kind: session.PASE, Initiator: true,
		Keys: crypto.DeriveSessionKeys(secrets.Ke[:], nil, crypto.InfoSession), Params: session.DefaultParams(), Route: ex.Route()})
	if err != nil {
		return nil, err
	}
	report, err := ask(ctx, ex, securechannel.OpPake3, pake3, securechannel.OpStatusReport)
	if err != nil {
		return nil, err
	}
	if err := succeeded(report); err != nil {
		return nil, err
	}
	_, err = table.Add(s)
	return s, err
}

func ask(ctx context.Context, ex *mrp.Exchange, opcode uint8, payload []byte, answer uint8) ([]byte, error) {
	if err := ex.Send(ctx, opcode, payload, true); err != nil {
		return nil, err
	}
	return securechannel.Expect(ctx, ex, answer)
}

func succeeded(report []byte) error {
	s, err := securechannel.ParseStatus(report)
	if err != nil {
		return err
	}
	return s.Err()
}
