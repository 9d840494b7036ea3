package im

import (
	"context"
	"errors"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// errTooLarge is an item that does not fit into a message of its own.
var errTooLarge = errors.New("matter/im: an item over the size of a message")

// tail is what closes a report: the end of the array, two flags, the revision, the end of the message.
const tail = 1 + 2 + 2 + 3 + 1

// The arrays of a report, by their tags.
const (
	attributeReports = 1
	eventReports     = 2
)

// report fills report messages and sends each when it is full (Matter 1.4 section 10.7.3). Every message but the last waits
// for the controller's status response.
type report struct {
	e            *Engine
	ctx          context.Context
	ex           Exchange
	subscription *uint32
	suppress     bool // the last message wants no status response
	w            *tlv.Writer
	buf          []byte
	section      uint8 // the open array, 0 for none
	items        int   // in this message
	total        int   // in all messages
}

func (e *Engine) newReport(ctx context.Context, ex Exchange, subscription *uint32) *report {
	r := &report{e: e, ctx: ctx, ex: ex, subscription: subscription, buf: make([]byte, 0, e.c.MaxPayload)}
	r.begin()
	return r
}

func (r *report) begin() {
	r.w = tlv.NewWriter(r.buf[:0])
	r.section, r.items = 0, 0
	r.w.Struct(tlv.Anonymous())
	if r.subscription != nil {
		r.w.Uint(tlv.Context(0), uint64(*r.subscription))
	}
}

// open makes the array of a section the one that is written to. Sections come in order.
func (r *report) open(section uint8) {
	if r.section == section {
		return
	}
	if r.section != 0 {
		r.w.End()
	}
	r.w.Array(tlv.Context(section))
	r.section = section
}

// item writes one member of a section; what fill wrote is taken back when it fails. When the message is full it is sent
// and fill is called again.
func (r *report) item(section uint8, fill func(w *tlv.Writer) error) error {
	for {
		mark, was := r.w.Mark(), r.section
		r.open(section)
		if err := fill(r.w); err != nil {
			r.w.Rewind(mark)
			r.section = was
			return err
		}
		if r.w.Len()+tail <= r.e.c.MaxPayload {
			r.items++
			r.total++
			return nil
		}
		r.w.Rewind(mark)
		r.section = was
		if r.items == 0 {
			return errTooLarge
		}
		if err := r.flush(true); err != nil {
			return err
		}
		r.begin()
	}
}

// flush sends the message. All but the last are confirmed by the controller before flush returns.
func (r *report) flush(more bool) error {
	if r.section != 0 {
		r.w.End()
	}
	if more {
		r.w.Bool(tlv.Context(3), true)
	} else if r.suppress {
		r.w.Bool(tlv.Context(4), true)
	}
	b, err := finish(r.w)
	if err != nil {
		return err
	}
	if err := r.e.send(r.ctx, r.ex, OpReportData, b); err != nil {
		return err
	}
	if more || !r.suppress {
		return r.e.confirmed(r.ctx, r.ex)
	}
	return nil
}

// attribute reports the value of an attribute, in pieces if it is a list over the size of a message.
func (r *report) attribute(c *model.Caller, endpoint uint16, cluster model.Cluster, id uint32) error {
	class := cluster.Class().ID
	version := uint64(model.Version(cluster)) // before the value: a value newer than its version is reported again
	head := func(w *tlv.Writer, add bool) {
		w.Struct(tlv.Anonymous())
		w.Struct(tlv.Context(1))
		w.Uint(tlv.Context(0), version)
		writeAttributePath(w, tlv.Context(1), endpoint, class, id, add)
	}
	err := r.item(attributeReports, func(w *tlv.Writer) error {
		head(w, false)
		err := model.Read(cluster, c, id, w, tlv.Context(2))
		w.End()
		w.End()
		return err
	})
	if !errors.Is(err, errTooLarge) {
		return err
	}
	list, err := value(cluster, c, id)
	if err != nil {
		return err
	}
	if list.Type() != tlv.TypeArray {
		return model.ResourceExhausted
	}
	err = r.item(attributeReports, func(w *tlv.Writer) error {
		head(w, false)
		w.Array(tlv.Context(2))
		w.End()
		w.End()
		w.End()
		return nil
	})
	for item := range list.Members() {
		if err != nil {
			return err
		}
		err = r.item(attributeReports, func(w *tlv.Writer) error {
			head(w, true)
			w.Element(tlv.Context(2), item)
			w.End()
			w.End()
			return nil
		})
	}
	if errors.Is(err, errTooLarge) {
		return model.ResourceExhausted
	}
	return err
}

// value reads an attribute as an element.
func value(cluster model.Cluster, c *model.Caller, id uint32) (tlv.Element, error) {
	w := tlv.NewWriter(nil)
	if err := model.Read(cluster, c, id, w, tlv.Anonymous()); err != nil {
		return tlv.Element{}, err
	}
	b, err := w.Finish()
	if err != nil {
		return tlv.Element{}, err
	}
	return tlv.DecodeLimits(b, tlv.Limits{Size: 1 << 20, Depth: 16, Elements: 1 << 17})
}

// attributeStatus reports why an attribute that was named is not shown.
func (r *report) attributeStatus(p *AttributePath, s model.Status) error {
	return r.item(attributeReports, func(w *tlv.Writer) error {
		w.Struct(tlv.Anonymous())
		w.Struct(tlv.Context(0))
		p.write(w, tlv.Context(0))
		writeStatus(w, tlv.Context(1), s, 0, false)
		w.End()
		w.End()
		return nil
	})
}

func (r *report) eventStatus(p *EventPath, s model.Status) error {
	return r.item(eventReports, func(w *tlv.Writer) error {
		w.Struct(tlv.Anonymous())
		w.Struct(tlv.Context(0))
		p.write(w, tlv.Context(0))
		writeStatus(w, tlv.Context(1), s, 0, false)
		w.End()
		w.End()
		return nil
	})
}

func writeStatus(w *tlv.Writer, tag tlv.Tag, s model.Status, own uint8, hasOwn bool) {
	w.Struct(tag)
	w.Uint(tlv.Context(0), uint64(s))
	if hasOwn {
		w.Uint(tlv.Context(1), uint64(own))
	}
	w.End()
}
