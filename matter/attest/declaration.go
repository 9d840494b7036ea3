package attest

import (
	"encoding/asn1"
	"encoding/hex"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/tlv"
)

// TestDeclaration makes a certification declaration of type "development and test", signed with the public test key
// (Matter 1.4 6.3).
func TestDeclaration(vendor uint16, products []uint16, deviceType uint32) ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(0), 1)
	w.Uint(tlv.Context(1), uint64(vendor))
	w.Array(tlv.Context(2))
	for _, p := range products {
		w.Uint(tlv.Anonymous(), uint64(p))
	}
	w.End()
	w.Uint(tlv.Context(3), uint64(deviceType))
	w.Text(tlv.Context(4), "CSA00000SWC00000-00")
	w.Uint(tlv.Context(5), 0)
	w.Uint(tlv.Context(6), 0)
	w.Uint(tlv.Context(7), 1)
	w.Uint(tlv.Context(8), 0)
	w.End()
	content, err := w.Finish()
	if err != nil {
		return nil, err
	}
	key, err := keyOf(testSignerKey)
	if err != nil {
		return nil, err
	}
	sig, err := crypto.Sign(key, content)
	if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(testSignerName)
	if err != nil {
		return nil, err
	}
	return signedData(content, id, cert.SignatureDER(sig))
}

type algorithm struct{ ID asn1.ObjectIdentifier }

type content struct {
	Type asn1.ObjectIdentifier
	Data []byte `asn1:"explicit,tag:0"`
}

type signer struct {
	Version   int
	KeyID     []byte `asn1:"tag:0"`
	Digest    algorithm
	Algorithm algorithm
	Signature []byte
}

type cms struct {
	Type asn1.ObjectIdentifier
	Data signed `asn1:"explicit,tag:0"`
}

type signed struct {
	Version int
	Digests []algorithm `asn1:"set"`
	Content content
	Signers []signer `asn1:"set"`
}

// signedData wraps signed content in CMS (RFC 5652 5), with the one signer named by its key.
func signedData(data, keyID, sig []byte) ([]byte, error) {
	sha := algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}}
	return asn1.Marshal(cms{
		Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2},
		Data: signed{Version: 3, Digests: []algorithm{sha},
			Content: content{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, Data: data},
			Signers: []signer{{Version: 3, KeyID: keyID, Digest: sha, Algorithm: algorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, Signature: sig}}},
	})
}
