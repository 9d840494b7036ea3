package im

import (
	"context"
	"errors"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// written is the attribute a write touched last. A controller may replace a list and append to it in the same write, also
// over several messages, although the list it replaced was what let it: the access list (Matter 1.4 section 8.7.3.2).
type written struct {
	endpoint           uint16
	cluster, attribute uint32
	granted            bool
}

// itemStatus is the answer to one attribute of a write.
type itemStatus struct {
	endpoint           uint16
	cluster, attribute uint32
	add                bool
	err                error
}

func (e *Engine) write(ctx context.Context, ex Exchange, payload []byte, timed bool) error {
	var last written
	for {
		req, err := parseWriteRequest(payload)
		if err != nil {
			return err
		}
		if req.Timed != timed {
			return model.TimedRequestMismatch
		}
		if req.Suppress && req.More {
			return model.InvalidAction
		}
		c := ex.Session().Caller()
		c.Filtered = true // appending to a list adds to the caller's own part of it
		statuses := e.writeAll(ctx, &c, req.Items, timed, &last)
		if req.Suppress {
			return nil
		}
		if err := e.send(ctx, ex, OpWriteResponse, writeResponse(statuses)); err != nil || !req.More {
			return err
		}
		var opcode uint8
		if opcode, payload, err = e.receive(ctx, ex); err != nil {
			return err
		}
		if opcode != OpWriteRequest {
			return model.InvalidAction
		}
	}
}

func writeResponse(statuses []itemStatus) []byte {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Array(tlv.Context(0))
	for _, s := range statuses {
		w.Struct(tlv.Anonymous())
		writeAttributePath(w, tlv.Context(0), s.endpoint, s.cluster, s.attribute, s.add)
		code, own, hasOwn := writeCode(s.err)
		writeStatus(w, tlv.Context(1), code, own, hasOwn)
		w.End()
	}
	w.End()
	b, err := finish(w)
	if err != nil {
		return nil
	}
	return b
}

// writeCode maps a value that a cluster could not read to the status it has in a write.
func writeCode(err error) (model.Status, uint8, bool) {
	if errors.Is(err, tlv.ErrType) || errors.Is(err, tlv.ErrMissing) {
		return model.ConstraintError, 0, false
	}
	return model.Code(err)
}

func (e *Engine) writeAll(ctx context.Context, c *model.Caller, items []writeItem, timed bool, last *written) []itemStatus {
	var out []itemStatus
	for len(items) > 0 {
		n := run(items)
		group := items[:n]
		items = items[n:]
		p := group[0].Path
		for _, endpoint := range e.c.Node.Endpoints() {
			if p.Endpoint != nil {
				break
			}
			if _, ok := endpoint.Cluster(*p.Cluster); !ok {
				continue
			}
			if err := e.writeOne(ctx, c, endpoint.ID(), group, timed, last); err == nil { // a wildcard tells of what was written only
				out = answer(out, endpoint.ID(), group, nil)
			}
		}
		if p.Endpoint != nil {
			out = answer(out, *p.Endpoint, group, e.writeOne(ctx, c, *p.Endpoint, group, timed, last))
		}
	}
	return out
}

// run is how many items from the first on make one new value: a list and what is appended to it.
func run(items []writeItem) int {
	p := items[0].Path
	n := 1
	for n < len(items) && items[n].Path.Append && same(p.Endpoint, items[n].Path.Endpoint) && *p.Cluster == *items[n].Path.Cluster && *p.Attribute == *items[n].Path.Attribute {
		n++
	}
	return n
}

func same(a, b *uint16) bool { return a == b || a != nil && b != nil && *a == *b }

func answer(out []itemStatus, endpoint uint16, group []writeItem, err error) []itemStatus {
	for _, item := range group {
		out = append(out, itemStatus{endpoint, *item.Path.Cluster, *item.Path.Attribute, item.Path.Append, err})
	}
	return out
}

// writeOne carries out the items of a group as one write of a whole value.
func (e *Engine) writeOne(ctx context.Context, c *model.Caller, endpoint uint16, group []writeItem, timed bool, last *written) error {
	p := group[0].Path
	this := written{endpoint, *p.Cluster, *p.Attribute, true}
	again := *last == this
	*last = written{}
	cluster, err := e.writable(c, endpoint, p, timed, again)
	if err != nil {
		return err
	}
	if v := group[0].Version; v != nil && !again && *v != model.Version(cluster) {
		return model.DataVersionMismatch
	}
	v, err := whole(cluster, c, *p.Attribute, group)
	if err != nil {
		return err
	}
	w, ok := cluster.(model.Writer)
	if !ok {
		return model.UnsupportedWrite
	}
	if err := w.WriteAttribute(ctx, c, *p.Attribute, v); err != nil {
		return err
	}
	*last = this
	return nil
}

func (e *Engine) writable(c *model.Caller, endpoint uint16, p AttributePath, timed, again bool) (model.Cluster, error) {
	need := model.View
	if again {
		need = 0
	}
	cluster, level, s := e.find(c, endpoint, *p.Cluster, need)
	if s != model.Success {
		return nil, s
	}
	a, ok := cluster.Class().Attribute(*p.Attribute)
	switch {
	case !ok:
		return nil, model.UnsupportedAttribute
	case a.Write == 0:
		return nil, model.UnsupportedWrite
	case level < a.Write && !again:
		return nil, model.UnsupportedAccess
	case a.Quality&model.FabricScoped != 0 && c.Fabric == 0:
		return nil, model.UnsupportedAccess
	case a.Quality&model.Timed != 0 && !timed:
		return nil, model.NeedsTimedInteraction
	case p.Index:
		return nil, model.ConstraintError
	}
	return cluster, nil
}

// whole returns the value that a group of items makes: the first one's, or the present list, with all others appended.
func whole(cluster model.Cluster, c *model.Caller, id uint32, group []writeItem) (tlv.Element, error) {
	first := group[0]
	if len(group) == 1 && !first.Path.Append {
		return first.Value, nil
	}
	base := first.Value
	if first.Path.Append {
		var err error
		if base, err = value(cluster, c, id); err != nil {
			return tlv.Element{}, err
		}
	} else {
		group = group[1:]
	}
	if base.Type() != tlv.TypeArray {
		return tlv.Element{}, model.InvalidAction
	}
	w := tlv.NewWriter(nil)
	w.Array(tlv.Anonymous())
	for m := range base.Members() {
		w.Element(tlv.Anonymous(), m)
	}
	for _, item := range group {
		w.Element(tlv.Anonymous(), item.Value)
	}
	w.End()
	b, err := w.Finish()
	if err != nil {
		return tlv.Element{}, model.InvalidAction
	}
	v, err := tlv.Decode(b)
	if err != nil {
		return tlv.Element{}, model.ResourceExhausted
	}
	return v, nil
}
