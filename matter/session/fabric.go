package session

import "crypto/ecdsa"

// Fabric is this node's membership in a fabric, as far as sessions need it. Certificates are in Matter's TLV form.
type Fabric struct {
	Index      uint8
	FabricID   uint64
	NodeID     uint64 // of this node
	VendorID   uint16 // of the administrator that added it
	Label      string
	Root       []byte // RCAC
	ICAC       []byte // empty for none; an empty one from a controller means none
	NOC        []byte
	Key        *ecdsa.PrivateKey // the operational key that NOC certifies
	RootKey    []byte            // the root's public key, 65 octets
	Compressed [8]byte           // crypto.CompressedFabricID
	// IPKs are the operational keys of group key set 0 (crypto.GroupKey of each epoch key), the one in use first.
	IPKs [][]byte
}
