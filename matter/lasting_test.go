package matter

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
)

var errDead = errors.New("the socket has died")

// mortal is a socket that can die.
type mortal struct {
	net.PacketConn
	once sync.Once
	dead chan struct{}
}

func newMortal(c net.PacketConn) *mortal { return &mortal{PacketConn: c, dead: make(chan struct{})} }

func (m *mortal) die() { m.once.Do(func() { close(m.dead); _ = m.PacketConn.Close() }) }

func (m *mortal) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := m.PacketConn.ReadFrom(p)
	select {
	case <-m.dead:
		return 0, nil, errDead
	default:
		return n, from, err
	}
}

// TestASocketThatDies: it is opened again, later each time, sessions and subscriptions go on over the new one, and the owner hears of
// it meanwhile.
func TestASocketThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		n := mattertest.NewNetwork(mattertest.Weather{}, 1)
		first := newMortal(n.Listen("bridge"))
		refused, opened := 0, 0
		var last error
		var mu sync.Mutex
		conn := NewLasting(first, func(context.Context) (net.PacketConn, error) {
			mu.Lock()
			defer mu.Unlock()
			if refused++; refused <= 5 {
				return nil, errDead
			}
			opened++
			return n.Listen("bridge"), nil
		}, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			last = err
		})
		server, err := New(Config{Product: product(), Storage: memory.New(), Conns: []net.PacketConn{conn},
			ParseAddr: func(s string) (net.Addr, error) { return mattertest.Addr(s), nil }, Failed: func(err error) { t.Logf("failed: %v", err) }})
		must(t, err)
		must(t, server.Start(ctx))
		defer server.Stop()
		gate := newContact()
		_, err = server.Bridge(model.EndpointConfig{ID: 2, DeviceTypes: []model.DeviceType{{ID: 0x15, Revision: 2}}, Clusters: []model.Cluster{gate}})
		must(t, err)
		c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
		_, err = c.Commission(ctx, t, conn.LocalAddr(), server.Setup().Passcode, 5)
		must(t, err)
		s, err := c.CASE(ctx, conn.LocalAddr(), 5)
		must(t, err)
		_, err = c.Subscribe(ctx, s, 0, 60)
		must(t, err)
		time.Sleep(time.Second) // what was said last is acknowledged
		first.die()
		time.Sleep(time.Second)
		mu.Lock()
		if opened != 0 || !errors.Is(last, errDead) {
			t.Errorf("after a second: opened %d times, told %v", opened, last)
		}
		mu.Unlock()
		time.Sleep(10 * time.Second)
		mu.Lock()
		if opened != 1 || last != nil || refused > 8 {
			t.Errorf("opened %d times in %d tries, told %v", opened, refused, last)
		}
		mu.Unlock()
		gate.set(true)
		for {
			select {
			case r := <-c.Reports:
				if _, ok := r.Values[model.Change{Endpoint: 2, Cluster: 0x45}]; ok {
					return
				}
			case <-ctx.Done():
				t.Fatal("the subscription tells nothing over the new socket")
			}
		}
	})
}

// TestALastingSocketEnds: nothing of it is left, also when it is down.
func TestALastingSocketEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := mattertest.NewNetwork(mattertest.Weather{}, 1)
		first := newMortal(n.Listen("bridge"))
		conn := NewLasting(first, func(context.Context) (net.PacketConn, error) { return nil, errDead }, nil)
		ended := make(chan error, 1)
		go func() {
			_, _, err := conn.ReadFrom(make([]byte, 10))
			ended <- err
		}()
		first.die()
		time.Sleep(time.Minute)
		must(t, conn.Close())
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
