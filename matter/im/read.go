package im

import (
	"context"
	"errors"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func (e *Engine) read(ctx context.Context, ex Exchange, payload []byte) error {
	req, err := parseReadRequest(payload)
	if err != nil {
		return err
	}
	c := ex.Session().Caller()
	c.Filtered = req.Filtered
	r := e.newReport(ctx, ex, nil)
	r.suppress = true
	if err := e.fill(r, &c, &req); err != nil {
		return err
	}
	return r.flush(false)
}

// fill reports all that a request names. Wildcards leave out what the caller may not see; a path without one is answered
// with a status (Matter 1.4 section 8.4.3.2).
func (e *Engine) fill(r *report, c *model.Caller, req *readRequest) error {
	known := map[[2]uint32]uint32{}
	for _, v := range req.Versions {
		known[[2]uint32{uint32(v.endpoint), v.cluster}] = v.version
	}
	for i := range req.Attributes {
		if err := e.fillPath(r, c, &req.Attributes[i], known); err != nil {
			return err
		}
	}
	return e.fillEvents(r, c, req)
}

func (e *Engine) fillPath(r *report, c *model.Caller, p *AttributePath, known map[[2]uint32]uint32) error {
	if !p.wildcard() {
		if s := e.readable(c, *p.Endpoint, *p.Cluster, *p.Attribute); s != model.Success {
			return r.attributeStatus(p, s)
		}
	}
	for _, endpoint := range e.c.Node.Endpoints() {
		if p.Endpoint != nil && *p.Endpoint != endpoint.ID() {
			continue
		}
		for _, cluster := range endpoint.Clusters() {
			class := cluster.Class()
			if p.Cluster != nil && *p.Cluster != class.ID {
				continue
			}
			if v, ok := known[[2]uint32{uint32(endpoint.ID()), class.ID}]; ok && v == model.Version(cluster) {
				continue
			}
			level := e.level(c, endpoint, class.ID)
			if err := e.fillCluster(r, c, p, endpoint.ID(), cluster, level); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) fillCluster(r *report, c *model.Caller, p *AttributePath, endpoint uint16, cluster model.Cluster, level model.Privilege) error {
	class := cluster.Class()
	one := func(a model.Attribute) error {
		if level < a.Read || p.wildcard() && p.skips(endpoint, class, a) {
			return nil
		}
		return e.fillAttribute(r, c, p, endpoint, cluster, a.ID)
	}
	if p.Attribute != nil {
		if a, ok := class.Attribute(*p.Attribute); ok {
			return one(a)
		}
		return nil
	}
	for _, a := range class.Attributes {
		if err := one(a); err != nil {
			return err
		}
	}
	for _, id := range model.Globals() {
		if err := one(model.Attribute{ID: id, Read: model.View, Quality: model.Fixed}); err != nil {
			return err
		}
	}
	return nil
}

// fillAttribute reports one value. A cluster that refuses is told to a caller who named the attribute.
func (e *Engine) fillAttribute(r *report, c *model.Caller, p *AttributePath, endpoint uint16, cluster model.Cluster, id uint32) error {
	err := r.attribute(c, endpoint, cluster, id)
	var status model.Status
	if !errors.As(err, &status) {
		return err
	}
	if p.wildcard() {
		return nil
	}
	return r.attributeStatus(p, status)
}

// readable says whether a caller may read an attribute that was named: first whether the place may be looked at, then
// whether it is there.
func (e *Engine) readable(c *model.Caller, endpoint uint16, cluster, attribute uint32) model.Status {
	class, level, s := e.find(c, endpoint, cluster, model.View)
	if s != model.Success {
		return s
	}
	a, ok := class.Class().Attribute(attribute)
	switch {
	case !ok:
		return model.UnsupportedAttribute
	case level < a.Read:
		return model.UnsupportedAccess
	}
	return model.Success
}

// find returns a cluster that was named, if the caller has the privilege that lets it know about it.
func (e *Engine) find(c *model.Caller, endpoint uint16, cluster uint32, need model.Privilege) (model.Cluster, model.Privilege, model.Status) {
	at := acl.Place{Endpoint: endpoint, Cluster: cluster}
	ep, there := e.c.Node.Endpoint(endpoint)
	if there {
		at.DeviceTypes = ep.DeviceTypes()
	}
	level := e.c.Access.Level(c, at)
	switch {
	case level < need:
		return nil, 0, model.UnsupportedAccess
	case !there:
		return nil, 0, model.UnsupportedEndpoint
	}
	found, ok := ep.Cluster(cluster)
	if !ok {
		return nil, 0, model.UnsupportedCluster
	}
	return found, level, model.Success
}

func (e *Engine) fillEvents(r *report, c *model.Caller, req *readRequest) error {
	for i := range req.Events {
		p := &req.Events[i]
		if p.wildcard() {
			continue
		}
		if s := e.eventReadable(c, *p.Endpoint, *p.Cluster, *p.Event); s != model.Success {
			if err := r.eventStatus(p, s); err != nil {
				return err
			}
		}
	}
	return e.newEvents(r, c, req)
}

func (e *Engine) newEvents(r *report, c *model.Caller, req *readRequest) error {
	if e.c.Events == nil || len(req.Events) == 0 {
		return nil
	}
	for _, record := range e.c.Events.Since(req.EventMin) {
		if req.EventEnd != 0 && record.Number >= req.EventEnd || !e.wantsEvent(c, req.Events, record.Event) {
			continue
		}
		if err := r.event(record); err != nil && !errors.Is(err, errTooLarge) {
			return err
		}
	}
	return nil
}

func (e *Engine) eventReadable(c *model.Caller, endpoint uint16, cluster, event uint32) model.Status {
	found, level, s := e.find(c, endpoint, cluster, model.View)
	if s != model.Success {
		return s
	}
	kind, ok := found.Class().Event(event)
	switch {
	case !ok:
		return model.UnsupportedEvent
	case level < kind.Read:
		return model.UnsupportedAccess
	}
	return model.Success
}

// wantsEvent says whether paths name an event and the caller may see it. An event of another fabric is never shown.
func (e *Engine) wantsEvent(c *model.Caller, paths []EventPath, event model.Event) bool {
	if event.Fabric != 0 && event.Fabric != c.Fabric {
		return false
	}
	for i := range paths {
		if paths[i].matches(event) {
			return e.eventReadable(c, event.Endpoint, event.Cluster, event.ID) == model.Success
		}
	}
	return false
}

// event reports one event with its time in milliseconds since 1970.
func (r *report) event(record events.Record) error {
	data, err := tlv.Decode(record.Data)
	if err != nil {
		return err
	}
	return r.item(eventReports, func(w *tlv.Writer) error {
		w.Struct(tlv.Anonymous())
		w.Struct(tlv.Context(1))
		w.List(tlv.Context(0))
		w.Uint(tlv.Context(1), uint64(record.Endpoint))
		w.Uint(tlv.Context(2), uint64(record.Cluster))
		w.Uint(tlv.Context(3), uint64(record.ID))
		w.End()
		w.Uint(tlv.Context(1), record.Number)
		w.Uint(tlv.Context(2), uint64(record.Priority))
		w.Uint(tlv.Context(3), uint64(record.At.UnixMilli()))
		w.Element(tlv.Context(7), data)
		w.End()
		w.End()
		return nil
	})
}
