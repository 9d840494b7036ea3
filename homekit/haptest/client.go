// Package haptest is a strict HomeKit controller for tests and measurements.
//
// It shares no code with a server, refuses everything that the protocol does not allow, and says what went wrong:
// ErrDecrypt when a frame does not open, ErrStream when the decrypted bytes are not a message where one must begin.
// Every step can also be sent raw, in any order and in any cut.
//
//	c, err := haptest.Dial(ctx, "127.0.0.1:51826")
//	acc, err := c.PairSetup("123-45-678")
//	err = c.PairVerify(acc)
//	body, err := c.Accessories()
package haptest

import (
	"bufio"
	"context"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Errors of a connection that has gone wrong.
var (
	ErrDecrypt = errors.New("haptest: decrypt failed")
	ErrStream  = errors.New("haptest: stream corrupt")
)

// Controller is an identity: an id and a long-term key.
type Controller struct {
	ID  string
	Key ed25519.PrivateKey
}

// NewController makes an identity with a random id in the form of Apple's.
func NewController() *Controller {
	var b [16]byte
	rand.Read(b[:])
	_, key, _ := ed25519.GenerateKey(nil)
	return &Controller{ID: fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), Key: key}
}

// Public is the long-term public key.
func (c *Controller) Public() ed25519.PublicKey { return c.Key.Public().(ed25519.PublicKey) }

// Accessory is what a controller remembers of a server it is paired with.
type Accessory struct {
	ID  string // device id
	Key ed25519.PublicKey
}

// Client is one connection of a controller. It is not safe for use by several goroutines.
type Client struct {
	Controller *Controller
	Timeout    time.Duration // for each answer; 0 means 15 s
	Secure     bool          // pair-verify is done, frames are in use

	conn   net.Conn
	in     *bufio.Reader // plaintext before pair-verify
	frames *frameReader
	out    direction
	events []Event
}

// direction is a key and its counter.
type direction struct {
	aead  cipher.AEAD
	count uint64
}

func (d *direction) nonce() []byte {
	var n [12]byte
	binary.LittleEndian.PutUint64(n[4:], d.count)
	d.count++
	return n[:]
}

// Dial connects as a new controller.
func Dial(ctx context.Context, addr string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return New(conn, nil), nil
}

// New makes a client of a connection. A nil controller means a new one.
func New(conn net.Conn, who *Controller) *Client {
	if who == nil {
		who = NewController()
	}
	return &Client{Controller: who, conn: conn, in: bufio.NewReader(conn)}
}

// Close closes the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Conn is the connection, for tests that cut or stall it.
func (c *Client) Conn() net.Conn { return c.conn }

func (c *Client) deadline() time.Time {
	if c.Timeout == 0 {
		return time.Now().Add(15 * time.Second)
	}
	return time.Now().Add(c.Timeout)
}

// Seal makes frames of at most size bytes of plaintext (1 to 1024) with the next nonces.
func (c *Client) Seal(plain []byte, size int) []byte {
	var b []byte
	for len(plain) > 0 {
		part := plain[:min(size, len(plain))]
		plain = plain[len(part):]
		head := binary.LittleEndian.AppendUint16(nil, uint16(len(part)))
		b = append(b, head...)
		b = c.out.aead.Seal(b, c.out.nonce(), part, head)
	}
	return b
}

// WriteRaw sends bytes as they are, also on a secure connection.
func (c *Client) WriteRaw(b []byte) error {
	c.conn.SetWriteDeadline(c.deadline())
	_, err := c.conn.Write(b)
	return err
}

// Send sends plaintext, in frames if the connection is secure.
func (c *Client) Send(plain []byte) error {
	if c.Secure {
		return c.WriteRaw(c.Seal(plain, 1024))
	}
	return c.WriteRaw(plain)
}

// secure switches both directions to frames, as M4 does.
func (c *Client) secure(shared []byte) error {
	read, err := aead(shared, "Control-Salt", "Control-Read-Encryption-Key")
	if err != nil {
		return err
	}
	write, err := aead(shared, "Control-Salt", "Control-Write-Encryption-Key")
	if err != nil {
		return err
	}
	c.out = direction{aead: write}
	c.frames = &frameReader{raw: c.in, dir: direction{aead: read}}
	c.in = bufio.NewReader(c.frames)
	c.Secure = true
	return nil
}

// frameReader opens frames strictly: 1 to 1024 bytes of plaintext, the tag right, nothing cut.
type frameReader struct {
	raw   *bufio.Reader
	dir   direction
	plain []byte
	buf   [1024]byte
}

func (f *frameReader) Read(p []byte) (int, error) {
	if len(f.plain) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.plain)
	f.plain = f.plain[n:]
	return n, nil
}

// next takes a frame only when all of it is there, so that a timeout loses nothing.
func (f *frameReader) next() error {
	head, err := f.raw.Peek(2)
	if err != nil {
		return cut(err, len(head))
	}
	n := int(binary.LittleEndian.Uint16(head))
	if n < 1 || n > 1024 {
		return fmt.Errorf("%w: frame of %d bytes", ErrDecrypt, n)
	}
	sealed, err := f.raw.Peek(2 + n + 16)
	if err != nil {
		return cut(err, len(sealed))
	}
	plain, err := f.dir.aead.Open(f.buf[:0], f.dir.nonce(), sealed[2:], sealed[:2])
	if err != nil {
		return fmt.Errorf("%w: frame %d of %d bytes", ErrDecrypt, f.dir.count-1, n)
	}
	f.plain = plain
	_, err = f.raw.Discard(len(sealed))
	return err
}

// cut makes an end inside a frame an unexpected one.
func cut(err error, have int) error {
	if have > 0 && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
