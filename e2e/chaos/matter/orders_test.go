package matter

import (
	"context"
	"fmt"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// The lock of the house and its cluster.
const (
	front         uint16 = 2
	doorLock      uint32 = 0x101
	commandUnlock uint32 = 1
)

func setUser(ctx context.Context, o *owner, s *session.Session, user uint16) error {
	_, err := o.Invoke(ctx, s, mattertest.Command{Endpoint: front, Cluster: doorLock, ID: 0x1A, Timed: true, Fill: func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 0)
		w.Uint(tlv.Context(1), uint64(user))
		w.Text(tlv.Context(2), fmt.Sprintf("User %d", user))
		w.Null(tlv.Context(3))
		w.Uint(tlv.Context(4), 1)
		w.Uint(tlv.Context(5), 0)
		w.Uint(tlv.Context(6), 0)
	}})
	return err
}

func setPIN(ctx context.Context, o *owner, s *session.Session, user uint16, pin string) error {
	f, err := o.Invoke(ctx, s, mattertest.Command{Endpoint: front, Cluster: doorLock, ID: 0x22, Timed: true, Fill: func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), 0)
		w.Struct(tlv.Context(1))
		w.Uint(tlv.Context(0), 1)
		w.Uint(tlv.Context(1), uint64(user))
		w.End()
		w.Octets(tlv.Context(2), []byte(pin))
		w.Uint(tlv.Context(3), uint64(user))
		w.Null(tlv.Context(4))
		w.Null(tlv.Context(5))
	}})
	if err != nil {
		return err
	}
	if status := f.Uint8(0); status != 0 {
		return fmt.Errorf("credential %d: status %d", user, status)
	}
	return f.Err()
}

// hasPIN asks the lock whether a credential is there.
func hasPIN(ctx context.Context, o *owner, s *session.Session, user uint16) (bool, error) {
	f, err := o.Invoke(ctx, s, mattertest.Command{Endpoint: front, Cluster: doorLock, ID: 0x24, Fill: func(w *tlv.Writer) {
		w.Struct(tlv.Context(0))
		w.Uint(tlv.Context(0), 1)
		w.Uint(tlv.Context(1), uint64(user))
		w.End()
	}})
	if err != nil {
		return false, err
	}
	return f.Bool(0), f.Err()
}

// operate moves the bolt with a PIN.
func operate(ctx context.Context, o *owner, s *session.Session, command uint32, pin string) error {
	_, err := o.Invoke(ctx, s, mattertest.Command{Endpoint: front, Cluster: doorLock, ID: command, Timed: true,
		Fill: func(w *tlv.Writer) { w.Octets(tlv.Context(0), []byte(pin)) }})
	return err
}

// reboots is how often the node says that it has started.
func reboots(ctx context.Context, o *owner, s *session.Session) (uint64, error) {
	at := model.Change{Cluster: 0x33, Attribute: 1}
	r, err := o.Read(ctx, s, at)
	if err != nil {
		return 0, err
	}
	return r.Values[at].Uint()
}
