package esphome

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

const (
	answerWithin = time.Second     // devices answer in some ten milliseconds
	greetWithin  = 5 * time.Second // a handshake takes an ESP8266 a second
	maxEntities  = 512
)

// entity is something on the device, as it lists itself.
type entity struct {
	kind    int    // the type of its listing
	id      string // object id, or made of its name as the device makes it
	key     uint32
	assumed bool // it does not know its state
	stops   bool
}

// session is one connection to a device that greeted us.
type session struct {
	conn     net.Conn
	framing  framing
	reader   *bufio.Reader
	mac      string
	entities []entity
	states   func(p packet, at time.Time) // hears states, in order

	writing sync.Mutex // held while a frame is made and sent: the cipher counts

	mu    sync.Mutex
	pongs []chan struct{} // who waits for an answer to a ping, in order
	ended chan struct{}
	why   error
}

// greet makes a session of a fresh connection: encryption if there is a key, hello, who the device is, and
// what is on it. It ends with ctx.
func greet(ctx context.Context, conn net.Conn, key []byte, states func(packet, time.Time)) (*session, error) {
	_ = conn.SetDeadline(time.Now().Add(greetWithin))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s := &session{conn: conn, framing: plain{}, reader: bufio.NewReaderSize(conn, 4096), states: states, ended: make(chan struct{})}
	if key != nil {
		framing, err := handshake(conn, s.reader, key, nil)
		if err != nil {
			return nil, err
		}
		s.framing = framing
	}
	// An empty login opens older firmware; newer ones have the key, and do not know it any more.
	hello := message(nil).text(1, "loquet").varint(2, 1).varint(3, 10)
	if err := s.send(packet{helloRequest, hello}, packet{loginRequest, nil}, packet{infoRequest, nil}, packet{listRequest, nil}); err != nil {
		return nil, err
	}
	if err := s.introduced(); err != nil {
		return nil, err
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return s, conn.SetDeadline(time.Time{})
}

var errLogin = errors.New("the device wants a password, which its newer firmware has no more")

// introduced reads until the device has listed what is on it.
func (s *session) introduced() error {
	greeted := false
	for range 2 * maxEntities {
		p, err := s.framing.next(s.reader)
		if err != nil {
			return err
		}
		f, err := parse(p.data)
		if err != nil {
			return err
		}
		switch p.kind {
		case helloResponse:
			if f[1].number != 1 {
				return fmt.Errorf("%w: it speaks version %d", errFrame, f[1].number)
			}
			greeted = true
		case loginResponse:
			if f.flag(1) {
				return errLogin
			}
		case infoResponse:
			s.mac = normal(f.text(3))
			if f.flag(1) { // uses_password
				return errLogin
			}
		case listBinarySensor, listCover, listLock:
			if len(s.entities) == maxEntities {
				return errFrame
			}
			s.entities = append(s.entities, listed(p.kind, f))
		case pingRequest:
			err = s.send(packet{pingResponse, nil})
		case disconnectRequest:
			return errors.New("the device says goodbye: it may have too many connections")
		case listDone:
			if !greeted || s.mac == "" {
				return errFrame
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errFrame
}

// listed reads the listing of an entity.
func listed(kind int, f fields) entity {
	e := entity{kind: kind, id: f.text(1), key: uint32(f[2].number)}
	if e.id == "" {
		e.id = objectID(f.text(3))
	}
	switch kind {
	case listCover:
		e.assumed, e.stops = f.flag(5), f.flag(12)
	case listLock:
		e.assumed = f.flag(8)
	}
	return e
}

// objectID is made of a name as the device makes it: small letters, digits, - and _.
func objectID(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
}

// normal is a MAC address in capitals without colons.
func normal(mac string) string { return strings.ToUpper(strings.ReplaceAll(mac, ":", "")) }

func (s *session) find(kind int, id string) (entity, bool) {
	for _, e := range s.entities {
		if e.kind == kind && e.id == id {
			return e, true
		}
	}
	return entity{}, false
}

// send puts packets on the wire in one write. An error leaves the connection useless.
func (s *session) send(all ...packet) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.write(all)
}

func (s *session) write(all []packet) error {
	frames, err := s.framing.pack(all...)
	if err != nil {
		return err
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(answerWithin))
	_, err = s.conn.Write(frames)
	return err
}

// ask sends packets with a ping behind them and returns when the device has worked through all of them. An
// error says that nothing was sent, unless it is device.ErrUnsure.
func (s *session) ask(ctx context.Context, all ...packet) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pong := make(chan struct{})
	s.writing.Lock()
	s.mu.Lock()
	if s.why != nil {
		s.mu.Unlock()
		s.writing.Unlock()
		return fmt.Errorf("%w: the connection ended", device.ErrUnavailable)
	}
	s.pongs = append(s.pongs, pong)
	s.mu.Unlock()
	err := s.write(append(all, packet{pingRequest, nil}))
	s.writing.Unlock()
	if err != nil {
		s.end(err)
		return fmt.Errorf("%w: the connection broke", device.ErrUnsure)
	}
	limit := time.NewTimer(answerWithin)
	defer limit.Stop()
	select {
	case <-pong:
		return nil
	case <-s.ended:
	case <-limit.C:
		s.end(errSilent) // a late pong must not be taken for the next one
	}
	return fmt.Errorf("%w: no answer", device.ErrUnsure)
}

var errSilent = fmt.Errorf("%w: the device is silent", device.ErrUnavailable)

// run reads what the device tells until the connection ends.
func (s *session) run() {
	for {
		p, err := s.framing.next(s.reader)
		at := time.Now()
		if err == nil {
			err = s.hear(p, at)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

func (s *session) hear(p packet, at time.Time) error {
	switch p.kind {
	case pingRequest:
		return s.send(packet{pingResponse, nil})
	case pingResponse:
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.pongs) == 0 {
			return errFrame
		}
		close(s.pongs[0])
		s.pongs = s.pongs[1:]
	case disconnectRequest:
		_ = s.send(packet{disconnectResponse, nil})
		return errors.New("the device said goodbye")
	case stateBinarySensor, stateCover, stateLock:
		s.states(p, at)
	}
	return nil
}

// end closes the connection; why is the first reason.
func (s *session) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return
	}
	s.why = why
	close(s.ended)
	_ = s.conn.Close()
}

func (s *session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}
