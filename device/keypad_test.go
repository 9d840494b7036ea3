package device_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
)

func TestKeysAndCardsNeverPrintThemselves(t *testing.T) {
	e := device.KeypadEntry{Keys: "739154#", Card: &device.Card{Bits: 32, Data: []byte("sesame")}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{e, &e, e.Keys, e.Card, *e.Card, []any{e.Keys}, map[string]any{"k": e.Keys}} {
			out := fmt.Sprintf(format, value)
			for _, secret := range []string{"739154", "sesame", "736573616d65", "373339", "115 101 115"} {
				if strings.Contains(out, secret) {
					t.Errorf("%s of %T prints %s", format, value, out)
				}
			}
		}
	}
	out, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(out), `"Keys":"7 keys"`) || !strings.Contains(string(out), `"Card":"card of 32 bits"`) {
		t.Errorf("%s, %v", out, err)
	}
}

func TestVerdictWords(t *testing.T) {
	for k, want := range map[device.VerdictKind]string{device.VerdictNone: "none", device.VerdictGranted: "granted", device.VerdictWrong: "wrong",
		device.VerdictNotNow: "not-now", device.VerdictClock: "clock-unknown", device.VerdictLocked: "locked", device.VerdictFailed: "failed"} {
		if k.String() != want {
			t.Errorf("%s, want %s", k, want)
		}
	}
}
