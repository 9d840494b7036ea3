package device

import "testing"

func TestSlotActors(t *testing.T) {
	for _, n := range []int{0, 1, 30, 65535} {
		if got, ok := ParseSlotActor(SlotActor(n)); !ok || got != n {
			t.Errorf("%d comes back as %d, %v", n, got, ok)
		}
	}
	for _, s := range []string{"", "slot:", "slot:-1", "slot:+1", "slot:01", "slot:x", "slot: 1", "3", "code-3", "slot:99999999999999999999"} {
		if n, ok := ParseSlotActor(s); ok {
			t.Errorf("%q is slot %d", s, n)
		}
	}
}
