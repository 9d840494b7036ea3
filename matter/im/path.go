package im

import (
	"math"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// AttributePath names attributes; what is nil stands for all (Matter 1.4 section 10.6.2).
type AttributePath struct {
	Endpoint  *uint16
	Cluster   *uint32
	Attribute *uint32
	Append    bool   // the list index is null: an item is added to a list
	Index     bool   // the list index is a number
	Flags     uint32 // what a wildcard leaves out
}

// Flags of AttributePath (Matter 1.4 section 8.2.1.6).
const (
	skipRootNode           = 1 << 0
	skipGlobalAttributes   = 1 << 1
	skipAttributeList      = 1 << 2
	skipCommandLists       = 1 << 4
	skipCustomElements     = 1 << 5
	skipFixedAttributes    = 1 << 6
	skipChangesOmitted     = 1 << 7
	skipDiagnosticClusters = 1 << 8
)

func (p *AttributePath) wildcard() bool {
	return p.Endpoint == nil || p.Cluster == nil || p.Attribute == nil
}

// readable says whether the path makes sense in a read: with any cluster, only global attributes can be named.
func (p *AttributePath) readable() bool {
	return p.Cluster != nil || p.Attribute == nil || isGlobal(*p.Attribute)
}

func isGlobal(id uint32) bool {
	for _, g := range model.Globals() {
		if g == id {
			return true
		}
	}
	return false
}

func (p *AttributePath) matches(c model.Change) bool {
	return (p.Endpoint == nil || *p.Endpoint == c.Endpoint) && (p.Cluster == nil || *p.Cluster == c.Cluster) && (p.Attribute == nil || *p.Attribute == c.Attribute)
}

// skips says whether a wildcard's flags leave an attribute out.
func (p *AttributePath) skips(endpoint uint16, class *model.Class, a model.Attribute) bool {
	if p.Flags == 0 {
		return false
	}
	has := func(flag uint32) bool { return p.Flags&flag != 0 }
	switch global := isGlobal(a.ID); {
	case has(skipRootNode) && endpoint == 0,
		has(skipDiagnosticClusters) && diagnostic(class.ID),
		has(skipCustomElements) && (class.ID>>16 != 0 || a.ID>>16 != 0),
		has(skipGlobalAttributes) && (a.ID == model.AttributeList || a.ID == model.AcceptedCommandList || a.ID == model.GeneratedCommandList),
		has(skipAttributeList) && a.ID == model.AttributeList,
		has(skipCommandLists) && (a.ID == model.AcceptedCommandList || a.ID == model.GeneratedCommandList),
		has(skipFixedAttributes) && (global || a.Quality&model.Fixed != 0),
		has(skipChangesOmitted) && a.Quality&model.ChangesOmitted != 0:
		return true
	}
	return false
}

// diagnostic says whether a cluster has the diagnostics quality ("K").
func diagnostic(cluster uint32) bool { return cluster >= 0x32 && cluster <= 0x37 }

func optional16(f *tlv.Fields, n uint8) *uint16 {
	if v, ok := f.OptionalUint(n, math.MaxUint16); ok {
		v := uint16(v)
		return &v
	}
	return nil
}

func optional32(f *tlv.Fields, n uint8) *uint32 {
	if v, ok := f.OptionalUint(n, math.MaxUint32); ok {
		v := uint32(v)
		return &v
	}
	return nil
}

func parseAttributePath(e tlv.Element) (AttributePath, error) {
	f := tlv.OpenList(e)
	f.OptionalBool(0, false)
	f.OptionalUint(1, math.MaxUint64)
	p := AttributePath{Endpoint: optional16(f, 2), Cluster: optional32(f, 3), Attribute: optional32(f, 4)}
	if index, ok := f.Optional(5); ok {
		p.Append, p.Index = index.IsNull(), !index.IsNull()
		if p.Index {
			f.Uint16(5)
		}
	}
	if flags := optional32(f, 6); flags != nil {
		p.Flags = *flags
	}
	return p, f.Err()
}

func writeAttributePath(w *tlv.Writer, tag tlv.Tag, endpoint uint16, cluster, attribute uint32, add bool) {
	w.List(tag)
	w.Uint(tlv.Context(2), uint64(endpoint))
	w.Uint(tlv.Context(3), uint64(cluster))
	w.Uint(tlv.Context(4), uint64(attribute))
	if add {
		w.Null(tlv.Context(5))
	}
	w.End()
}

// write encodes the path as it was asked for.
func (p *AttributePath) write(w *tlv.Writer, tag tlv.Tag) {
	w.List(tag)
	if p.Endpoint != nil {
		w.Uint(tlv.Context(2), uint64(*p.Endpoint))
	}
	if p.Cluster != nil {
		w.Uint(tlv.Context(3), uint64(*p.Cluster))
	}
	if p.Attribute != nil {
		w.Uint(tlv.Context(4), uint64(*p.Attribute))
	}
	if p.Append {
		w.Null(tlv.Context(5))
	}
	if p.Flags != 0 {
		w.Uint(tlv.Context(6), uint64(p.Flags))
	}
	w.End()
}

// EventPath names events; what is nil stands for all (Matter 1.4 section 10.6.8).
type EventPath struct {
	Endpoint *uint16
	Cluster  *uint32
	Event    *uint32
	Urgent   bool
}

func (p *EventPath) matches(e model.Event) bool {
	return (p.Endpoint == nil || *p.Endpoint == e.Endpoint) && (p.Cluster == nil || *p.Cluster == e.Cluster) && (p.Event == nil || *p.Event == e.ID)
}

func (p *EventPath) wildcard() bool { return p.Endpoint == nil || p.Cluster == nil || p.Event == nil }

func parseEventPath(e tlv.Element) (EventPath, error) {
	f := tlv.OpenList(e)
	f.OptionalUint(0, math.MaxUint64)
	p := EventPath{Endpoint: optional16(f, 1), Cluster: optional32(f, 2), Event: optional32(f, 3)}
	p.Urgent = f.OptionalBool(4, false)
	return p, f.Err()
}

func (p *EventPath) write(w *tlv.Writer, tag tlv.Tag) {
	w.List(tag)
	if p.Endpoint != nil {
		w.Uint(tlv.Context(1), uint64(*p.Endpoint))
	}
	if p.Cluster != nil {
		w.Uint(tlv.Context(2), uint64(*p.Cluster))
	}
	if p.Event != nil {
		w.Uint(tlv.Context(3), uint64(*p.Event))
	}
	if p.Urgent {
		w.Bool(tlv.Context(4), true)
	}
	w.End()
}

// CommandPath names a command; without an endpoint, on all of them (Matter 1.4 section 10.6.11).
type CommandPath struct {
	Endpoint *uint16
	Cluster  uint32
	Command  uint32
}

func parseCommandPath(e tlv.Element) (CommandPath, error) {
	f := tlv.OpenList(e)
	p := CommandPath{Endpoint: optional16(f, 0), Cluster: f.Uint32(1), Command: f.Uint32(2)}
	return p, f.Err()
}

func writeCommandPath(w *tlv.Writer, tag tlv.Tag, endpoint uint16, cluster, command uint32) {
	w.List(tag)
	w.Uint(tlv.Context(0), uint64(endpoint))
	w.Uint(tlv.Context(1), uint64(cluster))
	w.Uint(tlv.Context(2), uint64(command))
	w.End()
}
