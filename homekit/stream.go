package homekit

import (
	"bytes"
	"errors"
	"io"
	"net"
)

var (
	errHTTP     = errors.New("malformed http")
	errHeadSize = errors.New("the head of the request is too long")
	errBodySize = errors.New("the body of the request is too long")
)

// Sizes of requests. A read of 1,024 ids needs about 9 KiB of head, subscribing 900 characteristics 29 KiB of body.
const (
	headMax         = 8 << 10
	headMaxVerified = 16 << 10
	bodyMaxPairing  = 16 << 10
	bodyMaxJSON     = 64 << 10
)

// stream reads requests from a connection, plain at first and from frames once secured. The decrypted side is a
// stream of bytes: where a message ends is said by HTTP alone, never by a frame.
type stream struct {
	nc     io.Reader
	in     []byte // decrypted bytes; in[pos:] are not yet consumed
	pos    int
	raw    []byte // encrypted bytes; raw[rawPos:] are not yet decrypted
	rawPos int
	cipher *frameCipher
}

func newStream(nc net.Conn) *stream { return &stream{nc: nc, in: make([]byte, 0, 2048)} }

// secure switches to frames. What was read ahead is already ciphertext: a controller knows the keys before it has
// read M4.
func (st *stream) secure(c *frameCipher) {
	st.cipher = c
	st.raw = append(make([]byte, 0, 4*(frameMax+2+tagSize)), st.in[st.pos:]...)
	st.in, st.pos = st.in[:0], 0
}

// partial reports whether a message has begun.
func (st *stream) partial() bool { return st.pos < len(st.in) || st.rawPos < len(st.raw) }

// fill makes one step: it opens a frame that is there, or reads once. There may be no more plaintext afterwards, so that
// the caller can set a deadline before each read.
func (st *stream) fill() error {
	if st.pos > 0 && st.pos == len(st.in) {
		st.in, st.pos = st.in[:0], 0
	}
	if st.cipher == nil {
		return readMore(st.nc, &st.in)
	}
	out, used, err := st.cipher.open(st.in, st.raw[st.rawPos:])
	if err != nil {
		return err
	}
	if used > 0 {
		st.in = out
		if st.rawPos += used; st.rawPos == len(st.raw) {
			st.raw, st.rawPos = st.raw[:0], 0
		}
		return nil
	}
	if st.rawPos > 0 {
		st.raw = st.raw[:copy(st.raw, st.raw[st.rawPos:])]
		st.rawPos = 0
	}
	return readMore(st.nc, &st.raw)
}

// readMore appends what one read gives.
func readMore(r io.Reader, b *[]byte) error {
	if cap(*b)-len(*b) < 512 {
		grown := make([]byte, len(*b), max(2*cap(*b), 1024))
		copy(grown, *b)
		*b = grown
	}
	n, err := r.Read((*b)[len(*b):cap(*b)])
	*b = (*b)[:len(*b)+n]
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// request is one HTTP request. Its slices are good until the next one is read.
type request struct {
	method string
	path   []byte
	query  []byte
	body   []byte
}

// next reads one request. wait is called before each read with whether the head is already there.
func (st *stream) next(headLimit int, bodyLimit func(path []byte) int, wait func(head bool) error) (request, error) {
	st.compact()
	end, scanned := -1, 0
	for {
		buf := st.in[st.pos:]
		if i := bytes.Index(buf[scanned:], []byte("\r\n\r\n")); i >= 0 {
			end = scanned + i
			break
		}
		if len(buf) > headLimit {
			return request{}, errHeadSize
		}
		scanned = max(0, len(buf)-3)
		if err := wait(false); err != nil {
			return request{}, err
		}
		if err := st.fill(); err != nil {
			return request{}, err
		}
	}
	if end > headLimit {
		return request{}, errHeadSize
	}
	req, length, err := parseHead(st.in[st.pos : st.pos+end])
	if err != nil {
		return request{}, err
	}
	if length > bodyLimit(req.path) {
		return request{}, errBodySize
	}
	head, total := end+4, end+4+length
	for len(st.in)-st.pos < total {
		if err := wait(true); err != nil {
			return request{}, err
		}
		if err := st.fill(); err != nil {
			return request{}, err
		}
	}
	req.body = st.in[st.pos+head : st.pos+total]
	st.pos += total
	return req, nil
}

// compact moves what is left to the front, and lets go of a buffer that one large request has grown.
func (st *stream) compact() {
	if st.pos == 0 {
		return
	}
	rest := st.in[st.pos:]
	if cap(st.in) > 16<<10 && len(rest) < 2<<10 {
		st.in = append(make([]byte, 0, 4<<10), rest...)
	} else {
		st.in = st.in[:copy(st.in, rest)]
	}
	st.pos = 0
}

// parseHead reads the request line and the headers, CRLF and all, strictly: what a proxy might read in two ways is
// refused. It returns the length of the body.
func parseHead(head []byte) (request, int, error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	method, target, ok := bytes.Cut(line, []byte(" "))
	target, proto, ok2 := bytes.Cut(target, []byte(" "))
	if !ok || !ok2 || string(proto) != "HTTP/1.1" || len(target) == 0 || target[0] != '/' || !token(method) || !visible(target) {
		return request{}, 0, errHTTP
	}
	var req request
	req.method = methodName(method)
	req.path, req.query, _ = bytes.Cut(target, []byte("?"))
	length := -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !token(name) || !headerValue(value) {
			return request{}, 0, errHTTP
		}
		switch {
		case equalFold(name, "transfer-encoding"): // no controller sends one; read wrongly it would smuggle requests
			return request{}, 0, errHTTP
		case equalFold(name, "content-length"):
			n, ok := parseLength(bytes.Trim(value, " \t"))
			if !ok || length >= 0 && length != n {
				return request{}, 0, errHTTP
			}
			length = n
		}
	}
	return req, max(length, 0), nil
}

// methodName avoids an allocation for the methods that HAP uses.
func methodName(b []byte) string {
	switch string(b) {
	case "GET":
		return "GET"
	case "PUT":
		return "PUT"
	case "POST":
		return "POST"
	}
	return string(b)
}

func parseLength(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// token reports whether b is a token of RFC 9110 5.6.2.
func token(b []byte) bool {
	for _, c := range b {
		alnum := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !alnum && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func headerValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
