package cluster

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func TestCommissioning(t *testing.T) {
	store := memory.New()
	h := newHouse(t, store)
	root := testRoot(t)
	index := h.commission(t, root, 1)
	f, _ := h.table.Get(index)
	if len(f.ICAC) != 0 {
		t.Error("an empty intermediate certificate counts as one")
	}
	if len(f.ACL) != 1 || f.ACL[0].Privilege != model.Administer || f.ACL[0].Subjects[0] != 7 {
		t.Errorf("access list %+v", f.ACL)
	}
	if got := h.log.Since(0); len(got) != 2 || got[1].Cluster != AccessControlID || got[1].Fabric != index {
		t.Errorf("events %+v", got)
	}
	again := newHouse(t, store)
	if f, ok := again.table.Get(index); !ok || f.NodeID != 5 {
		t.Error("gone after a restart")
	}
	second := again.commission(t, root, 2)
	if second == index {
		t.Error("two fabrics under one index")
	}
	all := again.read(t, &model.Caller{Auth: model.CASE, Fabric: second}, OperationalCredentialsID, fabrics)
	own := again.read(t, onFabric(second), OperationalCredentialsID, fabrics)
	if all.Count() != 2 || own.Count() != 1 {
		t.Errorf("%d fabrics, %d own", all.Count(), own.Count())
	}
}

func TestAddNOCRefuses(t *testing.T) {
	root := testRoot(t)
	type steps func(t *testing.T, h *house) (uint8, error)
	add := func(h *house, t *testing.T, noc []byte, admin uint64) (uint8, error) {
		s, _, err := h.addNOC(t, h.pase(), noc, nil, admin)
		return s, err
	}
	ready := func(t *testing.T, h *house) {
		h.arm(t, h.pase(), 60)
		must(t, h.csr(t, h.pase(), false))
		must(t, h.addRoot(t, h.pase(), root))
	}
	tests := map[string]struct {
		do     steps
		status uint8
		err    error
	}{
		"no fail-safe": {func(t *testing.T, h *house) (uint8, error) { return add(h, t, make([]byte, 68), 7) }, 0, model.FailsafeRequired},
		"no root": {func(t *testing.T, h *house) (uint8, error) {
			h.arm(t, h.pase(), 60)
			must(t, h.csr(t, h.pase(), false))
			return add(h, t, h.noc(1, 5), 7)
		}, nocInvalid, nil},
		"no request": {func(t *testing.T, h *house) (uint8, error) {
			h.arm(t, h.pase(), 60)
			must(t, h.addRoot(t, h.pase(), root))
			return add(h, t, make([]byte, 68), 7)
		}, nocMissingCSR, nil},
		"a certificate that does not verify": {func(t *testing.T, h *house) (uint8, error) { ready(t, h); return add(h, t, make([]byte, 68), 7) }, nocInvalid, nil},
		"for another key": {func(t *testing.T, h *house) (uint8, error) {
			ready(t, h)
			return add(h, t, append([]byte{'N', 1, 5}, make([]byte, 65)...), 7)
		}, nocPublicKey, nil},
		"node id 0":     {func(t *testing.T, h *house) (uint8, error) { ready(t, h); return add(h, t, h.noc(1, 0), 7) }, nocNodeID, nil},
		"no such admin": {func(t *testing.T, h *house) (uint8, error) { ready(t, h); return add(h, t, h.noc(1, 5), 0) }, nocAdminSubject, nil},
		"a tag as admin": {func(t *testing.T, h *house) (uint8, error) {
			ready(t, h)
			return add(h, t, h.noc(1, 5), 0xFFFFFFFD00010001)
		}, nocOK, nil},
		"twice": {func(t *testing.T, h *house) (uint8, error) {
			ready(t, h)
			_, _ = add(h, t, h.noc(1, 5), 7)
			return add(h, t, h.noc(2, 5), 7)
		}, 0, model.ConstraintError},
		"the same fabric again": {func(t *testing.T, h *house) (uint8, error) {
			h.commission(t, root, 1)
			h.adopted = 0
			ready(t, h)
			return add(h, t, h.noc(1, 6), 7)
		}, nocFabricConflict, nil},
		"a sixth": {func(t *testing.T, h *house) (uint8, error) {
			for i := range byte(5) {
				h.commission(t, root, i+1)
			}
			h.adopted = 0
			ready(t, h)
			return add(h, t, h.noc(9, 6), 7)
		}, nocTableFull, nil},
	}
	for name, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t, memory.New())
			status, err := tt.do(t, h)
			if status != tt.status || !errors.Is(err, tt.err) {
				t.Errorf("%s: %d %v, want %d %v", name, status, err, tt.status, tt.err)
			}
			h.failsafe.Expire()
		})
	}
}

func TestRollbackOfEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, memory.New())
		h.arm(t, h.pase(), 60)
		_, err := h.invoke(t, h.pase(), GeneralCommissioningID, setRegulatoryConfig, func(w *tlv.Writer) {
			w.Uint(tlv.Context(0), 0)
			w.Text(tlv.Context(1), "FR")
			w.Uint(tlv.Context(2), 9)
		})
		must(t, err)
		must(t, h.csr(t, h.pase(), false))
		must(t, h.addRoot(t, h.pase(), testRoot(t)))
		if _, _, err := h.addNOC(t, h.pase(), h.noc(1, 5), nil, 7); err != nil {
			t.Fatal(err)
		}
		must(t, h.write(t, onFabric(h.adopted), AccessControlID, accessList, func(w *tlv.Writer) { w.Array(tlv.Anonymous()); w.End() }))
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if len(h.table.All()) != 0 {
			t.Error("the fabric is there")
		}
		if s, _ := h.read(t, h.pase(), BasicInformationID, basicLocation).Text(); s != "XX" {
			t.Errorf("location %q", s)
		}
		if v, _ := h.read(t, h.pase(), GeneralCommissioningID, breadcrumb).Uint(); v != 0 {
			t.Errorf("breadcrumb %d", v)
		}
		if v, _ := h.read(t, h.pase(), GeneralCommissioningID, regulatoryConfig).Uint(); v != indoorOutdoor {
			t.Errorf("regulatory configuration %d", v)
		}
		h.adopted = 0
		if _, _, err := h.addNOC(t, h.pase(), h.noc(1, 5), nil, 7); !errors.Is(err, model.FailsafeRequired) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestUpdateNOC(t *testing.T) {
	h := newHouse(t, memory.New())
	index := h.commission(t, testRoot(t), 1)
	c := onFabric(index)
	update := func(noc []byte) uint8 {
		t.Helper()
		f, err := h.invoke(t, c, OperationalCredentialsID, updateNOC, func(w *tlv.Writer) { w.Octets(tlv.Context(0), noc) })
		must(t, err)
		return f.Uint8(0)
	}
	h.arm(t, c, 60)
	if s := update(h.noc(1, 6)); s != nocMissingCSR {
		t.Errorf("without a request: %d", s)
	}
	must(t, h.csr(t, c, true))
	if s := update(h.noc(2, 6)); s != nocInvalid {
		t.Errorf("for another fabric: %d", s)
	}
	if s := update(h.noc(1, 6)); s != nocOK {
		t.Errorf("%d", s)
	}
	if f, _ := h.table.Get(index); f.NodeID != 6 {
		t.Error("not in use")
	}
	h.failsafe.Expire()
	if f, _ := h.table.Get(index); f.NodeID != 5 {
		t.Error("not undone")
	}
	if err := h.csr(t, h.pase(), true); !errors.Is(err, model.InvalidCommand) {
		t.Errorf("over PASE: %v", err)
	}
}

func TestRemoveAndLabel(t *testing.T) {
	h := newHouse(t, memory.New())
	root := testRoot(t)
	one, two := h.commission(t, root, 1), h.commission(t, root, 2)
	label := func(index uint8, s string) uint8 {
		f, err := h.invoke(t, onFabric(index), OperationalCredentialsID, updateFabricLabel, func(w *tlv.Writer) { w.Text(tlv.Context(0), s) })
		must(t, err)
		return f.Uint8(0)
	}
	if a, b, c := label(one, "home"), label(two, "home"), label(two, ""); a != nocOK || b != nocLabelConflict || c != nocOK {
		t.Errorf("labels: %d %d %d", a, b, c)
	}
	remove := func(index uint8) uint8 {
		f, err := h.invoke(t, onFabric(two), OperationalCredentialsID, removeFabric, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(index)) })
		must(t, err)
		return f.Uint8(0)
	}
	if s := remove(99); s != nocFabricIndex {
		t.Errorf("one that is not: %d", s)
	}
	if s := remove(one); s != nocOK {
		t.Errorf("%d", s)
	}
	if _, ok := h.table.Get(one); ok {
		t.Error("still there")
	}
	left := false
	for _, e := range h.log.Since(0) {
		left = left || e.Cluster == BasicInformationID && e.ID == basicLeave
	}
	if !left {
		t.Error("nobody is told")
	}
	h.arm(t, onFabric(two), 60)
	if s := remove(two); s != nocOK || h.failsafe.Armed() {
		t.Errorf("the one that holds the fail-safe: %d, armed %t", s, h.failsafe.Armed())
	}
}

func TestAttestation(t *testing.T) {
	h := newHouse(t, memory.New())
	nonce := bytes.Repeat([]byte{7}, 32)
	f, err := h.invoke(t, h.pase(), OperationalCredentialsID, attestationRequest, func(w *tlv.Writer) { w.Octets(tlv.Context(0), nonce) })
	must(t, err)
	elements := f.Octets(0, 1, 900)
	e, err := tlv.Decode(elements)
	must(t, err)
	in := tlv.OpenStruct(e)
	if !bytes.Equal(in.Octets(2, 32, 32), nonce) || string(in.Octets(1, 1, 99)) != "declaration" || f.Octets(1, 64, 64)[0] != byte(len(elements)+16) {
		t.Errorf("%x", elements)
	}
	if _, err := h.invoke(t, h.pase(), OperationalCredentialsID, attestationRequest, func(w *tlv.Writer) { w.Octets(tlv.Context(0), nonce[1:]) }); !errors.Is(err, model.InvalidCommand) {
		t.Errorf("a short nonce: %v", err)
	}
	for kind, want := range map[uint64]string{1: "dac", 2: "pai", 3: ""} {
		f, err := h.invoke(t, h.pase(), OperationalCredentialsID, chainRequest, func(w *tlv.Writer) { w.Uint(tlv.Context(0), kind) })
		switch {
		case want == "" && !errors.Is(err, model.InvalidCommand):
			t.Errorf("kind %d: %v", kind, err)
		case want != "" && (err != nil || string(f.Octets(0, 1, 99)) != want):
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}

func TestVerificationOfTheVendor(t *testing.T) {
	h := newHouse(t, memory.New())
	index := h.commission(t, testRoot(t), 1)
	set := func(fill func(w *tlv.Writer)) error {
		_, err := h.invoke(t, onFabric(index), OperationalCredentialsID, setVerification, fill)
		return err
	}
	tests := map[string]struct {
		fill func(w *tlv.Writer)
		want error
	}{
		"nothing":           {nil, model.InvalidCommand},
		"a short statement": {func(w *tlv.Writer) { w.Octets(tlv.Context(1), make([]byte, 84)) }, model.ConstraintError},
		"a bad signer":      {func(w *tlv.Writer) { w.Octets(tlv.Context(2), []byte("x")) }, model.InvalidCommand},
		"vendor 0":          {func(w *tlv.Writer) { w.Uint(tlv.Context(0), 0) }, model.ConstraintError},
		"all": {func(w *tlv.Writer) {
			w.Uint(tlv.Context(0), 0xFFF2)
			w.Octets(tlv.Context(1), make([]byte, 85))
			w.Octets(tlv.Context(2), []byte("V"))
		}, nil},
	}
	for name, tt := range tests {
		if name == "all" {
			continue
		}
		if err := set(tt.fill); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, set(tests["all"].fill))
	f, err := h.invoke(t, onFabric(index), OperationalCredentialsID, signVerification, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(index))
		w.Octets(tlv.Context(1), make([]byte, 32))
	})
	must(t, err)
	own, _ := h.table.Get(index)
	public, _ := crypto.PublicKey(own.Key)
	signed := bytes.Join([][]byte{{1}, make([]byte, 32), make([]byte, 16), {index}, {1}, own.RootKey, {0, 0, 0, 0, 0, 0, 0, 1}, {0xFF, 0xF2}, own.Statement}, nil)
	if !crypto.Verify(public, f.Octets(2, 64, 64), signed) {
		t.Error("the signature is over something else")
	}
}
