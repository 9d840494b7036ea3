package im

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// quiet is an exchange with a controller that never says more than its first message.
type quiet struct {
	session *session
	sent    [][]byte
}

func (q *quiet) Session() Session { return q.session }
func (q *quiet) Close()           {}
func (q *quiet) Send(_ context.Context, _ uint8, b []byte) error {
	q.sent = append(q.sent, bytes.Clone(b))
	return nil
}
func (q *quiet) Receive(context.Context) (uint8, []byte, error) {
	return 0, nil, errors.New("silence")
}

// FuzzHandle gives the engine any message: it must answer with valid messages of a bounded size, or not at all.
func FuzzHandle(f *testing.F) {
	f.Add(OpReadRequest, readMessage(true, []versionFilter{{1, testCluster, 3}}, []EventPath{{}}, 1, AttributePath{}, path(1, testCluster, 1)))
	f.Add(OpSubscribeRequest, subscribeMessage(false, 0, 10, AttributePath{Endpoint: ptr[uint16](1)}))
	f.Add(OpWriteRequest, writeMessage(false, false, writeItem{Path: path(1, testCluster, 1), Value: textElement(f, "a")}))
	f.Add(OpWriteRequest, writeMessage(false, true, writeItem{Path: path(1, testCluster, 3), Value: list(f, "a")}, writeItem{Path: add(path(1, testCluster, 3)), Value: textElement(f, "a")}))
	f.Add(OpInvokeRequest, invokeMessage(false, false, command(1, 1)))
	f.Add(OpTimedRequest, struc(func(w *tlv.Writer) { w.Uint(tlv.Context(0), 500) }))
	f.Add(OpStatusResponse, statusMessage(model.Success).payload)
	f.Fuzz(func(t *testing.T, opcode uint8, payload []byte) {
		node := model.NewNode(model.Config{})
		for i := range uint16(2) {
			e, err := model.NewEndpoint(model.EndpointConfig{ID: i, DeviceTypes: []model.DeviceType{{ID: 0x16, Revision: 4}}, Clusters: []model.Cluster{newThing()}})
			if err != nil {
				t.Fatal(err)
			}
			if err := node.Add(e); err != nil {
				t.Fatal(err)
			}
		}
		s := newSession(1, 1)
		defer s.end()
		e := New(Config{Node: node, Access: everybody()})
		defer e.Close()
		q := &quiet{session: s}
		e.Handle(t.Context(), q, opcode, payload)
		for _, b := range q.sent {
			if _, err := tlv.Decode(b); err != nil {
				t.Fatalf("answered %x: %v", b, err)
			}
		}
	})
}

// FuzzKeptSubscription reads what a disk may have made of a subscription.
func FuzzKeptSubscription(f *testing.F) {
	s := &subscription{fabric: 1, node: 7, req: readRequest{Attributes: []AttributePath{{}, path(1, 6, 0)}, Events: []EventPath{{Urgent: true}}}}
	b, err := s.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, req, _, err := decodeSubscription(b)
		if err == nil && len(req.Attributes) > maxPaths {
			t.Error("too many paths")
		}
	})
}

func everybody() *table {
	t := &table{}
	t.set(acl.Entry{Fabric: 1, Auth: model.CASE, Privilege: model.Administer})
	return t
}
