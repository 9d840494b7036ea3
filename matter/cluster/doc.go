// Package cluster holds the clusters that every node and every bridge has, whatever its devices are: those of the root
// node (Matter 1.4 section 9 and 11) and of bridged endpoints, with the simple ones of devices. Ids and revisions are
// those of the data model 1.6; the conformance test holds them against it.
package cluster

import (
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Ids of the clusters.
const (
	IdentifyID               uint32 = 0x0003
	AccessControlID          uint32 = 0x001F
	BasicInformationID       uint32 = 0x0028
	GeneralCommissioningID   uint32 = 0x0030
	NetworkCommissioningID   uint32 = 0x0031
	GeneralDiagnosticsID     uint32 = 0x0033
	BridgedID                uint32 = 0x0039
	AdministratorID          uint32 = 0x003C
	OperationalCredentialsID uint32 = 0x003E
	GroupKeyManagementID     uint32 = 0x003F
	maxLabel                        = 32
)

// Storage keeps the few values that a controller sets and a restart must not change. Apply is all or nothing; a nil value
// deletes.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// fixed describes attributes that never change, readable by all.
func fixed(ids ...uint32) []model.Attribute {
	var out []model.Attribute
	for _, id := range ids {
		out = append(out, model.Attribute{ID: id, Read: model.View, Quality: model.Fixed})
	}
	return out
}

// code answers a commissioning command: an error code and a text for the log of the commissioner.
func code(n uint8, why string) []byte {
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(n))
		w.Text(tlv.Context(1), why)
	})
}

// text returns a string of at most most octets.
func text(v tlv.Element, most int) (string, error) {
	s, err := v.Text()
	if err == nil && len(s) > most {
		err = model.ConstraintError
	}
	return s, err
}
