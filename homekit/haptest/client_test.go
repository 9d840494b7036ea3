package haptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// answer makes a client whose other side sends b and closes.
func answer(t *testing.T, b []byte) *Client {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		theirs.Write(b)
		theirs.Close()
	}()
	t.Cleanup(func() { ours.Close() })
	return New(ours, nil)
}

// The client must notice every fault of a server that tests are to find.
func TestStrictHTTP(t *testing.T) {
	for name, text := range map[string]string{
		"event inside a response": "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{\"a\":EVENT/1.0 200 OK\r\n",
		"bytes left over":         "x HTTP/1.1 200 OK\r\n\r\n",
		"no length":               "HTTP/1.1 200 OK\r\n\r\n{}",
		"204 with a body":         "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
		"bare line feeds":         "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"odd status":              "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"no text":                 "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
		"event of another status": "EVENT/1.0 204 No Content\r\n\r\n",
		"bad chunk":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"cut head":                "HTTP/1.1 200 OK\r\nContent-",
		"cut body":                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
	} {
		if r, err := answer(t, []byte(text)).ReadResponse(); !errors.Is(err, ErrStream) {
			t.Errorf("%s: %v %+v", name, err, r)
		}
	}
	for text, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":                                             "{}",
		"HTTP/1.1 204 No Content\r\n\r\n":                                                            "",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n":         "{}",
		"EVENT/1.0 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n": "",
	} {
		if r, err := answer(t, []byte(text)).ReadResponse(); err != nil || string(r.Body) != want {
			t.Errorf("%q: %v %+v", text, err, r)
		}
	}
	if _, err := answer(t, []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).NextEvent(time.Second); !errors.Is(err, ErrStream) {
		t.Errorf("a response that nobody asked for: %v", err)
	}
}

func TestStrictFrames(t *testing.T) {
	secret := make([]byte, 32)
	seal := func() *Client { // seals as the server does
		c := answer(t, nil)
		c.secure(secret)
		read, _ := aead(secret, "Control-Salt", "Control-Read-Encryption-Key")
		c.out = direction{aead: read}
		return c
	}
	good := seal().Seal([]byte("HTTP/1.1 204 No Content\r\n\r\n"), 7)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	for name, tc := range map[string]struct {
		frames []byte
		want   error
	}{
		"good":     {good, nil},
		"flipped":  {flipped, ErrDecrypt},
		"replayed": {append(bytes.Clone(good[:25]), good[:25]...), ErrDecrypt},
		"skipped":  {good[25:], ErrDecrypt},
		"too long": {append([]byte{1, 4}, make([]byte, 1041)...), ErrDecrypt},
		"empty":    {make([]byte, 18), ErrDecrypt},
		"cut":      {good[:len(good)-1], ErrStream},
		"at once":  {nil, io.EOF},
	} {
		c := answer(t, tc.frames)
		if err := c.secure(secret); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ReadResponse(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// A timeout in the middle of a frame loses nothing.
func TestTimeoutInsideAFrame(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	c := New(ours, nil)
	secret := make([]byte, 32)
	if err := c.secure(secret); err != nil {
		t.Fatal(err)
	}
	read, _ := aead(secret, "Control-Salt", "Control-Read-Encryption-Key")
	server := &Client{out: direction{aead: read}}
	frame := server.Seal([]byte("EVENT/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"), 1024)
	half := make(chan bool)
	go func() {
		theirs.Write(frame[:10])
		<-half
		theirs.Write(frame[10:])
	}()
	if err := c.NoEvent(20 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	close(half)
	if e, err := c.NextEvent(time.Second); err != nil || string(e.Body) != "{}" {
		t.Error(err, string(e.Body))
	}
}

func TestStrictTLV(t *testing.T) {
	for name, b := range map[string][]byte{
		"cut header": {1}, "cut body": {1, 2, 0}, "continuation after a short fragment": {1, 1, 0, 1, 1, 0}, "twice": {1, 0, 2, 0, 1, 0},
		"separator first": {255, 0, 1, 0}, "separator last": {1, 0, 255, 0}, "separator with a value": {1, 0, 255, 1, 0, 2, 0},
	} {
		if got, err := DecodeList(b); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	long := bytes.Repeat([]byte{7}, 510)
	records, err := DecodeList(append(append(Encode(Item{1, long}, B(2, 3)), 255, 0), Encode(Item{1, long[:255]}, Item{3, nil})...))
	if err != nil || len(records) != 2 || !bytes.Equal(records[0][1], long) || len(records[1][1]) != 255 || records[1][3] == nil {
		t.Errorf("%v %v", err, records)
	}
}
