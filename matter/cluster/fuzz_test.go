package cluster

import (
	"testing"

	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// FuzzWhatControllersSend gives every command and every attribute of the root node any fields: they must answer, and what
// they then show must still be valid.
func FuzzWhatControllersSend(f *testing.F) {
	f.Add([]byte{0x15, 0x24, 0x00, 0x3C, 0x24, 0x01, 0x01, 0x18}, uint8(0))
	f.Add(model.Structure(keySet(1, 0, 5)), uint8(1))
	f.Add(model.Structure(openFields(180, 97, 1000, 16)), uint8(2))
	f.Add([]byte{0x16, 0x15, 0x24, 0x01, 0x05, 0x24, 0x02, 0x02, 0x34, 0x03, 0x34, 0x04, 0x18, 0x18}, uint8(3))
	root := testRoot(f)
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		e, err := tlv.Decode(b)
		if err != nil {
			return
		}
		h := newHouse(t, memory.New())
		c := onFabric(h.commission(t, root, 1))
		h.arm(t, c, 60)
		defer h.failsafe.Expire()
		defer func() { _ = h.window.Close() }()
		clusters := h.root.Clusters()
		cluster := clusters[int(which)%len(clusters)]
		for _, command := range cluster.Class().Commands {
			if e.Type() != tlv.TypeStruct {
				break
			}
			answer, err := cluster.(model.Invoker).Invoke(t.Context(), c, command.ID, e)
			if err == nil && answer != nil {
				if _, err := tlv.Decode(answer); err != nil {
					t.Fatalf("command %d is answered with %x: %v", command.ID, answer, err)
				}
			}
		}
		for _, a := range cluster.Class().Attributes {
			if a.Write != 0 {
				_ = cluster.(model.Writer).WriteAttribute(t.Context(), c, a.ID, e)
			}
			w := tlv.NewWriter(nil)
			if err := model.Read(cluster, c, a.ID, w, tlv.Anonymous()); err != nil {
				continue
			}
			if shown, err := w.Finish(); err != nil {
				t.Fatalf("attribute %d: %v", a.ID, err)
			} else if _, err := tlv.Decode(shown); err != nil {
				t.Fatalf("attribute %d shows %x: %v", a.ID, shown, err)
			}
		}
	})
}
