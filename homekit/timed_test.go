package homekit

import (
	"reflect"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// Timed writes: what needs a prepare, and what a prepare is good for.
func TestTimedWrites(t *testing.T) {
	h, c := openEvery(t, nil)
	other := h.session(c.Controller, h.accessory())
	timed, plain := haptest.Put{AID: 2, IID: iidTimed, Value: 1}, haptest.Put{AID: 2, IID: iidTarget, Value: 1}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name    string
		prepare func()
		pid     uint64 // 0: none
		want    []int  // of timed and plain
	}{
		{"no pid", func() {}, 0, []int{-70410, 0}},
		{"no pid after a prepare", func() { must(c.Prepare(5000, 1)) }, 0, []int{-70410, 0}},
		{"right pid", func() { must(c.Prepare(5000, 1)) }, 1, []int{0, 0}},
		{"pid used up", func() {}, 1, []int{-70410, -70410}},
		{"wrong pid", func() { must(c.Prepare(5000, 2)) }, 3, []int{-70410, -70410}},
		{"right pid after a wrong one", func() {}, 2, []int{-70410, -70410}},
		{"never prepared", func() {}, 9, []int{-70410, -70410}},
		{"expired at once", func() { must(c.Prepare(0, 4)) }, 4, []int{-70410, -70410}},
		{"replaced", func() { must(c.Prepare(5000, 5)); must(c.Prepare(5000, 6)) }, 5, []int{-70410, -70410}},
		{"the second one", func() { must(c.Prepare(5000, 5)); must(c.Prepare(5000, 6)) }, 6, []int{0, 0}},
		{"prepared in another session", func() { must(other.Prepare(5000, 7)) }, 7, []int{-70410, -70410}},
		{"largest", func() { must(c.Prepare(maxTTL, 1<<64-1)) }, 1<<64 - 1, []int{0, 0}},
	} {
		tc.prepare()
		before := len(h.written())
		var r []haptest.Result
		var err error
		if tc.pid == 0 {
			r, err = c.Put(timed, plain)
		} else {
			r, err = c.PutTimed(tc.pid, timed, plain)
		}
		if got := statuses(2, r); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v %v, want %v", tc.name, err, got, tc.want)
		}
		calls := 0
		for _, s := range tc.want {
			if s == 0 {
				calls++
			}
		}
		if n := len(h.written()) - before; n != calls {
			t.Errorf("%s: %d handlers ran, want %d", tc.name, n, calls)
		}
	}
	for _, body := range []string{`{}`, `{"ttl":1}`, `{"pid":1}`, `{"ttl":1,"pid":1,"pid":1}`, `{"ttl":1,"ttl":1,"pid":1}`, `{"ttl":9007199254740992,"pid":1}`,
		`{"ttl":-1,"pid":1}`, `{"ttl":1.5,"pid":1}`, `{"ttl":1,"pid":18446744073709551616}`, `{"ttl":"1","pid":1}`, `[]`, `{"ttl":1,"pid":1}x`} {
		if r, err := c.Do("PUT", "/prepare", typeJSON, []byte(body)); err != nil || r.Status != 400 {
			t.Errorf("%s: %v %+v", body, err, r)
		}
	}
	if r, err := c.Do("PUT", "/prepare", typeJSON, []byte("{\n \"ttl\" : 2500,\n \"pid\": 11122333\n \n}\n")); err != nil || string(r.Body) != `{"status":0}` {
		t.Errorf("the vector of HAP R14 6.7.2.4: %v %+v", err, r)
	}
	if w := h.written(); !w[len(w)-1].Timed && w[len(w)-2].Timed {
		t.Error("the handlers were not told of the prepare")
	}

	accepting, d := openEvery(t, func(c *Config) { c.TimedWrites = TimedAccepted })
	if r, err := d.Put(timed); err != nil || r != nil || len(accepting.written()) != 1 {
		t.Errorf("accepted without a prepare: %v %+v", err, r)
	}
	if r, err := d.PutTimed(3, timed); err != nil || statuses(1, r)[0] != -70410 {
		t.Errorf("a wrong pid is wrong there too: %v %+v", err, r)
	}
}

// A prepare ends on time, to the millisecond.
func TestTimedWriteExpires(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		for _, tc := range []struct {
			after time.Duration
			want  int
		}{{999 * time.Millisecond, 0}, {time.Second, -70410}, {time.Hour, -70410}} {
			if err := c.Prepare(1000, 1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tc.after)
			r, err := c.PutTimed(1, haptest.Put{AID: 2, IID: iidTarget, Value: 0})
			if err != nil || statuses(1, r)[0] != tc.want {
				t.Errorf("after %v: %v %+v", tc.after, err, r)
			}
		}
	})
}
