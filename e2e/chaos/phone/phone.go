// Package phone is a HomeKit controller that stays paired through all lives of a bridge, for tests that
// make those lives hard. It speaks with package haptest.
package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// Phone is a controller and what it knows of its bridge. Connect may be called from any goroutine.
type Phone struct {
	Who     *haptest.Controller
	Bridge  *haptest.Accessory
	Targets map[string]haptest.ID // of doors and locks, by the device's name
	Numbers string                // all aids, iids and types, as they were when it paired
	Timeout time.Duration         // for each answer
}

// Pair pairs a new controller over a connection, as the first of its bridge.
func Pair(conn net.Conn, code string, timeout time.Duration) (*Phone, error) {
	client := haptest.New(conn, nil)
	defer client.Close()
	client.Timeout = timeout
	p := &Phone{Who: client.Controller, Timeout: timeout}
	var err error
	if p.Bridge, err = client.PairSetup(code); err != nil {
		return nil, err
	}
	if err := client.PairVerify(p.Bridge); err != nil {
		return nil, err
	}
	p.Numbers, err = p.List(client)
	return p, err
}

// Invite makes the phone of somebody else in the household, over a session of this one's.
func (p *Phone) Invite(client *haptest.Client, admin bool) (*Phone, error) {
	q := *p
	q.Who = haptest.NewController()
	return &q, client.AddPairing(q.Who.ID, q.Who.Public(), admin)
}

// Dial opens a session at an address: it proves that the pairing and the bridge's identity are whole.
func (p *Phone) Dial(ctx context.Context, addr string) (*haptest.Client, error) {
	conn, err := (&net.Dialer{Timeout: p.Timeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return p.Verify(conn)
}

// Verify opens a session over a connection, and closes that if it cannot.
func (p *Phone) Verify(conn net.Conn) (*haptest.Client, error) {
	client := haptest.New(conn, p.Who)
	client.Timeout = p.Timeout
	if err := client.PairVerify(p.Bridge); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

// List returns the ids and types of everything that the bridge serves, and notes the targets.
func (p *Phone) List(client *haptest.Client) (string, error) {
	body, err := client.Accessories()
	if err != nil {
		return "", err
	}
	var served struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Type            string
				IID             uint64
				Characteristics []struct {
					Type  string
					IID   uint64
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(body, &served); err != nil {
		return "", err
	}
	p.Targets = map[string]haptest.ID{}
	var all strings.Builder
	for _, a := range served.Accessories {
		name := ""
		for _, s := range a.Services {
			fmt.Fprintf(&all, "%d.%d %s\n", a.AID, s.IID, s.Type)
			for _, ch := range s.Characteristics {
				fmt.Fprintf(&all, "%d.%d %s\n", a.AID, ch.IID, ch.Type)
				switch short(s.Type) + "/" + short(ch.Type) {
				case "3E/23": // the name in the accessory's information
					name, _ = ch.Value.(string)
				case "41/32", "45/1E": // the target of a door, of a lock
					p.Targets[name] = haptest.ID{AID: a.AID, IID: ch.IID}
				}
			}
		}
	}
	return all.String(), nil
}

func short(uuid string) string {
	first, _, _ := strings.Cut(uuid, "-")
	return strings.TrimLeft(first, "0")
}

var errNoTarget = errors.New("it has no target in HomeKit")

// Put announces a write and returns the item and the pid with which it is to be sent: open, close, lock or
// unlock of the device with that name.
func (p *Phone) Put(client *haptest.Client, name, action string) (item haptest.Put, pid uint64, err error) {
	target, ok := p.Targets[name]
	if !ok {
		return item, 0, fmt.Errorf("%s: %w", name, errNoTarget)
	}
	value := map[string]int{"open": 0, "close": 1, "unlock": 0, "lock": 1}[action]
	pid = uint64(time.Now().UnixNano())
	return haptest.Put{AID: target.AID, IID: target.IID, Value: value}, pid, client.Prepare(5000, pid)
}

// Write sends a timed write. It reports whether the bridge answered that it is done: any other end,
// a connection that broke above all, says nothing.
func (p *Phone) Write(client *haptest.Client, name, action string) (done bool, err error) {
	item, pid, err := p.Put(client, name, action)
	if err != nil {
		return false, err
	}
	results, err := client.PutTimed(pid, item)
	return err == nil && results == nil, err
}
