package haptest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Response is an HTTP answer.
type Response struct {
	Status int
	Type   string
	Body   []byte
}

// Event is an EVENT message and when its last byte was read.
type Event struct {
	Body []byte
	At   time.Time
}

// Request builds an HTTP request.
func Request(method, path, contentType string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: accessory\r\n", method, path)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// Do sends a request and returns its response. Events that come before it are kept for NextEvent.
func (c *Client) Do(method, path, contentType string, body []byte) (*Response, error) {
	if err := c.Send(Request(method, path, contentType, body)); err != nil {
		return nil, err
	}
	return c.ReadResponse()
}

// ReadResponse reads messages until a response comes, keeping events.
func (c *Client) ReadResponse() (*Response, error) {
	c.conn.SetReadDeadline(c.deadline())
	for {
		event, r, err := c.readMessage()
		if err != nil {
			return nil, err
		}
		if !event {
			return r, nil
		}
		c.events = append(c.events, Event{r.Body, time.Now()})
	}
}

// NextEvent returns the next event, waiting at most d. A response that nobody asked for is an error.
func (c *Client) NextEvent(d time.Duration) (Event, error) {
	if len(c.events) > 0 {
		e := c.events[0]
		c.events = c.events[1:]
		return e, nil
	}
	c.conn.SetReadDeadline(time.Now().Add(d))
	if _, err := c.in.Peek(1); err != nil {
		return Event{}, err
	}
	c.conn.SetReadDeadline(c.deadline()) // a message that has begun is read to its end
	event, r, err := c.readMessage()
	if err != nil {
		return Event{}, err
	}
	if !event {
		return Event{}, fmt.Errorf("%w: a response without a request", ErrStream)
	}
	return Event{r.Body, time.Now()}, nil
}

// NoEvent fails if an event comes within d.
func (c *Client) NoEvent(d time.Duration) error {
	e, err := c.NextEvent(d)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("haptest: an event came: %s", e.Body)
}

// Closed waits until the other side closes, dropping what still comes, and fails if it does not within d.
func (c *Client) Closed(d time.Duration) error {
	c.conn.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, c.conn)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return fmt.Errorf("haptest: the connection is open after %v", d)
	}
	return nil
}

// readMessage reads one response or event strictly.
func (c *Client) readMessage() (event bool, r *Response, err error) {
	line, err := c.line()
	if err != nil {
		return false, nil, err
	}
	proto, rest, _ := strings.Cut(line, " ")
	code, text, ok := strings.Cut(rest, " ")
	status, nerr := strconv.Atoi(code)
	event = proto == "EVENT/1.0"
	if proto != "HTTP/1.1" && !event || !ok || text == "" || nerr != nil || len(code) != 3 || event && status != 200 {
		return false, nil, fmt.Errorf("%w: status line %q", ErrStream, line)
	}
	r = &Response{Status: status}
	length, chunked := -1, false
	for {
		if line, err = c.line(); err != nil {
			return false, nil, truncated(err)
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return false, nil, fmt.Errorf("%w: header %q", ErrStream, line)
		}
		switch strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(value); err != nil || length < 0 {
				return false, nil, fmt.Errorf("%w: header %q", ErrStream, line)
			}
		case "content-type":
			r.Type = value
		case "transfer-encoding":
			chunked = strings.EqualFold(value, "chunked")
		}
	}
	switch {
	case chunked && !event:
		r.Body, err = c.chunks()
	case length > 0 && status == 204:
		return false, nil, fmt.Errorf("%w: 204 with a body", ErrStream)
	case length >= 0:
		r.Body = make([]byte, length)
		_, err = io.ReadFull(c.in, r.Body)
	case status != 204:
		return false, nil, fmt.Errorf("%w: no content-length", ErrStream)
	}
	if err != nil {
		return false, nil, truncated(err)
	}
	return event, r, nil
}

// chunks reads a chunked body, which the HomeKit ADK and HAP-NodeJS send for /accessories.
func (c *Client) chunks() ([]byte, error) {
	var body []byte
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return nil, fmt.Errorf("%w: chunk %q", ErrStream, line)
		}
		part := make([]byte, n)
		if _, err := io.ReadFull(c.in, part); err != nil {
			return nil, err
		}
		if line, err = c.line(); err != nil || line != "" {
			return nil, fmt.Errorf("%w: end of chunk %q", ErrStream, line)
		}
		if n == 0 {
			return body, nil
		}
		body = append(body, part...)
	}
}

// line reads to CRLF; anything unprintable means that this is not where a message begins.
func (c *Client) line() (string, error) {
	b, err := c.in.ReadSlice('\n')
	if err != nil {
		if len(b) > 0 {
			err = truncated(err)
		}
		return "", err
	}
	if len(b) < 2 || b[len(b)-2] != '\r' {
		return "", fmt.Errorf("%w: line %q", ErrStream, b)
	}
	for _, ch := range b[:len(b)-2] {
		if ch < 0x20 || ch > 0x7e {
			return "", fmt.Errorf("%w: line %q", ErrStream, b)
		}
	}
	return string(b[:len(b)-2]), nil
}

// truncated makes an end inside a message an error of the stream; a timeout stays one.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the connection ended inside a message", ErrStream)
	}
	return err
}
