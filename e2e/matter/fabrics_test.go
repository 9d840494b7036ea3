package matter

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// TestFabrics lets a second ecosystem in with the bridge's own code, reads everything there is, and lets the first one turn the
// second out again.
func TestFabrics(t *testing.T) {
	t.Parallel()
	home, elsewhere := lab.Pair(t)
	folder := t.TempDir()
	bridge, codes := startBridge(t, home, filepath.Join(folder, "bridge.json"), 3)
	own := map[string]any{"passcode": codes.Passcode, "discriminator": codes.Discriminator}
	first := startPhone(t, elsewhere, filepath.Join(folder, "first"))
	first.must(t, "commission", own)
	first.must(t, "basic", nil)
	second := startPhone(t, elsewhere, filepath.Join(folder, "second"))
	second.must(t, "commission", own)

	list := first.fabrics(t)
	turned := slices.IndexFunc(list, func(f fabric) bool { return f.Label == "second" })
	if len(list) != 2 || turned < 0 {
		t.Fatalf("fabrics %+v", list)
	}
	for _, p := range []*phone{first, second} {
		var all struct {
			Values, Refused int
			Endpoints       []int
		}
		if err := json.Unmarshal(p.must(t, "everything", nil), &all); err != nil {
			t.Fatal(err)
		}
		if all.Refused != 0 || all.Values < 150 || fmt.Sprint(all.Endpoints) != "[0 1 2 3 4]" {
			t.Errorf("a read of everything: %+v", all)
		}
	}
	bridge.say(t, "toggle 2")
	first.contact(t, 4, "true")
	second.contact(t, 4, "true")

	first.must(t, "expel", map[string]any{"index": list[turned].Index})
	if list := first.fabrics(t); len(list) != 1 || list[0].Label != "first" {
		t.Errorf("after the second was turned out: %+v", list)
	}
	// matter.js goes on trying for a minute and more: that it is told that nobody here knows it is the proof.
	second.order(t, "label", map[string]any{"label": "Mine"})
	second.logged(t, "NoSharedTrustRoots")
	var label []struct{ Value string }
	if err := json.Unmarshal(first.must(t, "read", map[string]any{"endpoint": 0, "cluster": 0x28, "attribute": 5}), &label); err != nil || len(label) != 1 || label[0].Value == "Mine" {
		t.Errorf("who was turned out still writes: %+v, %v", label, err)
	}
	bridge.say(t, "toggle 2")
	first.contact(t, 4, "false")
	first.must(t, "leave", nil)
	first.must(t, "end", nil)
}

// fabric is a membership of the bridge, as the controller of any of them sees it.
type fabric struct {
	Index int
	Label string
}

// fabrics returns all memberships of the bridge.
func (p *phone) fabrics(t *testing.T) []fabric {
	t.Helper()
	var list []fabric
	if err := json.Unmarshal(p.must(t, "fabrics", nil), &list); err != nil {
		t.Fatal(err)
	}
	return list
}
