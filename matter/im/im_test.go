package im

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// table is an access list.
type table struct {
	mu      sync.Mutex
	entries []acl.Entry
}

func (a *table) Level(c *model.Caller, at acl.Place) model.Privilege {
	a.mu.Lock()
	defer a.mu.Unlock()
	return acl.Level(a.entries, c, at)
}

func (a *table) set(entries ...acl.Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = entries
}

const testCluster = 0xFFF1FC10

var testClass = model.NewClass(model.Class{ID: testCluster, Revision: 2, Features: 5,
	Attributes: []model.Attribute{
		{ID: 0, Read: model.View},
		{ID: 1, Read: model.View, Write: model.Operate},
		{ID: 2, Read: model.View, Write: model.Manage, Quality: model.Timed},
		{ID: 3, Read: model.View, Write: model.Manage},
		{ID: 4, Read: model.Administer, Write: model.Administer, Quality: model.FabricScoped},
		{ID: 5, Read: model.View, Quality: model.ChangesOmitted},
		{ID: 6, Read: model.View, Quality: model.Fixed},
	},
	Commands: []model.Command{
		{ID: 0, Response: model.NoResponse, Invoke: model.Operate, Quality: model.Timed},
		{ID: 1, Response: 2, Invoke: model.Operate},
		{ID: 3, Response: model.NoResponse, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: 4, Response: model.NoResponse, Invoke: model.Operate},
	},
	Events: []model.EventKind{{ID: 0, Read: model.View, Priority: model.Critical}, {ID: 1, Read: model.View, Priority: model.Info, Quality: model.FabricSensitive}},
})

// thing is a cluster with one of everything.
type thing struct {
	model.Base
	mu      sync.Mutex
	number  uint64
	label   string
	timed   uint64
	list    []string
	scoped  map[uint8][]uint64
	size    int
	invoked atomic.Int32
}

func newThing() *thing {
	t := &thing{scoped: map[uint8][]uint64{}}
	t.Init(testClass)
	return t
}

func (t *thing) set(v uint64) {
	t.mu.Lock()
	t.number = v
	t.mu.Unlock()
	t.Changed(0)
}

func (t *thing) ReadAttribute(c *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch id {
	case 0:
		w.Uint(tag, t.number)
	case 1:
		w.Text(tag, t.label)
	case 2:
		w.Uint(tag, t.timed)
	case 3:
		w.Array(tag)
		for _, s := range t.list {
			w.Text(tlv.Anonymous(), s)
		}
		w.End()
	case 4:
		w.Array(tag)
		for fabric := range uint8(4) {
			for _, v := range t.scoped[fabric] {
				if c.Sees(fabric) {
					w.Struct(tlv.Anonymous())
					w.Uint(tlv.Context(1), v)
					w.Uint(tlv.Context(254), uint64(fabric))
					w.End()
				}
			}
		}
		w.End()
	case 5:
		return model.Busy
	case 6:
		w.Octets(tag, make([]byte, t.size))
	}
	return nil
}

func (t *thing) WriteAttribute(_ context.Context, c *model.Caller, id uint32, v tlv.Element) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	switch id {
	case 1:
		t.label, err = v.Text()
	case 2:
		t.timed, err = v.UintMax(100)
	case 3:
		t.list = nil
		for m := range v.Members() {
			s, err := m.Text()
			if err != nil {
				return err
			}
			t.list = append(t.list, s)
		}
	case 4:
		t.scoped[c.Fabric] = nil
		for m := range v.Members() {
			f := tlv.OpenStruct(m)
			t.scoped[c.Fabric] = append(t.scoped[c.Fabric], f.Uint64(1))
			if err := f.Err(); err != nil {
				return err
			}
		}
	}
	if err == nil {
		t.Changed(id)
	}
	return err
}

func (t *thing) Invoke(_ context.Context, _ *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	t.invoked.Add(1)
	switch id {
	case 1:
		f := tlv.OpenStruct(fields)
		v := f.UintMax(0, 1000)
		if err := f.Err(); err != nil {
			return nil, err
		}
		return model.Structure(func(w *tlv.Writer) { w.Octets(tlv.Context(0), make([]byte, v)) }), nil
	case 4:
		return nil, &model.ClusterStatus{Status: model.Failure, Code: 3}
	}
	return nil, nil
}

// house is a node with a few things, and the engine that serves it.
type house struct {
	node   *model.Node
	log    *events.Log
	access *table
	store  *memory.Store
	engine *Engine
	things []*thing
}

func newHouse(t *testing.T, n int, change func(*Config)) *house {
	t.Helper()
	h := &house{access: &table{}, store: memory.New()}
	log, err := events.Open(h.store)
	if err != nil {
		t.Fatal(err)
	}
	h.log = log
	h.node = model.NewNode(model.Config{Events: log})
	for i := range n {
		th := newThing()
		h.things = append(h.things, th)
		e, err := model.NewEndpoint(model.EndpointConfig{ID: uint16(i), DeviceTypes: []model.DeviceType{{ID: 0x16, Revision: 4}}, Clusters: []model.Cluster{th}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.node.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	h.access.set(acl.Entry{Fabric: 1, Auth: model.CASE, Privilege: model.Administer}, acl.Entry{Fabric: 2, Auth: model.CASE, Privilege: model.View})
	c := Config{Node: h.node, Access: h.access, Events: log, Storage: h.store}
	if change != nil {
		change(&c)
	}
	h.engine = New(c)
	t.Cleanup(func() { h.engine.Close(); log.Close() })
	return h
}

type message struct {
	opcode  uint8
	payload []byte
}

// session is a controller's session with the house: what the house opens lands in opened.
type session struct {
	caller model.Caller
	opened chan *exchange
	done   chan struct{}
	ended  sync.Once
}

func newSession(fabric uint8, node uint64) *session {
	return &session{caller: model.Caller{Auth: model.CASE, Fabric: fabric, Node: node, Session: uint64(fabric)<<32 + node}, opened: make(chan *exchange), done: make(chan struct{})}
}

func (s *session) Caller() model.Caller  { return s.caller }
func (s *session) Done() <-chan struct{} { return s.done }
func (s *session) Address() string       { return "phone" }
func (s *session) end()                  { s.ended.Do(func() { close(s.done) }) }
func (s *session) Open(ctx context.Context) (Exchange, error) {
	ex := &exchange{session: s, out: make(chan message), in: make(chan message)}
	select {
	case s.opened <- ex:
		return ex, nil
	case <-s.done:
		return nil, errors.New("session ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// exchange is both ends of a conversation: the house sends to out and receives from in.
type exchange struct {
	session *session
	out, in chan message
}

func (x *exchange) Session() Session { return x.session }
func (x *exchange) Close()           {}
func (x *exchange) Send(ctx context.Context, opcode uint8, payload []byte) error {
	select {
	case x.out <- message{opcode, append([]byte(nil), payload...)}:
		return nil
	case <-x.session.done:
		return errors.New("session ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *exchange) Receive(ctx context.Context) (uint8, []byte, error) {
	select {
	case m := <-x.in:
		return m.opcode, m.payload, nil
	case <-x.session.done:
		return 0, nil, errors.New("session ended")
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

// begin lets the house serve a first message.
func (h *house) begin(s *session, opcode uint8, payload []byte) *exchange {
	x := &exchange{session: s, out: make(chan message), in: make(chan message)}
	go func() {
		h.engine.Handle(context.Background(), x, opcode, payload)
		close(x.out)
	}()
	return x
}

func (x *exchange) next(t *testing.T) message {
	t.Helper()
	select {
	case m, ok := <-x.out:
		if !ok {
			return message{}
		}
		return m
	case <-time.After(10 * time.Minute):
		t.Fatal("the house says nothing")
		return message{}
	}
}

func struc(fill func(w *tlv.Writer)) []byte {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	fill(w)
	w.Uint(tlv.Context(revisionTag), Revision)
	w.End()
	b, err := w.Finish()
	if err != nil {
		panic(err)
	}
	return b
}

func statusMessage(s model.Status) message {
	return message{OpStatusResponse, struc(func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(s)) })}
}

func ptr[T any](v T) *T { return &v }

func statusOf(t *testing.T, m message) model.Status {
	t.Helper()
	if m.opcode != OpStatusResponse {
		t.Fatalf("opcode %#x, want a status response", m.opcode)
	}
	s, err := parseStatusResponse(m.payload)
	if err != nil {
		t.Fatal(err)
	}
	return model.Status(s)
}
