package sealed

import (
	"bufio"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

const chunkSize = 64 << 10

// nonce is the number of a chunk and whether it is the last.
type nonce struct{ n uint64 }

func (c *nonce) next(last bool) []byte {
	b := make([]byte, chacha20poly1305.NonceSize)
	binary.BigEndian.PutUint64(b[3:11], c.n)
	c.n++
	if last {
		b[11] = 1
	}
	return b
}

type writer struct {
	out    io.Writer
	cipher cipher.AEAD
	nonce  nonce
	chunk  []byte
	sealed []byte
	err    error
}

// Seal returns a writer that encrypts what is written to it. Without a Close that succeeds the stream
// is not complete, and is not read again. Seal itself takes a second and 64 MiB, to make the passphrase
// hard to guess.
func Seal(out io.Writer, passphrase string) (io.WriteCloser, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process rather than return less
	return seal(out, passphrase, usual(salt))
}

func seal(out io.Writer, passphrase string, p params) (io.WriteCloser, error) {
	chunks, mac, err := p.keys(passphrase)
	if err != nil {
		return nil, err
	}
	head, err := header(p, mac)
	if err != nil {
		return nil, err
	}
	if _, err := out.Write(head); err != nil {
		return nil, err
	}
	return &writer{out: out, cipher: chunks, chunk: make([]byte, 0, chunkSize)}, nil
}

func (w *writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		if len(w.chunk) == chunkSize { // there is more: it is not the last
			w.flush(false)
			continue
		}
		k := min(len(p), chunkSize-len(w.chunk))
		w.chunk = append(w.chunk, p[:k]...)
		p, n = p[k:], n+k
	}
	return n, w.err
}

func (w *writer) flush(last bool) {
	w.sealed = w.cipher.Seal(w.sealed[:0], w.nonce.next(last), w.chunk, nil)
	w.chunk = w.chunk[:0]
	_, w.err = w.out.Write(w.sealed)
}

var errClosed = errors.New("sealed: written after the end")

// Close ends the stream. It does not close what is underneath.
func (w *writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.flush(true)
	err := w.err
	w.err = errors.Join(err, errClosed)
	return err
}

type reader struct {
	in     *bufio.Reader
	cipher cipher.AEAD
	nonce  nonce
	buf    []byte
	plain  []byte // not read yet
	ended  bool
	err    error
}

// Open returns what was sealed with the passphrase. Reading ends with io.EOF only after everything was
// there; what was read before an error is what was sealed, but not all of it.
func Open(in io.Reader, passphrase string) (io.Reader, error) {
	buffered := bufio.NewReaderSize(in, chunkSize)
	chunks, err := readHeader(buffered, passphrase)
	if err != nil {
		return nil, err
	}
	return &reader{in: buffered, cipher: chunks, buf: make([]byte, chunkSize+chacha20poly1305.Overhead)}, nil
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 && r.err == nil {
		if r.ended {
			r.err = io.EOF
			break
		}
		r.err = r.next()
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// next opens one chunk. A chunk is the last when nothing follows.
func (r *reader) next() error {
	n, err := io.ReadFull(r.in, r.buf)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it was cut off", ErrDamaged)
	case errors.Is(err, io.ErrUnexpectedEOF):
	case err != nil:
		return err
	}
	_, err = r.in.Peek(1)
	last := errors.Is(err, io.EOF)
	if err != nil && !last {
		return err
	}
	at := r.nonce.n
	plain, err := r.cipher.Open(r.buf[:0], r.nonce.next(last), r.buf[:n], nil)
	if err != nil {
		return fmt.Errorf("%w: at byte %d of its content", ErrDamaged, at*chunkSize)
	}
	if last && len(plain) == 0 && at > 0 {
		return fmt.Errorf("%w: its end is not one that is written", ErrDamaged)
	}
	r.plain, r.ended = plain, last
	return nil
}
