package zigbee2mqtt

import (
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

// Whatever comes, nothing is shown as secured that was not said to be, and nobody is named who was not.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"state":"LOCK","lock_state":"locked","battery":93,"linkquality":120,"door_state":"closed","action":"unlock","action_user":3,"action_source_name":"keypad"}`,
		`{"lock_state":"not_fully_locked","state":"UNLOCK"}`,
		`{"users":{"3":{"status":"enabled","pin_code":"0427"}},"last_successful_pincode_save":1790000000000}`,
		`{"action":null,"battery":"93","battery_low":true}`,
		`{"state":"online"}`, `offline`, `null`, `[]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		online(b)
		m, err := parse(b)
		if err != nil {
			return
		}
		if at, contradicts := m.position(); at == device.BoltSecured && (contradicts || text(m.State) != "LOCK" && text(m.LockState) != "locked") {
			t.Errorf("secured: %s, %s", m.State, m.LockState)
		}
		if target, cause := m.turn(1, 20); cause.Kind == device.CauseCode {
			if n, ok := device.ParseSlotActor(cause.Actor); !ok || n < 1 || n > 20 || target == device.BoltTargetUnknown {
				t.Errorf("a code of nobody: %+v", cause)
			}
		}
		if s, ok := m.slot(3, time.Now()); ok && s.Use == device.SlotEmpty && s.Keys != "" {
			t.Error("an empty slot with a code")
		}
		if battery := m.battery(device.Battery{}); battery.Percent > 100 {
			t.Errorf("a battery of %d%%", battery.Percent)
		}
	})
}
