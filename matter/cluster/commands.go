package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Invoke implements model.Invoker.
func (o *OperationalCredentials) Invoke(_ context.Context, c *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	f := tlv.OpenStruct(fields)
	switch id {
	case attestationRequest:
		return o.attest(c, f)
	case chainRequest:
		return o.chain(f)
	case csrRequest:
		return o.csr(c, f)
	case addTrustedRoot:
		return nil, o.addRoot(c, f)
	case addNOC:
		return o.add(c, f)
	case updateNOC:
		return o.update(c, f)
	case updateFabricLabel:
		return o.label(c, f)
	case removeFabric:
		return o.remove(f)
	case setVerification:
		return nil, o.setVerification(c, f)
	}
	return o.signVerification(c, f)
}

// attest proves what the device is (Matter 1.4 section 6.2.3).
func (o *OperationalCredentials) attest(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	nonce := f.Octets(0, nonceSize, nonceSize)
	if err := f.Err(); err != nil {
		return nil, wrongSize(err)
	}
	elements := model.Structure(func(w *tlv.Writer) {
		w.Octets(tlv.Context(1), o.attestation.Declaration())
		w.Octets(tlv.Context(2), nonce)
		w.Uint(tlv.Context(3), 0)
	})
	return o.signed(c, elements)
}

// wrongSize makes an octet string of another size an invalid command, as the sections on attestation want it.
func wrongSize(err error) error {
	if errors.Is(err, tlv.ErrType) {
		return model.InvalidCommand
	}
	return err
}

func (o *OperationalCredentials) signed(c *model.Caller, elements []byte) ([]byte, error) {
	signature, err := o.attestation.Sign(elements, c.Challenge)
	if err != nil {
		return nil, err
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Octets(tlv.Context(0), elements)
		w.Octets(tlv.Context(1), signature)
	}), nil
}

func (o *OperationalCredentials) chain(f *tlv.Fields) ([]byte, error) {
	kind := f.Uint8(0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	var certificate []byte
	switch kind {
	case certificateChainDAC:
		certificate = o.attestation.DAC()
	case certificateChainPAI:
		certificate = o.attestation.PAI()
	default:
		return nil, model.InvalidCommand
	}
	return model.Structure(func(w *tlv.Writer) { w.Octets(tlv.Context(0), certificate) }), nil
}

// csr makes an operational key and a request to certify it (Matter 1.4 section 11.18.6.5).
func (o *OperationalCredentials) csr(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	nonce := f.Octets(0, nonceSize, nonceSize)
	forUpdate := f.OptionalBool(1, false)
	if err := f.Err(); err != nil {
		return nil, wrongSize(err)
	}
	if forUpdate && c.Auth != model.CASE {
		return nil, model.InvalidCommand
	}
	var request []byte
	err := o.under(c, func() (uint8, error) {
		key, err := o.table.StageKey(forUpdate)
		if err != nil {
			return 0, err
		}
		request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{Organization: []string{"CSR"}}}, key)
		return 0, err
	})
	if err != nil {
		return nil, err
	}
	elements := model.Structure(func(w *tlv.Writer) {
		w.Octets(tlv.Context(1), request)
		w.Octets(tlv.Context(2), nonce)
	})
	return o.signed(c, elements)
}

// under runs a step that needs the fail-safe, and maps what it refuses.
func (o *OperationalCredentials) under(c *model.Caller, do func() (uint8, error)) error {
	err := o.failsafe.Under(c, do)
	switch {
	case errors.Is(err, commissioning.ErrNotArmed):
		return model.FailsafeRequired
	case errors.Is(err, fabric.ErrOrder):
		return model.ConstraintError
	}
	return err
}

func (o *OperationalCredentials) addRoot(c *model.Caller, f *tlv.Fields) error {
	root := f.Octets(0, 1, maxCertificate)
	if err := f.Err(); err != nil {
		return err
	}
	return o.under(c, func() (uint8, error) {
		if _, _, _, done := o.table.Staged(); done {
			return 0, model.ConstraintError
		}
		key, err := o.certificates.Root(root)
		if err != nil {
			return 0, model.InvalidCommand
		}
		return 0, o.table.StageRoot(root, key)
	})
}

// verify holds a certificate that a controller brings against a root and the key it was asked for.
func (o *OperationalCredentials) verify(root, icac, noc []byte, key []byte) (Operational, uint8) {
	op, err := o.certificates.Chain(root, icac, noc)
	switch {
	case err != nil:
		return op, nocInvalid
	case op.NodeID < leastOperationalNodeID || op.NodeID > mostOperationalNodeID:
		return op, nocNodeID
	case !bytes.Equal(op.PublicKey, key):
		return op, nocPublicKey
	}
	return op, nocOK
}

// add makes the node a member of a fabric (Matter 1.4 section 11.18.6.8).
func (o *OperationalCredentials) add(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	noc := f.Octets(0, 1, maxCertificate)
	icac, _ := f.OptionalOctets(1, 0, maxCertificate)
	epochKey := f.Octets(2, epochKeySize, epochKeySize)
	admin, vendor := f.Uint64(3), f.Uint16(4)
	if err := f.Err(); err != nil {
		return nil, err
	}
	status, index := uint8(nocOK), uint8(0)
	err := o.under(c, func() (uint8, error) {
		root, key, forUpdate, done := o.table.Staged()
		public, _ := crypto.PublicKey(key)
		switch {
		case done || key != nil && forUpdate:
			return 0, model.ConstraintError
		case key == nil:
			status = nocMissingCSR
			return 0, nil
		case root == nil:
			status = nocInvalid
			return 0, nil
		case !acl.IsNode(admin) && !acl.IsCAT(admin):
			status = nocAdminSubject
			return 0, nil
		}
		op, s := o.verify(root, icac, noc, public)
		if status = s; s != nocOK {
			return 0, nil
		}
		var err error
		index, err = o.table.Stage(fabric.Credentials{FabricID: op.FabricID, NodeID: op.NodeID, NOC: noc, ICAC: icac}, epochKey, vendor, admin)
		switch {
		case errors.Is(err, fabric.ErrConflict):
			status, err = nocFabricConflict, nil
		case errors.Is(err, fabric.ErrFull):
			status, err = nocTableFull, nil
		}
		return index, err
	})
	if err != nil || status != nocOK {
		return nocResponse(status, 0, why(status)), err
	}
	o.access.added(c, index)
	if c.Auth == model.PASE && c.Adopt != nil {
		c.Adopt(index)
	}
	return nocResponse(nocOK, index, ""), nil
}

// why is the text that goes with a status into the commissioner's log.
func why(status uint8) string {
	return map[uint8]string{nocPublicKey: "the certificate is for another key", nocNodeID: "no operational node id",
		nocInvalid: "the certificate does not verify", nocMissingCSR: "no signing request came before", nocTableFull: "no room for another fabric",
		nocAdminSubject: "no node id or tag as administrator", nocFabricConflict: "the node is in that fabric already",
		nocLabelConflict: "another fabric has that label", nocFabricIndex: "no such fabric"}[status]
}

// update gives the node a new certificate in the caller's fabric (Matter 1.4 section 11.18.6.9).
func (o *OperationalCredentials) update(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	noc := f.Octets(0, 1, maxCertificate)
	icac, _ := f.OptionalOctets(1, 0, maxCertificate)
	if err := f.Err(); err != nil {
		return nil, err
	}
	status := uint8(nocOK)
	err := o.under(c, func() (uint8, error) {
		root, key, forUpdate, done := o.table.Staged()
		public, _ := crypto.PublicKey(key)
		own, ok := o.table.Get(c.Fabric)
		switch {
		case done || root != nil || key != nil && !forUpdate || !ok:
			return 0, model.ConstraintError
		case key == nil:
			status = nocMissingCSR
			return 0, nil
		}
		op, s := o.verify(own.Root, icac, noc, public)
		if s == nocOK && op.FabricID != own.FabricID {
			s = nocInvalid
		}
		if status = s; s != nocOK {
			return 0, nil
		}
		return 0, o.table.StageUpdate(c.Fabric, fabric.Credentials{FabricID: op.FabricID, NodeID: op.NodeID, NOC: noc, ICAC: icac})
	})
	if err != nil {
		return nil, err
	}
	return nocResponse(status, c.Fabric, why(status)), nil
}

func (o *OperationalCredentials) label(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	label := f.Text(0, maxLabel)
	if err := f.Err(); err != nil {
		return nil, err
	}
	for _, other := range o.table.All() {
		if other.Index != c.Fabric && label != "" && other.Label == label {
			return nocResponse(nocLabelConflict, 0, why(nocLabelConflict)), nil
		}
	}
	err := o.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		f.Label = label
		return nil
	})
	if errors.Is(err, fabric.ErrAbsent) {
		return nocResponse(nocFabricIndex, 0, why(nocFabricIndex)), nil
	}
	return nocResponse(nocOK, c.Fabric, ""), err
}

// remove ends a membership, also one that is being commissioned (Matter 1.4 section 11.18.6.12).
func (o *OperationalCredentials) remove(f *tlv.Fields) ([]byte, error) {
	index := f.Uint8(0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if index == 0 || index == 255 {
		return nil, model.ConstraintError
	}
	if _, ok := o.table.Get(index); !ok {
		return nocResponse(nocFabricIndex, 0, why(nocFabricIndex)), nil
	}
	o.failsafe.Forget(index)
	if err := o.table.Remove(index); err != nil && !errors.Is(err, fabric.ErrAbsent) {
		return nil, err
	}
	o.window.FabricGone(index)
	o.basic.left(index)
	return nocResponse(nocOK, index, ""), nil
}

// setVerification keeps what a vendor says of the fabric's vendor id (Matter 1.4.2 section 11.18.6.14).
func (o *OperationalCredentials) setVerification(c *model.Caller, f *tlv.Fields) error {
	vendor, hasVendor := f.OptionalUint(0, 0xFFF4)
	statement, hasStatement := f.OptionalOctets(1, 0, sizeOfStatement)
	signer, hasSigner := f.OptionalOctets(2, 0, maxCertificate)
	if err := f.Err(); err != nil {
		return err
	}
	switch {
	case !hasVendor && !hasStatement && !hasSigner:
		return model.InvalidCommand
	case hasVendor && vendor == 0, hasStatement && len(statement) != 0 && len(statement) != sizeOfStatement:
		return model.ConstraintError
	case len(signer) > 0 && o.certificates.Signer(signer) != nil:
		return model.InvalidCommand
	}
	return o.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		if len(signer) > 0 && len(f.ICAC) > 0 {
			return model.InvalidCommand // the intermediate certificate says it already
		}
		if hasVendor {
			f.VendorID = uint16(vendor)
		}
		if hasStatement {
			f.Statement = statement
		}
		if hasSigner {
			f.Signer = signer
		}
		return nil
	})
}

// signVerification proves with the operational key which fabric the node is in (Matter 1.4.2 section 6.4.10).
func (o *OperationalCredentials) signVerification(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	index, challenge := f.Uint8(0), f.Octets(1, nonceSize, nonceSize)
	if err := f.Err(); err != nil {
		return nil, err
	}
	own, ok := o.table.Get(index)
	if !ok {
		return nil, model.ConstraintError
	}
	be := binary.BigEndian
	binding := append([]byte{fabricBindingVersion}, own.RootKey...)
	binding = be.AppendUint16(be.AppendUint64(binding, own.FabricID), own.VendorID)
	signature, err := crypto.Sign(own.Key, []byte{fabricBindingVersion}, challenge, c.Challenge, []byte{index}, binding, own.Statement)
	if err != nil {
		return nil, err
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(index))
		w.Uint(tlv.Context(1), fabricBindingVersion)
		w.Octets(tlv.Context(2), signature)
	}), nil
}
