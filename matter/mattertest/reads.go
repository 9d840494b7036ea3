package mattertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"

	"github.com/loquet/loquet/matter/im"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// Report is what a controller was shown: values by their paths, list items put together in Items.
type Report struct {
	Subscription uint32
	Values       map[model.Change]tlv.Element
	Items        map[model.Change][]tlv.Element
	Statuses     map[model.Change]model.Status
	Events       []uint64 // their numbers
}

func newReport() Report {
	return Report{Values: map[model.Change]tlv.Element{}, Items: map[model.Change][]tlv.Element{}, Statuses: map[model.Change]model.Status{}}
}

func publicKey(csr *x509.CertificateRequest) ([]byte, error) {
	k, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return nil, ErrAnswer
	}
	return k.Bytes()
}

func structure(fill func(w *tlv.Writer)) []byte {
	return model.Structure(func(w *tlv.Writer) {
		fill(w)
		w.Uint(tlv.Context(0xFF), im.Revision)
	})
}

// status is a status response.
func status(s model.Status) []byte {
	return structure(func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(s)) })
}

// request sends a message and returns the members of its answer. A status response instead is an error.
func request(ctx context.Context, x *mrp.Exchange, opcode uint8, payload []byte, want uint8) (*tlv.Fields, error) {
	if err := x.Send(ctx, opcode, payload, true); err != nil {
		return nil, err
	}
	return receive(ctx, x, want)
}

func receive(ctx context.Context, x *mrp.Exchange, want uint8) (*tlv.Fields, error) {
	m, err := x.Receive(ctx)
	if err != nil {
		return nil, err
	}
	e, err := tlv.Decode(m.Payload)
	if err != nil {
		return nil, err
	}
	f := tlv.OpenStruct(e)
	if m.Opcode == im.OpStatusResponse {
		if s := model.Status(f.Uint8(0)); s != model.Success {
			return nil, s
		}
	}
	if m.Opcode != want {
		return nil, fmt.Errorf("%w: opcode %#x, not %#x", ErrAnswer, m.Opcode, want)
	}
	return f, nil
}

// announce sends a timed request of a second.
func announce(ctx context.Context, x *mrp.Exchange) error {
	_, err := request(ctx, x, im.OpTimedRequest, structure(func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1000) }), im.OpStatusResponse)
	return err
}

// Read reads attributes. No path at all reads everything.
func (c *Controller) Read(ctx context.Context, s *session.Session, paths ...model.Change) (Report, error) {
	x, err := c.Endpoint.NewExchange(s, im.Protocol)
	if err != nil {
		return Report{}, err
	}
	defer x.Close()
	err = x.Send(ctx, im.OpReadRequest, structure(func(w *tlv.Writer) {
		w.Array(tlv.Context(0))
		writePaths(w, paths)
		w.End()
		w.Bool(tlv.Context(3), true)
	}), true)
	if err != nil {
		return Report{}, err
	}
	r := newReport()
	return r, r.follow(ctx, x)
}

func writePaths(w *tlv.Writer, paths []model.Change) {
	for _, p := range paths {
		w.List(tlv.Anonymous())
		w.Uint(tlv.Context(2), uint64(p.Endpoint))
		w.Uint(tlv.Context(3), uint64(p.Cluster))
		w.Uint(tlv.Context(4), uint64(p.Attribute))
		w.End()
	}
	if len(paths) == 0 {
		w.List(tlv.Anonymous())
		w.End()
	}
}

// Subscribe subscribes to everything, with all events urgent, and returns what it was primed with. What follows comes to
// c.Reports.
func (c *Controller) Subscribe(ctx context.Context, s *session.Session, least, greatest uint16) (Report, error) {
	x, err := c.Endpoint.NewExchange(s, im.Protocol)
	if err != nil {
		return Report{}, err
	}
	defer x.Close()
	err = x.Send(ctx, im.OpSubscribeRequest, structure(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), false)
		w.Uint(tlv.Context(1), uint64(least))
		w.Uint(tlv.Context(2), uint64(greatest))
		w.Array(tlv.Context(3))
		writePaths(w, nil)
		w.End()
		w.Array(tlv.Context(4))
		w.List(tlv.Anonymous())
		w.Bool(tlv.Context(4), true)
		w.End()
		w.End()
		w.Bool(tlv.Context(7), true)
	}), true)
	if err != nil {
		return Report{}, err
	}
	r := newReport()
	if err := r.follow(ctx, x); err != nil {
		return r, err
	}
	_, err = receive(ctx, x, im.OpSubscribeResponse)
	return r, err
}

// follow takes all messages of a report.
func (r *Report) follow(ctx context.Context, x *mrp.Exchange) error {
	for {
		f, err := receive(ctx, x, im.OpReportData)
		if err != nil {
			return err
		}
		more, err := r.take(ctx, x, f)
		if err != nil || !more {
			return err
		}
	}
}

// take reads one message of a report and confirms it if that is wanted.
func (r *Report) take(ctx context.Context, x *mrp.Exchange, f *tlv.Fields) (more bool, err error) {
	more, wanted, err := r.read(f)
	if err == nil && wanted {
		err = confirm(ctx, x)
	}
	return more, err
}

func confirm(ctx context.Context, x *mrp.Exchange) error {
	return x.Send(ctx, im.OpStatusResponse, status(model.Success), true)
}

// read reads one message of a report: whether more follow, and whether the node wants to be told that it came.
func (r *Report) read(f *tlv.Fields) (more, wanted bool, err error) {
	if id, ok := f.OptionalUint(0, 1<<32-1); ok {
		r.Subscription = uint32(id)
	}
	if f.Has(1) {
		for m := range f.Array(1).Members() {
			if err := r.attribute(tlv.OpenStruct(m)); err != nil {
				return false, false, err
			}
		}
	}
	if f.Has(2) {
		for m := range f.Array(2).Members() {
			if o := tlv.OpenStruct(m); o.Has(1) {
				r.Events = append(r.Events, o.Struct(1).Uint64(1))
			}
		}
	}
	return f.OptionalBool(3, false), !f.OptionalBool(4, false), nil
}

func (r *Report) attribute(o *tlv.Fields) error {
	kind := uint8(1)
	if o.Has(0) {
		kind = 0
	}
	in := o.Struct(kind)
	p := tlv.OpenList(in.Element(kind))
	at := model.Change{Endpoint: p.Uint16(2), Cluster: p.Uint32(3), Attribute: p.Uint32(4)}
	if err := p.Err(); err != nil {
		return err
	}
	switch {
	case kind == 0:
		r.Statuses[at] = model.Status(in.Struct(1).Uint8(0))
	case p.Has(5):
		r.Items[at] = append(r.Items[at], in.Element(2))
	default:
		r.Values[at] = in.Element(2)
		r.Items[at] = nil
		for m := range in.Element(2).Members() {
			r.Items[at] = append(r.Items[at], m)
		}
	}
	return in.Err()
}

// reported serves a report that a node sends.
func (c *Controller) reported(ctx context.Context, x *mrp.Exchange, first mrp.Message) {
	e, err := tlv.Decode(first.Payload)
	if err != nil || first.Opcode != im.OpReportData {
		return
	}
	r := newReport()
	f := tlv.OpenStruct(e)
	for {
		more, wanted, err := r.read(f)
		if err != nil {
			return
		}
		if !more {
			// What came counts, in the order it came: before the node is told, which may then send the next one.
			select {
			case c.Reports <- r:
			case <-ctx.Done():
			}
		}
		if wanted {
			err = confirm(ctx, x)
		}
		if !more || err != nil {
			return
		}
		if f, err = receive(ctx, x, im.OpReportData); err != nil {
			return
		}
	}
}

// Write writes one attribute, after a timed request if that is wanted.
func (c *Controller) Write(ctx context.Context, s *session.Session, at model.Change, fill func(w *tlv.Writer, tag tlv.Tag), timed bool) error {
	x, err := c.Endpoint.NewExchange(s, im.Protocol)
	if err != nil {
		return err
	}
	defer x.Close()
	if timed {
		if err := announce(ctx, x); err != nil {
			return err
		}
	}
	answer, err := request(ctx, x, im.OpWriteRequest, structure(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), false)
		w.Bool(tlv.Context(1), timed)
		w.Array(tlv.Context(2))
		w.Struct(tlv.Anonymous())
		w.List(tlv.Context(1))
		w.Uint(tlv.Context(2), uint64(at.Endpoint))
		w.Uint(tlv.Context(3), uint64(at.Cluster))
		w.Uint(tlv.Context(4), uint64(at.Attribute))
		w.End()
		fill(w, tlv.Context(2))
		w.End()
		w.End()
	}), im.OpWriteResponse)
	if err != nil {
		return err
	}
	for m := range answer.Array(0).Members() {
		if code := tlv.OpenStruct(m).Struct(1).Uint8(0); code != 0 {
			return model.Status(code)
		}
	}
	return answer.Err()
}
