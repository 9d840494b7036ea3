package cluster

import (
	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

const (
	nocs                = 0
	fabrics             = 1
	supportedFabrics    = 2
	commissionedFabrics = 3
	trustedRoots        = 4
	currentFabric       = 5

	attestationRequest     = 0
	chainRequest           = 2
	csrRequest             = 4
	addNOC                 = 6
	updateNOC              = 7
	updateFabricLabel      = 9
	removeFabric           = 10
	addTrustedRoot         = 11
	setVerification        = 12
	signVerification       = 13
	maxCertificate         = 400
	sizeOfStatement        = 85
	fabricBindingVersion   = 1
	certificateChainDAC    = 1
	certificateChainPAI    = 2
	nonceSize              = 32
	epochKeySize           = 16
	leastOperationalNodeID = 1
	mostOperationalNodeID  = 0xFFFFFFEFFFFFFFFF
)

// Status codes of NOCResponse (Matter 1.4 section 11.18.4.4).
const (
	nocOK             = 0
	nocPublicKey      = 1
	nocNodeID         = 2
	nocInvalid        = 3
	nocMissingCSR     = 4
	nocTableFull      = 5
	nocAdminSubject   = 6
	nocFabricConflict = 9
	nocLabelConflict  = 10
	nocFabricIndex    = 11
)

// Operational is what a node operational certificate certifies.
type Operational struct {
	FabricID, NodeID uint64
	PublicKey        []byte // 65 octets
}

// Certificates verifies certificates of fabrics, which come in Matter's TLV form.
type Certificates interface {
	// Root checks a root certificate, its own signature too, and returns its public key of 65 octets.
	Root(root []byte) (publicKey []byte, err error)
	// Chain checks a node's certificate up to a trusted root; icac is empty for none.
	Chain(root, icac, noc []byte) (Operational, error)
	// Signer checks a vendor verification signer certificate.
	Signer(vvsc []byte) error
}

// Attestation proves what the device is. Certificates are in DER form.
type Attestation interface {
	DAC() []byte
	PAI() []byte
	Declaration() []byte
	// Sign signs the parts, put together, with the key of the DAC: r and s.
	Sign(parts ...[]byte) ([]byte, error)
}

var credentialsClass = model.NewClass(model.Class{ID: OperationalCredentialsID, Revision: 2,
	Attributes: append(fixed(supportedFabrics),
		model.Attribute{ID: nocs, Read: model.Administer, Quality: model.FabricScoped | model.ChangesOmitted},
		model.Attribute{ID: fabrics, Read: model.View, Quality: model.FabricScoped},
		model.Attribute{ID: commissionedFabrics, Read: model.View},
		model.Attribute{ID: trustedRoots, Read: model.View, Quality: model.ChangesOmitted},
		model.Attribute{ID: currentFabric, Read: model.View}),
	Commands: []model.Command{
		{ID: attestationRequest, Response: 1, Invoke: model.Administer},
		{ID: chainRequest, Response: 3, Invoke: model.Administer},
		{ID: csrRequest, Response: 5, Invoke: model.Administer},
		{ID: addNOC, Response: 8, Invoke: model.Administer},
		{ID: updateNOC, Response: 8, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: updateFabricLabel, Response: 8, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: removeFabric, Response: 8, Invoke: model.Administer},
		{ID: addTrustedRoot, Response: model.NoResponse, Invoke: model.Administer},
		{ID: setVerification, Response: model.NoResponse, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: signVerification, Response: 14, Invoke: model.Administer}}})

// OperationalCredentials holds the node's memberships (Matter 1.4 section 11.18).
type OperationalCredentials struct {
	model.Base
	table        *fabric.Table
	failsafe     *commissioning.Failsafe
	window       *commissioning.Window
	certificates Certificates
	attestation  Attestation
	access       *AccessControl
	basic        *BasicInformation
}

// CredentialsConfig is what OperationalCredentials works with. All fields are needed.
type CredentialsConfig struct {
	Table        *fabric.Table
	Failsafe     *commissioning.Failsafe
	Window       *commissioning.Window
	Certificates Certificates
	Attestation  Attestation
	Access       *AccessControl
	Basic        *BasicInformation
}

// NewOperationalCredentials returns the cluster.
func NewOperationalCredentials(c CredentialsConfig) *OperationalCredentials {
	o := &OperationalCredentials{table: c.Table, failsafe: c.Failsafe, window: c.Window, certificates: c.Certificates, attestation: c.Attestation,
		access: c.Access, basic: c.Basic}
	o.Init(credentialsClass)
	c.Table.Watch(func(fabric.Change) { o.Changed(nocs, fabrics, commissionedFabrics, trustedRoots, currentFabric) })
	return o
}

// ReadAttribute implements model.Cluster.
func (o *OperationalCredentials) ReadAttribute(c *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	switch id {
	case supportedFabrics:
		w.Uint(tag, uint64(o.table.Most()))
	case commissionedFabrics:
		w.Uint(tag, uint64(len(o.table.All())))
	case currentFabric:
		w.Uint(tag, uint64(c.Fabric))
	case trustedRoots:
		w.Array(tag)
		for _, f := range o.table.All() {
			w.Octets(tlv.Anonymous(), f.Root)
		}
		w.End()
	default:
		w.Array(tag)
		for _, f := range o.table.All() {
			if c.Sees(f.Index) {
				writeMembership(w, f, id)
			}
		}
		w.End()
	}
	return nil
}

func writeMembership(w *tlv.Writer, f *fabric.Fabric, id uint32) {
	w.Struct(tlv.Anonymous())
	defer w.End()
	defer func() { w.Uint(tlv.Context(0xFE), uint64(f.Index)) }()
	if id == fabrics {
		w.Octets(tlv.Context(1), f.RootKey)
		w.Uint(tlv.Context(2), uint64(f.VendorID))
		w.Uint(tlv.Context(3), f.FabricID)
		w.Uint(tlv.Context(4), f.NodeID)
		w.Text(tlv.Context(5), f.Label)
		if len(f.Statement) > 0 {
			w.Octets(tlv.Context(6), f.Statement)
		}
		return
	}
	w.Octets(tlv.Context(1), f.NOC)
	if len(f.ICAC) == 0 {
		w.Null(tlv.Context(2))
	} else {
		w.Octets(tlv.Context(2), f.ICAC)
	}
	if len(f.Signer) > 0 {
		w.Octets(tlv.Context(3), f.Signer)
	}
}

// nocResponse answers a command that changes memberships.
func nocResponse(status uint8, index uint8, why string) []byte {
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(status))
		if status == nocOK && index != 0 {
			w.Uint(tlv.Context(1), uint64(index))
		}
		if why != "" {
			w.Text(tlv.Context(2), why)
		}
	})
}
