package model

import "github.com/loquet/loquet/matter/tlv"

// Priority is how much an event matters (Matter 1.4 section 7.14.1).
type Priority uint8

// The priorities with their numbers on the wire.
const (
	Debug Priority = iota
	Info
	Critical
)

// Event is something that happened, as a cluster tells it.
type Event struct {
	Endpoint uint16
	Cluster  uint32
	ID       uint32
	Priority Priority
	Fabric   uint8  // of a fabric-sensitive event, the fabric it belongs to; else 0
	Data     []byte // an encoded structure with the anonymous tag
}

// Events keeps what happened. Emit must not block for long and must not call back into a cluster.
type Events interface {
	Emit(Event)
}

// Structure encodes an anonymous structure: the data of an event or the fields of a command.
func Structure(fill func(w *tlv.Writer)) []byte {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	if fill != nil {
		fill(w)
	}
	w.End()
	b, err := w.Finish()
	if err != nil {
		return nil
	}
	return b
}
