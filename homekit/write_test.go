package homekit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/homekit/haptest"
)

// iids of everyFormat.
const (
	iidBool = iidEvery + iota
	iidUint8
	iidUint16
	iidUint32
	iidUint64
	iidInt
	iidFloat
	iidString
	iidData
	iidTLV
	iidStep
	iidReadOnly
	iidWriteOnly
	iidTimed
	iidResponse
	iidButton
)

// everyFormat is a house whose accessory 2 has a characteristic of each format, all readable, writable and notifying.
func everyFormat() []*accessory.A {
	as := definitions(1)
	s := service.New("11111111-2222-3333-4444-555555555555")
	s.Id = iidEvery - 1
	perms := []string{"pr", "pw", "ev"}
	for iid, c := range map[uint64]struct {
		format string
		val    any
	}{
		iidBool: {"bool", false}, iidUint8: {"uint8", 0}, iidUint16: {"uint16", 0}, iidUint32: {"uint32", 0}, iidUint64: {"uint64", 0},
		iidInt: {"int", 0}, iidFloat: {"float", 1.0}, iidString: {"string", "a"}, iidData: {"data", []byte("a")}, iidTLV: {"tlv8", []byte{1, 0}},
		iidStep: {"uint8", 10}, iidReadOnly: {"uint8", 1}, iidWriteOnly: {"bool", nil}, iidTimed: {"uint8", 0}, iidResponse: {"tlv8", nil},
		iidButton: {"uint8", nil},
	} {
		s.AddC(newCharacteristic(iid, fmt.Sprintf("%08X-2222-3333-4444-555555555555", iid), c.format, c.val, perms...))
	}
	for _, c := range s.Cs {
		switch c.Id {
		case iidFloat:
			c.MinVal, c.MaxVal, c.StepVal = -10.0, 40.0, 0.1
		case iidData:
			c.MaxLen = 8
		case iidStep:
			c.MinVal, c.MaxVal, c.StepVal = 10, 100, 5
		case iidReadOnly:
			c.Permissions = []string{"pr"}
		case iidWriteOnly:
			c.Permissions = []string{"pw"}
		case iidTimed:
			c.Permissions = []string{"pr", "pw", "ev", "tw"}
		case iidResponse:
			c.Permissions = []string{"pr", "pw", "wr"}
		case iidButton:
			c.Type, c.Permissions = "73", []string{"pr", "ev"}
		}
	}
	as[1].AddS(s)
	return as
}

func openEvery(t testing.TB, change func(*Config)) (*house, *haptest.Client) {
	h := newHouse(t, nil, everyFormat(), change)
	h.start()
	return h, h.admin()
}

// Every kind of value against every writable characteristic: either it is exactly right, or it is refused with -70410,
// the handler does not hear of it and what is shown does not change.
func TestWriteValues(t *testing.T) {
	h, c := openEvery(t, nil)
	b64 := func(b string) string { return base64.StdEncoding.EncodeToString([]byte(b)) }
	type taken struct {
		raw  string
		want any
	}
	never := []string{"null", `{"a":1}`, "[]", "[1]", "1e400"}
	numbersOnly := []string{`"1"`, `"x"`, "true", "false", "0.6", "1.0", "1e0", "-0"}
	for _, tc := range []struct {
		name    string
		iid     uint64
		good    []taken
		refused []string
	}{
		{"TargetDoorState", iidTarget, []taken{{"0", int64(0)}, {"1", int64(1)}},
			append([]string{"-1", "2", "7", "255", "256", "18446744073709551616"}, numbersOnly...)},
		{"bool", iidBool, []taken{{"true", true}, {"false", false}, {"1", true}, {"0", false}}, []string{"2", "-1", `"true"`, "1.0", "0.0"}},
		{"uint8", iidUint8, []taken{{"0", int64(0)}, {"255", int64(255)}}, append([]string{"256", "-1"}, numbersOnly...)},
		{"uint16", iidUint16, []taken{{"65535", int64(65535)}}, append([]string{"65536", "-1"}, numbersOnly...)},
		{"uint32", iidUint32, []taken{{"4294967295", int64(4294967295)}}, append([]string{"4294967296", "-1"}, numbersOnly...)},
		{"uint64", iidUint64, []taken{{"9223372036854775808", uint64(1 << 63)}, {"18446744073709551615", uint64(1<<64 - 1)}},
			append([]string{"18446744073709551616", "-1"}, numbersOnly...)},
		{"int", iidInt, []taken{{"-2147483648", int64(-2147483648)}, {"2147483647", int64(2147483647)}},
			append([]string{"2147483648", "-2147483649", "-9223372036854775809"}, numbersOnly...)},
		{"step", iidStep, []taken{{"10", int64(10)}, {"100", int64(100)}, {"45", int64(45)}}, []string{"0", "5", "11", "99", "105"}},
		{"float", iidFloat, []taken{{"-10", -10.0}, {"40.0", 40.0}, {"21.7", 21.7}, {"21.700000762939453", 21.700000762939453}, {"2.1e1", 21.0}},
			[]string{"-10.1", "40.1", "21.75", `"21"`, "true"}},
		{"string", iidString, []taken{{`""`, ""}, {`"Grange \u00e9 \ud83d\ude01 \"\\\/"`, "Grange é 😁 \"\\/"}, {`"` + strings.Repeat("x", 64) + `"`, strings.Repeat("x", 64)}},
			[]string{`"` + strings.Repeat("x", 65) + `"`, `"` + strings.Repeat("é", 33) + `"`, "1", "true", `"a\u0000"`, `"a\nb"`, `"\ud83d"`, `"\udE01\ud83d"`}},
		{"data", iidData, []taken{{`""`, []byte{}}, {`"` + b64("12345678") + `"`, []byte("12345678")}},
			[]string{`"` + b64("123456789") + `"`, `"!"`, `"YQ"`, `"YR=="`, `"YW\nJj"`, "1"}},
		{"tlv8", iidTLV, []taken{{`""`, []byte{}}, {`"` + b64("\x01\x01a\x00\x00\x01\x00") + `"`, []byte("\x01\x01a\x00\x00\x01\x00")}},
			[]string{`"` + b64("\x01") + `"`, `"` + b64("\x01\x02a") + `"`, `"x"`, "1"}},
	} {
		before := value(t, c, 2, tc.iid)
		calls := len(h.written())
		for _, bad := range append(append([]string{}, never...), tc.refused...) {
			r, err := c.PutRaw(fmt.Appendf(nil, `{"characteristics":[{"aid":2,"iid":%d,"value":%s}]}`, tc.iid, bad))
			want := fmt.Sprintf(`{"characteristics":[{"aid":2,"iid":%d,"status":-70410}]}`, tc.iid)
			if err != nil || r.Status != 207 || string(r.Body) != want {
				t.Errorf("%s = %.40s: %v %d %s", tc.name, bad, err, r.Status, r.Body)
			}
		}
		if n := len(h.written()); n != calls {
			t.Errorf("%s: the handler got %+v", tc.name, h.written()[calls:])
		}
		if got := value(t, c, 2, tc.iid); got != before {
			t.Errorf("%s is shown as %s, was %s", tc.name, got, before)
		}
		for _, ok := range append(tc.good, tc.good[len(tc.good)-1]) { // the last one twice: same values are delivered too
			r, err := c.PutRaw(fmt.Appendf(nil, `{"characteristics":[{"aid":2,"iid":%d,"value":%s}]}`, tc.iid, ok.raw))
			if err != nil || r.Status != 204 || len(r.Body) != 0 {
				t.Errorf("%s = %s: %v %+v", tc.name, ok.raw, err, r)
				continue
			}
			w := h.written()
			if len(w) != calls+1 || !reflect.DeepEqual(w[calls].Value, ok.want) {
				t.Errorf("%s = %s: the handler got %#v, want %#v", tc.name, ok.raw, w[calls:], ok.want)
			}
			calls = len(w)
		}
	}
}

func TestWriteStatuses(t *testing.T) {
	h, c := openEvery(t, nil)
	h.SetReachable(3, true) // unknown: ignored
	for _, tc := range []struct {
		name, items string
		status      int
		body        string
	}{
		{"good and unknown", `{"aid":2,"iid":11,"value":1},{"aid":2,"iid":999,"value":1},{"aid":9,"iid":11,"value":1}`, 207,
			`{"aid":2,"iid":11,"status":0},{"aid":2,"iid":999,"status":-70409},{"aid":9,"iid":11,"status":-70409}`},
		{"read only", `{"aid":2,"iid":31,"value":1}`, 207, `{"aid":2,"iid":31,"status":-70404}`},
		{"no notification", `{"aid":2,"iid":31,"ev":true},{"aid":2,"iid":32,"ev":true}`, 207,
			`{"aid":2,"iid":31,"status":-70406},{"aid":2,"iid":32,"status":-70406}`},
		{"no notification, so no write either", `{"aid":2,"iid":32,"ev":true,"value":true}`, 207, `{"aid":2,"iid":32,"status":-70406}`},
		{"nothing to do", `{"aid":2,"iid":11}`, 207, `{"aid":2,"iid":11,"status":-70410}`},
		{"odd ev", `{"aid":2,"iid":11,"ev":"x"}`, 207, `{"aid":2,"iid":11,"status":-70410}`},
		{"odd remote", `{"aid":2,"iid":11,"value":1,"remote":"x"}`, 207, `{"aid":2,"iid":11,"status":-70410}`},
		{"odd authData", `{"aid":2,"iid":11,"value":1,"authData":"!"}`, 207, `{"aid":2,"iid":11,"status":-70410}`},
		{"response without wr", `{"aid":2,"iid":11,"value":1,"r":true}`, 207, `{"aid":2,"iid":11,"status":-70405}`},
		{"r false", `{"aid":2,"iid":11,"value":1,"r":false}`, 204, ""},
		{"subscribe and write", `{"aid":2,"iid":11,"value":1,"ev":true}`, 204, ""},
		{"unsubscribe", `{"aid":2,"iid":11,"ev":0},{"aid":2,"iid":10,"ev":false}`, 204, ""},
		{"none", ``, 204, ""},
		{"write only", `{"aid":2,"iid":32,"value":true}`, 204, ""},
		{"unknown keys", `{"aid":2,"iid":11,"value":1,"x":{"y":[1,{"z":null}]}}`, 204, ""},
		{"twice", `{"aid":2,"iid":11,"value":1},{"aid":2,"iid":11,"value":0}`, 422, `{"status":-70410}`},
	} {
		r, err := c.PutRaw([]byte(`{"characteristics":[` + tc.items + `]}`))
		want := tc.body
		if tc.status == 207 {
			want = `{"characteristics":[` + want + `]}`
		}
		if err != nil || r.Status != tc.status || string(r.Body) != want {
			t.Errorf("%s: %v %d %s, want %d %s", tc.name, err, r.Status, r.Body, tc.status, want)
		}
	}
	last := h.written()[len(h.written())-1]
	if last.IID != iidTarget || last.Value != int64(1) {
		t.Errorf("the last write is %+v", last)
	}
}

// What is no JSON, or has ids that are none, is 400 and executes nothing; the session goes on.
func TestWriteMalformed(t *testing.T) {
	h, c := openEvery(t, nil)
	item := `{"aid":2,"iid":11,"value":1}`
	for _, body := range []string{
		``, `{`, `{}`, `[]`, `null`, `"x"`, `{"characteristics":1}`, `{"characteristics":{}}`, `{"characteristics":[` + item + `]`,
		`{"characteristics":[` + item + `,]}`, `{"characteristics":[` + item + `]}}`, `{"characteristics":[` + item + `]} x`,
		`{"characteristics":[` + item + `],"characteristics":[` + item + `]}`, `{"characteristics":[` + item + `],}`,
		`{"characteristics":[{"aid":2,"aid":2,"iid":11,"value":1}]}`, `{"characteristics":[{"aid":2,"iid":11,"value":1,"value":0}]}`,
		`{"characteristics":[{"aid":2,"\u0061id":3,"iid":11,"value":1}]}`,
		`{"characteristics":[{"iid":11,"value":1}]}`, `{"characteristics":[{"aid":2,"value":1}]}`,
		`{"characteristics":[{"aid":"2","iid":11,"value":1}]}`, `{"characteristics":[{"aid":-2,"iid":11,"value":1}]}`,
		`{"characteristics":[{"aid":2.0,"iid":11,"value":1}]}`, `{"characteristics":[{"aid":18446744073709551616,"iid":11,"value":1}]}`,
		`{"characteristics":[{"aid":2,"iid":11,"value":01}]}`, `{"characteristics":[{"aid":2,"iid":11,"value":tru}]}`,
		`{"characteristics":[{"aid":2,"iid":11,"value":"a` + "\n" + `"}]}`, `{"characteristics":[{"aid":2,"iid":11,"value":"` + "\xff" + `"}]}`,
		`{"characteristics":[` + item + `],"pid":"1"}`, `{"characteristics":[` + item + `],"pid":1,"pid":1}`, `{'characteristics':[]}`,
		strings.Repeat(`{"a":`, 2000), strings.Repeat("[", 60000), `{"x":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `,"characteristics":[]}`,
	} {
		r, err := c.PutRaw([]byte(body))
		if err != nil || r.Status != 400 {
			t.Fatalf("%.80s: %v %+v", body, err, r)
		}
	}
	if len(h.written()) != 0 {
		t.Errorf("the handler got %+v", h.written())
	}
	// Item limits of the ADK's vectors: every number up to 64 bits is an id.
	r, err := c.PutRaw([]byte(`{"characteristics":[{"aid":18446744073709551615,"iid":9223372036854775808,"value":1}]}`))
	if err != nil || r.Status != 207 || !strings.Contains(string(r.Body), `"aid":18446744073709551615,"iid":9223372036854775808,"status":-70409`) {
		t.Errorf("%v %+v", err, r)
	}
}

func TestWriteResponse(t *testing.T) {
	h, c := openEvery(t, nil)
	n := 0
	h.handler(func(_ context.Context, w Write) (any, Status) {
		if w.IID != iidResponse {
			return "not asked for", StatusOK
		}
		n++
		return []byte{1, 1, byte(n)}, StatusOK
	})
	for i, want := range []string{`"AQEB"`, `"AQEC"`} { // the same request twice: two answers
		r, err := c.PutRaw([]byte(`{"characteristics":[{"aid":2,"iid":34,"value":"AQEB","r":true},{"aid":2,"iid":11,"value":1}]}`))
		if err != nil || string(r.Body) != `{"characteristics":[{"aid":2,"iid":34,"status":0,"value":`+want+`},{"aid":2,"iid":11,"status":0}]}` {
			t.Errorf("%d: %v %s", i, err, r.Body)
		}
	}
	for _, r := range []string{"", `,"r":false`} {
		r, err := c.PutRaw([]byte(`{"characteristics":[{"aid":2,"iid":34,"value":"AQEB"` + r + `}]}`))
		if err != nil || r.Status != 204 {
			t.Errorf("no response asked for: %v %+v", err, r)
		}
	}
	h.handler(func(context.Context, Write) (any, Status) { return 7, StatusOK })
	if r, err := c.Put(haptest.Put{AID: 2, IID: iidResponse, Value: "AQEB", R: true}); err != nil || statuses(1, r)[0] != int(StatusNoCommunication) {
		t.Errorf("a response that does not fit: %v %+v", err, r)
	}
}

// A role is asked for at each use, for the controller that the session proved.
func TestAuthorize(t *testing.T) {
	var mu sync.Mutex
	allowed := map[string]bool{}
	var asked []Access
	h, admin := openEvery(t, func(c *Config) {
		c.Authorize = func(_ context.Context, a Access) error {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, a)
			if a.IID == iidBool {
				panic("a fault in the rules")
			}
			if !allowed[a.Controller.ID] {
				return errors.New("not today")
			}
			return nil
		}
	})
	guest := h.user(admin, h.accessory())
	put := func(c *haptest.Client, iid uint64, raw string, want int) {
		t.Helper()
		r, err := c.PutRaw(fmt.Appendf(nil, `{"characteristics":[{"aid":2,"iid":%d,"value":%s,"remote":true}]}`, iid, raw))
		if err != nil {
			t.Fatal(err)
		}
		results, _ := haptest.Results(r.Body)
		if got := statuses(1, results)[0]; got != want {
			t.Errorf("%d = %s by admin %v: %d, want %d", iid, raw, c == admin, got, want)
		}
	}
	put(admin, iidTarget, "0", -70401)
	mu.Lock()
	allowed[admin.Controller.ID] = true
	mu.Unlock()
	put(admin, iidTarget, "0", 0)
	put(guest, iidTarget, "0", -70401)
	put(guest, iidTarget, `"x"`, -70401) // who may not write learns nothing of the value
	put(guest, iidReadOnly, "1", -70401)
	put(guest, 999, "1", -70409)
	put(guest, iidBool, "1", -70402)
	if got := value(t, guest, 2, iidTarget); got != "0" {
		t.Errorf("reading: %s", got)
	}
	if len(h.written()) != 1 {
		t.Errorf("handlers: %+v", h.written())
	}
	want := Access{Controller: Controller{ID: guest.Controller.ID}, AID: 2, IID: iidTarget, Remote: true}
	if asked[2] != want {
		t.Errorf("asked %+v, want %+v", asked[2], want)
	}
}

// A definition's own handler is served too, with the types that brutella/hap's setters expect.
func TestClassicHandlers(t *testing.T) {
	as := everyFormat()
	var got []any
	for _, c := range as[1].Ss[2].Cs {
		if c.Id == iidUint8 || c.Id == iidData || c.Id == iidUint64 {
			c.SetValueRequestFunc = func(v any, r *http.Request) (any, int) {
				w, ok := WriteOf(r.Context())
				got = append(got, v, ok && w.IID == c.Id)
				return nil, int(StatusNotAllowedInState)
			}
		}
	}
	h := newHouse(t, nil, as, nil)
	h.start()
	c := h.admin()
	for _, p := range []haptest.Put{{AID: 2, IID: iidUint8, Value: 7}, {AID: 2, IID: iidData, Value: "YQ=="}, {AID: 2, IID: iidUint64, Value: 7}} {
		if r, err := c.Put(p); err != nil || statuses(1, r)[0] != -70412 {
			t.Errorf("%v %+v", err, r)
		}
	}
	if want := []any{7, true, "YQ==", true, uint64(7), true}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
}
