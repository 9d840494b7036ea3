package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
)

// phone is a controller that was paired with the bridge before anything happened to its state.
type phone struct {
	who     *haptest.Controller
	bridge  *haptest.Accessory
	targets map[string]haptest.ID // by the device's name
}

// pairPhone pairs the first controller.
func pairPhone(t *testing.T, b e2e.Bridge) *phone {
	t.Helper()
	client, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := &phone{who: client.Controller, targets: map[string]haptest.ID{}}
	if p.bridge, err = client.PairSetup(b.SetupCode); err != nil {
		t.Fatal(err)
	}
	if err := client.PairVerify(p.bridge); err != nil {
		t.Fatal(err)
	}
	body, err := client.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.learn(body); err != nil {
		t.Fatal(err)
	}
	return p
}

// invite adds a controller that is no admin.
func (p *phone) invite(t *testing.T, b e2e.Bridge) *phone {
	t.Helper()
	client, err := p.connect(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	guest := &phone{who: haptest.NewController(), bridge: p.bridge, targets: p.targets}
	if err := client.AddPairing(guest.who.ID, guest.who.Public(), false); err != nil {
		t.Fatal(err)
	}
	return guest
}

// learn notes what can be written, by the names of the devices.
func (p *phone) learn(accessories []byte) error {
	var served struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Characteristics []struct {
					Type  string
					IID   uint64
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(accessories, &served); err != nil {
		return err
	}
	for _, a := range served.Accessories {
		name := ""
		for _, s := range a.Services {
			for _, c := range s.Characteristics {
				kind, _, _ := strings.Cut(c.Type, "-")
				switch strings.TrimLeft(kind, "0") {
				case "23": // Name; the first is the accessory's
					if name == "" {
						name, _ = c.Value.(string)
					}
				case "32": // TargetDoorState
					p.targets[name] = haptest.ID{AID: a.AID, IID: c.IID}
				case "1E": // LockTargetState; in a garage door opener it is the lock-out
					if _, door := p.targets[name]; !door {
						p.targets[name] = haptest.ID{AID: a.AID, IID: c.IID}
					}
				}
			}
		}
	}
	return nil
}

// answerLimit is what a person waits for.
const answerLimit = 10 * time.Second

// connect opens a session, which proves that both sides still know each other's keys.
func (p *phone) connect(ctx context.Context, addr string) (*haptest.Client, error) {
	dialed, err := haptest.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	client := haptest.New(dialed.Conn(), p.who)
	client.Timeout = answerLimit
	if err := client.PairVerify(p.bridge); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

// What comes of a write that was understood and not carried out, and of what should not have come.
var (
	errRefused = errors.New("refused")
	errBusy    = errors.New("busy") // try again: two seconds after the last pulse, or when the sensors answer
	// errUnexpected stands beside the answer that came instead, which may be none.
	errUnexpected = errors.New("another answer came")
)

const (
	statusSilent = -70402
	statusBusy   = -70403
)

// persist writes until it is not refused for being busy any more: what was refused is not carried out. It
// returns how often it was.
func (p *phone) persist(ctx context.Context, client *haptest.Client, name string, value int) (refused int, err error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for {
		if err := p.write(client, name, value); !errors.Is(err, errBusy) {
			return refused, err
		}
		refused++
		select {
		case <-again.C:
		case <-ctx.Done():
			return refused, fmt.Errorf("%s is busy: %w", name, ctx.Err())
		}
	}
}

// write sends a timed write of a target: 0 opens and unlocks, 1 closes and locks.
func (p *phone) write(client *haptest.Client, name string, value int) error {
	target, ok := p.targets[name]
	if !ok {
		return fmt.Errorf("%s has no target", name)
	}
	// A phone shows where the door is before anybody can touch it: without that, a write is a repeat.
	if shown, err := client.Get(target); err != nil || len(shown) != 1 || shown[0].Status != nil {
		return fmt.Errorf("%s is not shown: %+v %w", name, shown, err)
	}
	pid := uint64(time.Now().UnixNano())
	if err := client.Prepare(9000, pid); err != nil {
		return err
	}
	results, err := client.PutTimed(pid, haptest.Put{AID: target.AID, IID: target.IID, Value: value})
	if err != nil {
		return err
	}
	switch {
	case results == nil:
		return nil
	case *results[0].Status == statusBusy, *results[0].Status == statusSilent:
		return fmt.Errorf("%w: status %d", errBusy, *results[0].Status)
	}
	return fmt.Errorf("%w: status %d", errRefused, *results[0].Status)
}

// cannotPair requires that pair-setup is refused because the bridge is paired: error 6, at once.
func cannotPair(ctx context.Context, addr, code string) error {
	client, err := haptest.Dial(ctx, addr)
	if err != nil {
		return err
	}
	defer client.Close()
	client.Timeout = answerLimit
	_, err = client.PairSetup(code)
	var refused *haptest.PairingError
	if !errors.As(err, &refused) || refused.State != 2 || refused.Code != 6 {
		return fmt.Errorf("a stranger who wants to pair must be told error 6: %w", errors.Join(errUnexpected, err))
	}
	return nil
}
