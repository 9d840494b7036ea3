package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
	"github.com/loquet/loquet/device"
)

// block is one event of a stream, as it came over the wire.
type block struct {
	id, event, data, comment string
}

type reader struct {
	t  *testing.T
	in *bufio.Reader
}

// next reads one block.
func (r *reader) next() (block, error) {
	var b block
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			return b, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == "\n":
			return b, nil
		case name == "":
			b.comment = value
		case name == "id":
			b.id = value
		case name == "event":
			b.event = value
		case name == "data":
			b.data = value
		}
	}
}

func (r *reader) must() block {
	r.t.Helper()
	b, err := r.next()
	if err != nil {
		r.t.Fatalf("stream ended: %v", err)
	}
	return b
}

// expect reads blocks and compares what they are: "id 2", "state garage", "history 3", "health".
func (r *reader) expect(want ...string) {
	r.t.Helper()
	for _, w := range want {
		b := r.must()
		got := b.event
		switch b.event {
		case "":
			got = "id " + b.id
		case "state":
			_, rest, _ := strings.Cut(b.data, `"id":"`)
			id, _, _ := strings.Cut(rest, `"`)
			got += " " + id
		case "history":
			got += " " + b.id
		}
		if got != w {
			r.t.Fatalf("stream says %q (%+v), want %q", got, b, w)
		}
	}
}

// pipes is a listener whose connections are net.Pipe, so that it works in a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	near, far := net.Pipe()
	p.conns <- far
	return near
}

// bubble serves in a synctest bubble until the returned function is called.
func bubble(t *testing.T, s *api.Server) (*pipes, func()) {
	p := newPipes()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, p) }()
	return p, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

// open asks for the stream and reads the head of the answer.
func open(t *testing.T, c net.Conn, header string) *reader {
	t.Helper()
	fmt.Fprintf(c, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s\r\n", startToken, header)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %s", resp.Status, body)
	}
	return &reader{t: t, in: bufio.NewReader(resp.Body)}
}

func note(h *apitest.House, n int) {
	for range n {
		h.Write(api.Row{Device: "garage", Kind: "note", At: time.Now()})
	}
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := villa()
		note(h, 2)
		p, stop := bubble(t, newServer(t, h))
		c := p.dial()
		r := open(t, c, "")
		r.expect("id 2", "state garage", "state front", "health")
		synctest.Wait() // what is written while missed rows are sent may overtake a state
		go func() {
			h.Put(api.DoorDevice("garage", "Garage", device.DoorState{Position: device.PositionOpening, Available: true}, nil))
			note(h, 1)
			h.SetProblems(api.Problem{Code: "x"})
		}()
		r.expect("state garage", "history 3", "health")
		started := time.Now()
		if b := r.must(); b.comment != "beat" || time.Since(started) > 15*time.Second {
			t.Errorf("%+v after %v, want a heartbeat", b, time.Since(started))
		}
		// The server's own time-outs are for requests that end.
		for range 20 {
			if b := r.must(); b.comment != "beat" {
				t.Errorf("%+v, want a heartbeat", b)
			}
		}
		stopped := make(chan struct{})
		go func() { stop(); close(stopped) }()
		if _, err := r.next(); err == nil {
			t.Error("the stream goes on after the stop")
		}
		c.Close()
		<-stopped
	})
}

func TestStreamResumes(t *testing.T) {
	tests := []struct {
		name, header string
		rows         int
		want         []string
	}{
		{"new", "", 3, []string{"id 3", "state garage", "state front", "health", "history 4"}},
		{"nothing missed", "Last-Event-ID: 3\r\n", 3, []string{"id 3", "state garage", "state front", "health", "history 4"}},
		{"two missed", "Last-Event-ID: 1\r\n", 3, []string{"id 1", "state garage", "state front", "health", "history 2", "history 3", "history 4"}},
		{"all missed", "Last-Event-ID: 0\r\n", 2, []string{"id 0", "state garage", "state front", "health", "history 1", "history 2", "history 3"}},
		{"of another history", "Last-Event-ID: 99\r\n", 3, []string{"id 3", "state garage", "state front", "health", "history 4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := villa()
				note(h, tt.rows)
				p, stop := bubble(t, newServer(t, h))
				c := p.dial()
				r := open(t, c, tt.header)
				r.expect(tt.want[:len(tt.want)-1]...)
				go note(h, 1)
				r.expect(tt.want[len(tt.want)-1])
				c.Close()
				stop()
			})
		})
	}
}

// TestStreamMissesNothing: a client that is cut off again and again, while rows are written, sees
// every row once.
func TestStreamMissesNothing(t *testing.T) {
	h := villa()
	s := newServer(t, h)
	socket, _ := serve(t, s)
	const total = 2000
	go note(h, total)
	last, reconnects := int64(0), 0
	for last < total {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		r := open(t, c, "Last-Event-ID: "+strconv.FormatInt(last, 10)+"\r\n")
		for seen := 0; seen < 300 && last < total; {
			b, err := r.next()
			if err != nil {
				break // dropped because it was too slow: comes back
			}
			if b.event != "history" {
				continue
			}
			if want := strconv.FormatInt(last+1, 10); b.id != want {
				t.Fatalf("row %s, want %s", b.id, want)
			}
			last++
			seen++
		}
		c.Close()
		reconnects++
	}
	if reconnects < 2 {
		t.Errorf("the test never reconnected")
	}
}

func TestStreamLargeReplay(t *testing.T) {
	h := villa()
	note(h, 1234)
	w := newServer(t, h)
	socket, _ := serve(t, w)
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := open(t, c, "Last-Event-ID: 0\r\n")
	r.expect("id 0", "state garage", "state front", "health")
	for i := range 1234 {
		r.expect("history " + strconv.Itoa(i+1))
	}
}

// TestSlowClient: a client that stops reading is dropped, the others and whoever publishes do not
// notice.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := villa()
		s := newServer(t, h)
		p, stop := bubble(t, s)
		slow, good := p.dial(), p.dial()
		open(t, slow, "").expect("id 0", "state garage")
		r := open(t, good, "")
		r.expect("id 0", "state garage", "state front", "health")
		started := time.Now()
		for i := range 600 {
			note(h, 1)
			r.expect("history " + strconv.Itoa(i+1))
		}
		if took := time.Since(started); took != 0 {
			t.Errorf("publishing waited %v for the slow client", took)
		}
		time.Sleep(11 * time.Second)
		if got := ask(s, "GET", "/metrics", "").Body.String(); !strings.Contains(got, "loquet_stream_clients 1\n") || !strings.Contains(got, "loquet_stream_dropped_total 1\n") {
			t.Errorf("the slow client is still there:\n%s", got)
		}
		slow.Close()
		good.Close()
		stop()
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := bubble(t, newServer(t, villa()))
		var held []net.Conn
		for range 32 {
			c := p.dial()
			open(t, c, "").expect("id 0", "state garage", "state front", "health")
			held = append(held, c)
		}
		c := p.dial()
		fmt.Fprintf(c, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", startToken)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("%v %v", resp, err)
		}
		c.Close()
		held[0].Close()
		synctest.Wait()
		c = p.dial()
		open(t, c, "").expect("id 0", "state garage", "state front", "health")
		c.Close()
		for _, c := range held {
			c.Close()
		}
		stop()
	})
}

func TestStreamRefuses(t *testing.T) {
	h := villa()
	s := newServer(t, h)
	w := ask(s, "GET", "/api/v1/stream", "", func(r *http.Request) { r.Header.Set("Last-Event-ID", "x") })
	if e := problem(t, w); e.Code != "bad-query" {
		t.Errorf("%+v", e)
	}
	h.Break(errors.New("disk"))
	if e := problem(t, ask(s, "GET", "/api/v1/stream?after=1", "")); e.Code != "internal" {
		t.Errorf("%+v", e)
	}
}

// TestSlowHeader: who does not finish the header within 5 s loses the connection.
func TestSlowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := bubble(t, newServer(t, villa()))
		c := p.dial()
		started := time.Now()
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: ")
		_, _ = io.Copy(io.Discard, c)
		if took := time.Since(started); took != 5*time.Second {
			t.Errorf("closed after %v", took)
		}
		stop()
	})
}

// TestSlowBody: a body that trickles in is given up, and no command comes of it.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := villa()
		p, stop := bubble(t, newServer(t, h))
		c := p.dial()
		fmt.Fprintf(c, "POST /api/v1/devices/garage/command HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"action\"", startToken)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusRequestTimeout {
			t.Fatalf("%v %v", resp, err)
		}
		if n := len(h.Asked()); n != 0 {
			t.Errorf("%d commands", n)
		}
		c.Close()
		stop()
	})
}
