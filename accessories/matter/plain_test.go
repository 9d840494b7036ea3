package matter

import (
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// plain is a node without a network: commands are given to its clusters, and its events are heard.
type plain struct {
	node    *model.Node
	fabrics []*fabric.Fabric
	refuse  error // what Rules say
	untold  bool

	mu      sync.Mutex
	numbers map[string]uint16
	events  []model.Event
}

func newPlain(t testing.TB) *plain {
	t.Helper()
	p := &plain{numbers: map[string]uint16{}}
	p.node = model.NewNode(model.Config{Events: p})
	for i, id := range []uint16{0, 1} {
		e, err := model.NewEndpoint(model.EndpointConfig{ID: id, DeviceTypes: []model.DeviceType{{ID: []uint32{0x16, 0x0E}[i], Revision: 2}}, Composition: model.FullFamily})
		must(t, err)
		must(t, p.node.Add(e))
	}
	p.fabrics = []*fabric.Fabric{{Fabric: session.Fabric{Index: 1, Compressed: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}},
		ACL: []acl.Entry{{Fabric: 1, Privilege: model.Administer, Auth: model.CASE, Subjects: []uint64{7}}}}}
	return p
}

func (p *plain) Emit(e model.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

// take returns the events of a cluster since the last call, as their numbers and data.
func (p *plain) take(cluster uint32) (out []model.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Cluster == cluster {
			out = append(out, e)
		}
	}
	p.events = nil
	return out
}

func (p *plain) EndpointFor(name string) (uint16, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.numbers[name] == 0 {
		p.numbers[name] = uint16(len(p.numbers) + 2)
	}
	return p.numbers[name], nil
}

func (p *plain) Bridge(c model.EndpointConfig) (*model.Endpoint, error) {
	c.Parent = 1
	c.DeviceTypes = append(append([]model.DeviceType(nil), c.DeviceTypes...), model.DeviceType{ID: 0x13, Revision: 3})
	e, err := model.NewEndpoint(c)
	if err != nil {
		return nil, err
	}
	return e, p.node.Add(e)
}

func (p *plain) Node() *model.Node         { return p.node }
func (p *plain) Fabrics() []*fabric.Fabric { return p.fabrics }

// Told says that everybody knows everything, but where untold is set.
func (p *plain) Told(uint8, uint16) bool { return !p.untold }

func (p *plain) May(string, string, bool, device.Action, string) error { return p.refuse }

func (p *plain) config(items ...Item) Config {
	return Config{Server: p, Storage: newMemory(), Rules: p, About: About{Install: "11112222", Firmware: "1.4.0"}, Items: items, Log: zerolog.Nop()}
}

// boss is a controller that may administer the node.
func boss() *model.Caller { return &model.Caller{Auth: model.CASE, Fabric: 1, Node: 7} }

func (p *plain) cluster(t testing.TB, id string, cluster uint32) model.Cluster {
	t.Helper()
	n, err := p.EndpointFor(id)
	must(t, err)
	e, ok := p.node.Endpoint(n)
	if !ok {
		t.Fatalf("no endpoint for %s", id)
	}
	c, ok := e.Cluster(cluster)
	if !ok {
		t.Fatalf("no cluster %#x for %s", cluster, id)
	}
	return c
}

func (p *plain) invoke(t testing.TB, id string, cluster, command uint32, fill func(w *tlv.Writer)) error {
	t.Helper()
	fields, err := tlv.Decode(model.Structure(fill))
	must(t, err)
	_, err = p.cluster(t, id, cluster).(model.Invoker).Invoke(t.Context(), boss(), command, fields)
	return err
}

func (p *plain) read(t testing.TB, id string, cluster, attribute uint32) tlv.Element {
	t.Helper()
	w := tlv.NewWriter(nil)
	must(t, model.Read(p.cluster(t, id, cluster), boss(), attribute, w, tlv.Anonymous()))
	b, err := w.Finish()
	must(t, err)
	e, err := tlv.Decode(b)
	must(t, err)
	return e
}

// number is an attribute, -1 for null.
func (p *plain) number(t testing.TB, id string, cluster, attribute uint32) int {
	t.Helper()
	e := p.read(t, id, cluster, attribute)
	if e.IsNull() {
		return -1
	}
	n, err := e.Uint()
	must(t, err)
	return int(n)
}

func (p *plain) yes(t testing.TB, id string, cluster, attribute uint32) bool {
	t.Helper()
	on, err := p.read(t, id, cluster, attribute).Bool()
	must(t, err)
	return on
}

// seen is an event of a lock in short.
type seen struct {
	event          uint32
	what, by, user int
}

// lockEvents are the events of locks since the last call.
func (p *plain) lockEvents(t testing.TB) (out []seen) {
	t.Helper()
	for _, e := range p.take(doorlock.ID) {
		d, err := tlv.Decode(e.Data)
		must(t, err)
		f := tlv.OpenStruct(d)
		s := seen{event: e.ID, what: int(f.Uint8(0))}
		if e.ID == 2 || e.ID == 3 {
			s.by = int(f.Uint8(1))
			s.user = int(orZero(f, uint8(e.ID)))
		}
		out = append(out, s)
	}
	return out
}

var _ Rules = (*plain)(nil)
