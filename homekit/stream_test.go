package homekit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// putOf makes a write whose whole request has n bytes.
func putOf(n int) []byte {
	item := `{"characteristics":[{"aid":2,"iid":11,"value":1}]}`
	for fill := max(0, n-200); ; fill++ {
		r := haptest.Request("PUT", "/characteristics", typeJSON, []byte(item+strings.Repeat(" ", fill)))
		if len(r) >= n {
			return r
		}
	}
}

// The end of a message is said by HTTP, never by a frame: requests of exactly n x 1024 bytes must not hang.
func TestRequestSizes(t *testing.T) {
	h := open(t, 1, nil)
	c := h.admin()
	for _, n := range []int{300, 1023, 1024, 1025, 2047, 2048, 2049, 3 * 1024, 10 * 1024, 60 * 1024} {
		for _, frame := range []int{1024, 1, 2, 100, 1023} {
			if frame < 100 && n > 4096 {
				continue
			}
			if err := c.WriteRaw(c.Seal(putOf(n), frame)); err != nil {
				t.Fatal(err)
			}
			if r, err := c.ReadResponse(); err != nil || r.Status != 204 {
				t.Fatalf("%d bytes in frames of %d: %v %+v", n, frame, err, r)
			}
		}
	}
}

// A request split anywhere, in the bytes of its frames and in its plaintext, is one request.
func TestRequestsSplitEverywhere(t *testing.T) {
	h := open(t, 1, nil)
	c := h.admin()
	req := putOf(180)
	for at := 1; at < len(req); at++ {
		frames := append(c.Seal(req[:at], 1024), c.Seal(req[at:], 1024)...)
		if err := c.WriteRaw(frames); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != 204 {
			t.Fatalf("plaintext split at %d: %v %+v", at, err, r)
		}
	}
	for at := 1; at < len(req)+18; at++ {
		frame := c.Seal(req, 1024)
		if err := errors.Join(c.WriteRaw(frame[:at]), c.WriteRaw(frame[at:])); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != 204 {
			t.Fatalf("frame split at %d: %v %+v", at, err, r)
		}
	}
	plain := haptest.Request("GET", "/accessories", "", nil)
	for at := 1; at < len(plain); at++ {
		d := h.dial(nil)
		if err := errors.Join(d.WriteRaw(plain[:at]), d.WriteRaw(plain[at:])); err != nil {
			t.Fatal(err)
		}
		if r, err := d.ReadResponse(); err != nil || r.Status != 470 {
			t.Fatalf("plain request split at %d: %v %+v", at, err, r)
		}
		d.Close()
	}
}

// Pipelined requests are all answered, in order.
func TestPipelining(t *testing.T) {
	h := open(t, 3, nil)
	c := h.admin()
	var all []byte
	for i := range 9 {
		all = append(all, haptest.Request("GET", fmt.Sprintf("/characteristics?id=%d.%d", i%3+2, iidCurrent+i/3), "", nil)...)
	}
	for _, frame := range []int{1024, 7, 100} {
		if err := c.WriteRaw(c.Seal(all, frame)); err != nil {
			t.Fatal(err)
		}
		for i := range 9 {
			r, err := c.ReadResponse()
			want := fmt.Sprintf(`{"characteristics":[{"aid":%d,"iid":%d,`, i%3+2, iidCurrent+i/3)
			if err != nil || !strings.HasPrefix(string(r.Body), want) {
				t.Fatalf("answer %d in frames of %d: %v %s", i, frame, err, r.Body)
			}
		}
	}
	d := h.dial(nil)
	if err := d.WriteRaw(bytes.Repeat(haptest.Request("GET", "/accessories", "", nil), 3)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if r, err := d.ReadResponse(); err != nil || r.Status != 470 {
			t.Fatal(err, r)
		}
	}
}

// A frame that is too long, forged or replayed ends the connection, and nothing of it is carried out.
func TestBadFrames(t *testing.T) {
	put := haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[{"aid":2,"iid":11,"value":0}]}`))
	for name, send := range map[string]func(c *haptest.Client) []byte{
		"bad tag": func(c *haptest.Client) []byte {
			f := c.Seal(put, 1024)
			f[len(f)-1] ^= 1
			return f
		},
		"bad length": func(c *haptest.Client) []byte {
			f := c.Seal(put, 1024)
			f[0]--
			return append(f, make([]byte, 1100)...)
		},
		"1025 bytes":   func(*haptest.Client) []byte { return append([]byte{1, 4}, make([]byte, 1041)...) },
		"65535 bytes":  func(*haptest.Client) []byte { return []byte{255, 255, 0, 0} },
		"empty frame":  func(*haptest.Client) []byte { return make([]byte, 18) },
		"plain":        func(*haptest.Client) []byte { return put },
		"lost a frame": func(c *haptest.Client) []byte { c.Seal(put, 1024); return c.Seal(put, 1024) },
		"replayed": func(c *haptest.Client) []byte {
			f := c.Seal(haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[]}`)), 1024)
			return append(f, f...)
		},
	} {
		h := open(t, 1, nil)
		c := h.admin()
		if err := c.WriteRaw(send(c)); err != nil {
			t.Fatal(err)
		}
		if err := c.Closed(10 * time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(h.written()) != 0 {
			t.Errorf("%s: carried out", name)
		}
	}
}

// What is not exactly HTTP/1.1 closes the connection without an answer.
func TestMalformedHTTP(t *testing.T) {
	h := open(t, 1, nil)
	h.pair()
	for _, text := range []string{
		"\r\n\r\n", "GET\r\n\r\n", "GET /accessories\r\n\r\n", "GET /accessories HTTP/1.0\r\n\r\n", "GET  /accessories HTTP/1.1\r\n\r\n",
		"GET accessories HTTP/1.1\r\n\r\n", "GET http://x/accessories HTTP/1.1\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n", "G\x00T / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "GET / HTTP/1.1\r\n folded: x\r\n\r\n", "GET / HTTP/1.1\r\nA: x\r\n y\r\n\r\n", "GET / HTTP/1.1\r\nA: x\ny\r\n\r\n",
		"POST /identify HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "POST /identify HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
		"POST /identify HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "POST /identify HTTP/1.1\r\nContent-Length: 0x1\r\n\r\nx",
		"POST /identify HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx", "POST /identify HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /identify HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST /identify HTTP/1.1\r\nContent-Length:\r\n\r\n",
		"POST /identify HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx",
	} {
		c := h.dial(nil)
		if err := c.WriteRaw([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err == nil {
			t.Errorf("%q is answered with %d", text, r.Status)
		} else if err := c.Closed(10 * time.Second); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		c.Close()
	}
}

// Heads and bodies that are too long are refused before they are read.
func TestOversized(t *testing.T) {
	h := open(t, 1, nil)
	admin := h.admin()
	long := func(n int) string { return "GET /accessories HTTP/1.1\r\nX: " + strings.Repeat("x", n) + "\r\n\r\n" }
	post := func(path string, n int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n", path, n)
	}
	for _, tc := range []struct {
		name, text string
		verified   bool
		status     int
	}{
		{"head of 8 KiB", long(8<<10 - 100), false, 470},
		{"head of more", long(8<<10 + 100), false, 431},
		{"endless head", strings.Repeat("x", 9<<10), false, 431},
		{"verified head of 16 KiB", long(16<<10 - 100), true, 200},
		{"verified head of more", long(16<<10 + 100), true, 431},
		{"pair-setup body", post("/pair-setup", 16<<10+1), false, 413},
		{"64 MiB", post("/pair-verify", 64<<20), false, 413},
		{"unverified JSON", strings.Replace(post("/characteristics", 17<<10), "POST", "PUT", 1), false, 413},
		{"pairings body", post("/pairings", 16<<10+1), true, 413},
		{"JSON body", strings.Replace(post("/characteristics", 64<<10+1), "POST", "PUT", 1), true, 413},
	} {
		c := h.dial(nil)
		if tc.verified {
			c.Close()
			c = h.session(admin.Controller, h.accessory())
		}
		if err := c.Send([]byte(tc.text)); err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != tc.status {
			t.Errorf("%s: %v %+v", tc.name, err, r)
		}
		if tc.status == 413 || tc.status == 431 {
			if err := c.Closed(10 * time.Second); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
		c.Close()
	}
}

// Slow senders: 5 s for a head, 10 s for a body, 10 s in all before pair-verify, for ever between the requests of a
// session.
func TestSlowSenders(t *testing.T) {
	closedAfter := func(t *testing.T, c *haptest.Client, want time.Duration) {
		t.Helper()
		start := time.Now()
		if err := c.Closed(5 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != want {
			t.Errorf("closed after %v, want %v", took, want)
		}
	}
	for name, f := range map[string]func(t *testing.T, h *house){
		"silent": func(t *testing.T, h *house) { closedAfter(t, h.pipe("192.0.2.1", nil), verifyLimit) },
		"half a head": func(t *testing.T, h *house) {
			c := h.pipe("192.0.2.1", nil)
			time.Sleep(2 * time.Second)
			c.WriteRaw([]byte("GET /acc"))
			closedAfter(t, c, headLimit)
		},
		"a byte a second": func(t *testing.T, h *house) {
			c := h.pipe("192.0.2.1", nil)
			start := time.Now()
			for _, b := range haptest.Request("GET", "/accessories", "", nil) {
				if c.WriteRaw([]byte{b}) != nil {
					break
				}
				time.Sleep(time.Second)
			}
			if took := time.Since(start); took > headLimit+time.Second {
				t.Errorf("closed after %v", took)
			}
		},
		"busy without pair-verify": func(t *testing.T, h *house) {
			c := h.pipe("192.0.2.1", nil)
			start := time.Now()
			for {
				if _, err := c.Do("GET", "/accessories", "", nil); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			if took := time.Since(start); took < verifyLimit || took > verifyLimit+time.Second {
				t.Errorf("closed after %v", took)
			}
		},
		"half a body": func(t *testing.T, h *house) {
			c := h.pipeSession("192.0.2.1", true)
			req := putOf(200)
			c.Send(req[:len(req)-1])
			closedAfter(t, c, bodyLimit)
		},
		"half a frame": func(t *testing.T, h *house) {
			c := h.pipeSession("192.0.2.1", true)
			frame := c.Seal(putOf(200), 1024)
			c.WriteRaw(frame[:1])
			closedAfter(t, c, headLimit)
		},
		"a quiet session": func(t *testing.T, h *house) {
			c := h.pipeSession("192.0.2.1", true)
			for range 3 {
				time.Sleep(24 * time.Hour)
				if got := value(t, c, 2, iidTarget); got != "1" {
					t.Error(got)
				}
			}
			c.Close()
		},
		"does not read its answer": func(t *testing.T, h *house) {
			c := h.pipe("192.0.2.1", nil)
			c.WriteRaw(haptest.Request("GET", "/accessories", "", nil))
			time.Sleep(writeLimit + time.Second)
			synctest.Wait()
			if n := len(h.admission.all()); n != 0 {
				t.Errorf("%d connections are open", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { bubble(t, f) })
	}
}
