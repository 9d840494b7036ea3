package homekit

import "strconv"

const (
	typeJSON    = "application/hap+json"
	typePairing = "application/pairing+tlv8"
)

// headRoom is kept free in front of a body, so that the head, whose length depends on the body's, needs no copy.
const headRoom = 160

// message is a response or an event on its way to the socket: b[start:] is what the controller gets.
type message struct {
	b     []byte
	start int
	after func() // runs when the message has been written, or cannot be any more
	last  bool   // the connection ends when the message has been written
}

// newMessage begins a message in a buffer of at least headRoom bytes.
func newMessage(buf []byte) *message {
	if cap(buf) < headRoom {
		buf = make([]byte, headRoom, headRoom+192)
	}
	return &message{b: buf[:headRoom], start: headRoom}
}

func (m *message) bytes() []byte { return m.b[m.start:] }

// finish runs what waited for the message to leave. It is safe on nil.
func (m *message) finish() {
	if m != nil && m.after != nil {
		m.after()
	}
}

// respond writes the head for the body that stands in m.
func (m *message) respond(status int, contentType string) *message {
	var head [headRoom]byte
	h := append(head[:0], "HTTP/1.1 "...)
	h = strconv.AppendInt(h, int64(status), 10)
	h = append(h, ' ')
	h = append(h, statusText(status)...)
	return m.prepend(h, contentType, status != 204)
}

// event writes the head of an event (HAP R2 6.8.2). Content-Length is always there: parsers guess without it.
func (m *message) event() *message {
	var head [headRoom]byte
	return m.prepend(append(head[:0], "EVENT/1.0 200 OK"...), typeJSON, true)
}

func (m *message) prepend(h []byte, contentType string, body bool) *message {
	if body {
		if contentType != "" {
			h = append(h, "\r\nContent-Type: "...)
			h = append(h, contentType...)
		}
		h = append(h, "\r\nContent-Length: "...)
		h = strconv.AppendInt(h, int64(len(m.b)-headRoom), 10)
	}
	h = append(h, "\r\n\r\n"...)
	m.start = headRoom - len(h)
	copy(m.b[m.start:], h)
	return m
}

func statusText(code int) string {
	switch code {
	case 200:
		return "OK"
	case 204:
		return "No Content"
	case 207:
		return "Multi-Status"
	case 400:
		return "Bad Request"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 413:
		return "Content Too Large"
	case 422:
		return "Unprocessable Content"
	case 431:
		return "Request Header Fields Too Large"
	case 470:
		return "Connection Authorization Required"
	case 500:
		return "Internal Server Error"
	case 503:
		return "Service Unavailable"
	}
	return "Unknown"
}

// empty is a response without a body, of a given status.
func empty(status int) *message { return newMessage(nil).respond(status, "") }

// statusBody is the {"status":n} of HAP's error responses.
func statusBody(status int, code Status) *message {
	m := newMessage(nil)
	m.b = append(m.b, `{"status":`...)
	m.b = strconv.AppendInt(m.b, int64(code), 10)
	m.b = append(m.b, '}')
	return m.respond(status, typeJSON)
}

// pairingBody is a TLV answer of a pairing endpoint.
func pairingBody(status int, tlv []byte) *message {
	m := newMessage(nil)
	m.b = append(m.b, tlv...)
	return m.respond(status, typePairing)
}

// pairingError answers with the state after the request's and an error, nothing else.
func pairingError(status int, state, code byte) *message {
	return pairingBody(status, appendTLVByte(appendTLVByte(nil, tlvState, state), tlvError, code))
}
