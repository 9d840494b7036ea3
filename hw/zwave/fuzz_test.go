package zwave

import (
	"encoding/json"
	"testing"

	"github.com/loquet/loquet/device"
)

// Whatever a server sends, nothing is shown as secured that it did not say is.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{
		`{"type":"event","event":{"source":"node","event":"value updated","nodeId":2,"args":{"commandClass":98,"endpoint":0,"property":"currentMode","newValue":255,"prevValue":0}}}`,
		`{"type":"event","event":{"source":"node","event":"notification","nodeId":2,"endpointIndex":0,"ccId":113,"args":{"type":6,"event":6,"parameters":{"userId":3}}}}`,
		`{"type":"event","event":{"source":"node","event":"value updated","nodeId":2,"args":{"commandClass":128,"property":"level","newValue":93}}}`,
		`{"type":"event","event":{"source":"controller","event":"status changed","status":1}}`,
		`{"type":"result","success":true,"messageId":"3","result":{"state":{"nodeId":2,"status":4,"ready":true,"isFrequentListening":"1000ms","values":[{"endpoint":0,"commandClass":98,"property":"currentMode","value":255}]}}}`,
		`{"type":"result","success":false,"messageId":"3","errorCode":"zwave_error","zwaveErrorCode":204,"zwaveErrorMessage":"x"}`,
		`{"type":"version","minSchemaVersion":0,"maxSchemaVersion":50}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		var v view
		v.mode = modeUnknown
		if n, err := parseNode(m.Result, 2); err == nil {
			v.take(n, 0)
		}
		if e, err := parseEvent(m.Event); err == nil {
			before := v.mode
			bolt := v.change(e.Args, 0)
			if !bolt && v.mode != before {
				t.Errorf("the mode went from %d to %d, and nothing is said of the bolt", before, v.mode)
			}
			n := v.hear(e.Args)
			if n.cause.Kind == device.CauseCode {
				if slot, ok := device.ParseSlotActor(n.cause.Actor); !ok || slot < 1 {
					t.Errorf("a code of nobody: %+v", n.cause)
				}
			}
		}
		if at, _ := v.position(); at == device.BoltSecured && v.mode != modeSecured {
			t.Errorf("secured in mode %d", v.mode)
		}
		if v.battery.Percent > 100 {
			t.Errorf("a battery of %d%%", v.battery.Percent)
		}
	})
}

// Answers to questions about codes and orders never count as done unless they say so.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{`{"result":{"status":255}}`, `{"result":{"status":5,"message":"x"}}`, `{"status":2}`, `{"status":255}`, `null`, ``, `{"result":{}}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if setStatus(b) == nil {
			var r struct{ Result struct{ Status float64 } }
			if json.Unmarshal(b, &r) != nil || r.Result.Status != 1 && r.Result.Status != 254 && r.Result.Status != 255 {
				t.Errorf("%q counts as accepted", b)
			}
		}
		_ = written(b)
	})
}
