package cluster

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// authority signs certificates that are nothing but what they say: root "R" + key, node "N" + fabric + node + key.
type authority struct{}

func (authority) Root(root []byte) ([]byte, error) {
	if len(root) != 66 || root[0] != 'R' {
		return nil, errors.New("no root")
	}
	return root[1:], nil
}

func (authority) Chain(root, icac, noc []byte) (Operational, error) {
	if len(noc) != 68 || noc[0] != 'N' || len(icac) != 0 && icac[0] != 'I' || root[0] != 'R' {
		return Operational{}, errors.New("does not verify")
	}
	return Operational{FabricID: uint64(noc[1]), NodeID: uint64(noc[2]), PublicKey: noc[3:]}, nil
}

func (authority) Signer(b []byte) error {
	if b[0] != 'V' {
		return errors.New("no signer")
	}
	return nil
}

type attester struct{}

func (attester) DAC() []byte         { return []byte("dac") }
func (attester) PAI() []byte         { return []byte("pai") }
func (attester) Declaration() []byte { return []byte("declaration") }
func (attester) Sign(parts ...[]byte) ([]byte, error) {
	return bytes.Repeat([]byte{byte(len(bytes.Join(parts, nil)))}, 64), nil
}

type door struct {
	open   bool
	secret commissioning.Secret
}

func (d *door) Open(s commissioning.Secret, _ commissioning.Status) error {
	d.open, d.secret = true, s
	return nil
}
func (d *door) Close() { d.open = false }

// house is a root node with all that its clusters work on.
type house struct {
	store    *memory.Store
	table    *fabric.Table
	failsafe *commissioning.Failsafe
	window   *commissioning.Window
	door     *door
	log      *events.Log
	node     *model.Node
	root     *model.Endpoint
	adopted  uint8
	key      []byte // of the last signing request
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testProduct() Product {
	return Product{VendorName: "Loquet", ProductName: "Bridge", VendorID: 0xFFF1, ProductID: 0x8000, HardwareVersionText: "1", SoftwareVersionText: "1.0",
		SerialNumber: "S1", UniqueID: "U1", Label: "Villa"}
}

func newHouse(t testing.TB, store *memory.Store) *house {
	t.Helper()
	h := &house{store: store, door: &door{}}
	var err error
	h.table, err = fabric.Open(store, 5)
	must(t, err)
	h.failsafe = commissioning.NewFailsafe(h.table, MostFailsafe)
	h.window = commissioning.NewWindow(h.door)
	h.log, err = events.Open(store)
	must(t, err)
	t.Cleanup(h.log.Close)
	h.node = model.NewNode(model.Config{Events: h.log})
	basic, err := NewBasicInformation(testProduct(), Minima{3, 3, 10, 10, 256, 256}, 10, store)
	must(t, err)
	access := NewAccessControl(h.table)
	h.root, err = model.NewEndpoint(model.EndpointConfig{DeviceTypes: []model.DeviceType{{ID: 0x16, Revision: 4}}, Composition: model.FullFamily, Clusters: []model.Cluster{
		basic, access, NewGeneralCommissioning(h.failsafe, h.window, basic), NewNetworkCommissioning("eth0"),
		NewGeneralDiagnostics(Machine{Interfaces: func() []Interface {
			return []Interface{{Name: "eth0", Up: true, Hardware: []byte{1, 2, 3, 4, 5, 6}, Type: 2}}
		},
			Load: func(uint8) Load { return Load{} }, Time: func() (time.Time, bool) { return time.UnixMilli(5), true }}),
		NewAdministrator(h.window, h.failsafe, h.table),
		NewOperationalCredentials(CredentialsConfig{h.table, h.failsafe, h.window, authority{}, attester{}, access, basic}),
		NewGroupKeyManagement(h.table)}})
	must(t, err)
	must(t, h.node.Add(h.root))
	basic.Started()
	return h
}

func (h *house) pase() *model.Caller {
	return &model.Caller{Auth: model.PASE, Fabric: h.adopted, Challenge: make([]byte, 16), Adopt: func(i uint8) { h.adopted = i }}
}

func onFabric(i uint8) *model.Caller {
	return &model.Caller{Auth: model.CASE, Fabric: i, Node: 7, Challenge: make([]byte, 16), Filtered: true}
}

// invoke calls a command as the interaction model would, and returns the response's fields.
func (h *house) invoke(t testing.TB, c *model.Caller, cluster, command uint32, fill func(w *tlv.Writer)) (*tlv.Fields, error) {
	t.Helper()
	found, ok := h.root.Cluster(cluster)
	if !ok {
		t.Fatalf("no cluster %#x", cluster)
	}
	e, err := tlv.Decode(model.Structure(fill))
	must(t, err)
	b, err := found.(model.Invoker).Invoke(context.Background(), c, command, e)
	if err != nil || b == nil {
		return nil, err
	}
	r, err := tlv.Decode(b)
	must(t, err)
	return tlv.OpenStruct(r), nil
}

func (h *house) write(t testing.TB, c *model.Caller, cluster, attribute uint32, fill func(w *tlv.Writer)) error {
	t.Helper()
	found, _ := h.root.Cluster(cluster)
	w := tlv.NewWriter(nil)
	fill(w)
	b, err := w.Finish()
	must(t, err)
	e, err := tlv.Decode(b)
	must(t, err)
	return found.(model.Writer).WriteAttribute(context.Background(), c, attribute, e)
}

func (h *house) read(t testing.TB, c *model.Caller, cluster, attribute uint32) tlv.Element {
	t.Helper()
	found, _ := h.root.Cluster(cluster)
	w := tlv.NewWriter(nil)
	must(t, model.Read(found, c, attribute, w, tlv.Anonymous()))
	b, err := w.Finish()
	must(t, err)
	e, err := tlv.Decode(b)
	must(t, err)
	return e
}

func testRoot(t testing.TB) []byte {
	t.Helper()
	k, err := crypto.NewKey()
	must(t, err)
	b, err := crypto.PublicKey(k)
	must(t, err)
	return append([]byte{'R'}, b...)
}

func (h *house) arm(t testing.TB, c *model.Caller, seconds uint64) uint8 {
	t.Helper()
	f, err := h.invoke(t, c, GeneralCommissioningID, armFailsafe, func(w *tlv.Writer) { w.Uint(tlv.Context(0), seconds); w.Uint(tlv.Context(1), 3) })
	must(t, err)
	return f.Uint8(0)
}

func (h *house) csr(t testing.TB, c *model.Caller, update bool) error {
	t.Helper()
	f, err := h.invoke(t, c, OperationalCredentialsID, csrRequest, func(w *tlv.Writer) { w.Octets(tlv.Context(0), make([]byte, 32)); w.Bool(tlv.Context(1), update) })
	if err != nil {
		return err
	}
	e, err := tlv.Decode(f.Octets(0, 1, 900))
	must(t, err)
	_, key, _, _ := h.table.Staged()
	h.key, _ = crypto.PublicKey(key)
	if len(tlv.OpenStruct(e).Octets(1, 1, 600)) == 0 || len(f.Octets(1, 64, 64)) != 64 {
		t.Error("no request")
	}
	return nil
}

func (h *house) noc(fabric, node byte) []byte { return append([]byte{'N', fabric, node}, h.key...) }

func (h *house) addRoot(t testing.TB, c *model.Caller, root []byte) error {
	t.Helper()
	_, err := h.invoke(t, c, OperationalCredentialsID, addTrustedRoot, func(w *tlv.Writer) { w.Octets(tlv.Context(0), root) })
	return err
}

func (h *house) addNOC(t testing.TB, c *model.Caller, noc, icac []byte, admin uint64) (status, index uint8, err error) {
	t.Helper()
	f, err := h.invoke(t, c, OperationalCredentialsID, addNOC, func(w *tlv.Writer) {
		w.Octets(tlv.Context(0), noc)
		if icac != nil {
			w.Octets(tlv.Context(1), icac)
		}
		w.Octets(tlv.Context(2), make([]byte, 16))
		w.Uint(tlv.Context(3), admin)
		w.Uint(tlv.Context(4), 0xFFF1)
	})
	if err != nil {
		return 0, 0, err
	}
	i, _ := f.OptionalUint(1, 255)
	return f.Uint8(0), uint8(i), nil
}

// commission goes through all of it and returns the index of the fabric.
func (h *house) commission(t testing.TB, root []byte, id byte) uint8 {
	t.Helper()
	h.adopted = 0
	if s := h.arm(t, h.pase(), 60); s != 0 {
		t.Fatalf("arm: %d", s)
	}
	must(t, h.csr(t, h.pase(), false))
	must(t, h.addRoot(t, h.pase(), root))
	status, index, err := h.addNOC(t, h.pase(), h.noc(id, 5), []byte{}, 7)
	if err != nil || status != 0 || h.adopted != index {
		t.Fatalf("add NOC: %d %v, adopted %d as %d", status, err, h.adopted, index)
	}
	f, err := h.invoke(t, onFabric(index), GeneralCommissioningID, commissioningComplete, nil)
	if err != nil || f.Uint8(0) != 0 {
		t.Fatalf("complete: %v", err)
	}
	return index
}
