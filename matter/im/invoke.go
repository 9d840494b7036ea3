package im

import (
	"context"
	"errors"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// result is the answer to one command.
type result struct {
	endpoint         uint16
	cluster, command uint32
	ref              *uint16
	fields           []byte // of the response command
	err              error
}

func (e *Engine) invoke(ctx context.Context, ex Exchange, payload []byte, timed bool) error {
	req, err := parseInvokeRequest(payload)
	if err != nil {
		return err
	}
	if req.Timed != timed {
		return model.TimedRequestMismatch
	}
	if err := e.checkBatch(req.Items); err != nil {
		return err
	}
	var results []result
	for _, item := range req.Items {
		if item.Path.Endpoint != nil {
			results = append(results, e.invokeOne(ctx, ex, *item.Path.Endpoint, item, timed))
			continue
		}
		for _, endpoint := range e.c.Node.Endpoints() { // a wildcard tells of what was carried out only
			if _, ok := endpoint.Cluster(item.Path.Cluster); !ok {
				continue
			}
			caller := ex.Session().Caller()
			if _, err := e.invokable(&caller, endpoint.ID(), item.Path, timed); err == nil {
				results = append(results, e.invokeOne(ctx, ex, endpoint.ID(), item, timed))
			}
		}
	}
	if req.Suppress {
		return nil
	}
	return e.answer(ctx, ex, results)
}

// checkBatch holds several commands against the rules for them (Matter 1.4 section 8.9.2.2).
func (e *Engine) checkBatch(items []invokeItem) error {
	if len(items) == 1 {
		return nil
	}
	if len(items) > e.c.MaxInvokes {
		return model.InvalidAction
	}
	refs, paths := map[uint16]bool{}, map[[3]uint32]bool{}
	for _, item := range items {
		if item.Ref == nil || item.Path.Endpoint == nil {
			return model.InvalidAction
		}
		path := [3]uint32{uint32(*item.Path.Endpoint), item.Path.Cluster, item.Path.Command}
		if refs[*item.Ref] || paths[path] {
			return model.InvalidAction
		}
		refs[*item.Ref], paths[path] = true, true
	}
	return nil
}

func (e *Engine) invokeOne(ctx context.Context, ex Exchange, endpoint uint16, item invokeItem, timed bool) result {
	c := ex.Session().Caller() // each time: a command may change who the session belongs to
	r := result{endpoint: endpoint, cluster: item.Path.Cluster, command: item.Path.Command, ref: item.Ref}
	cluster, err := e.invokable(&c, endpoint, item.Path, timed)
	if err != nil {
		r.err = err
		return r
	}
	fields := item.Fields
	if fields.Type() == tlv.TypeNone {
		fields, r.err = tlv.Decode(model.Structure(nil))
		if r.err != nil {
			return r
		}
	}
	invoker, ok := cluster.(model.Invoker)
	if !ok {
		r.err = model.UnsupportedCommand
		return r
	}
	r.fields, r.err = invoker.Invoke(ctx, &c, item.Path.Command, fields)
	if command, _ := cluster.Class().Command(item.Path.Command); r.err == nil && r.fields != nil {
		r.command = command.Response
	}
	return r
}

func (e *Engine) invokable(c *model.Caller, endpoint uint16, p CommandPath, timed bool) (model.Cluster, error) {
	cluster, level, s := e.find(c, endpoint, p.Cluster, model.Operate)
	if s != model.Success {
		return nil, s
	}
	command, ok := cluster.Class().Command(p.Command)
	switch {
	case !ok:
		return nil, model.UnsupportedCommand
	case level < command.Invoke:
		return nil, model.UnsupportedAccess
	case command.Quality&model.FabricScoped != 0 && c.Fabric == 0:
		return nil, model.UnsupportedAccess
	case command.Quality&model.Timed != 0 && !timed:
		return nil, model.NeedsTimedInteraction
	}
	return cluster, nil
}

// commandCode maps fields that a cluster could not read to the status they have in an invoke: a field that is missing makes
// the command invalid, one out of range breaks a constraint (Matter 1.4 section 8.9.3.2).
func commandCode(err error) (model.Status, uint8, bool) {
	switch {
	case errors.Is(err, tlv.ErrMissing):
		return model.InvalidCommand, 0, false
	case errors.Is(err, tlv.ErrType):
		return model.ConstraintError, 0, false
	}
	return model.Code(err)
}

// answer sends the results, in as many messages as they need.
func (e *Engine) answer(ctx context.Context, ex Exchange, results []result) error {
	begin := func() *tlv.Writer {
		w := tlv.NewWriter(make([]byte, 0, e.c.MaxPayload))
		w.Struct(tlv.Anonymous())
		w.Bool(tlv.Context(0), false)
		w.Array(tlv.Context(1))
		return w
	}
	flush := func(w *tlv.Writer, more bool) error {
		w.End()
		if more {
			w.Bool(tlv.Context(2), true)
		}
		b, err := finish(w)
		if err != nil {
			return err
		}
		if err := e.send(ctx, ex, OpInvokeResponse, b); err != nil || !more {
			return err
		}
		return e.confirmed(ctx, ex)
	}
	w, items := begin(), 0
	for i := range results {
		mark := w.Mark()
		results[i].write(w)
		if items > 0 && w.Len()+tail > e.c.MaxPayload {
			w.Rewind(mark)
			if err := flush(w, true); err != nil {
				return err
			}
			w, items = begin(), 0
			results[i].write(w)
		}
		items++
	}
	return flush(w, false)
}

func (r *result) write(w *tlv.Writer) {
	w.Struct(tlv.Anonymous())
	defer w.End()
	ref := func() {
		if r.ref != nil {
			w.Uint(tlv.Context(2), uint64(*r.ref))
		}
		w.End()
	}
	if r.err == nil && r.fields != nil {
		if fields, err := tlv.Decode(r.fields); err == nil {
			w.Struct(tlv.Context(0))
			writeCommandPath(w, tlv.Context(0), r.endpoint, r.cluster, r.command)
			w.Element(tlv.Context(1), fields)
			ref()
			return
		}
		r.err = model.Failure
	}
	code, own, hasOwn := commandCode(r.err)
	w.Struct(tlv.Context(1))
	writeCommandPath(w, tlv.Context(0), r.endpoint, r.cluster, r.command)
	writeStatus(w, tlv.Context(1), code, own, hasOwn)
	ref()
}
