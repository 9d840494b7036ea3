package homekit

import (
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

// people is the ledger of a house, with a keypad at each door.
type people struct {
	*ledger.Ledger
	clock *clockwork
	most  int   // digits that a keypad takes; 0: it does not matter
	fail  error // why the ledger cannot be read
}

// clockwork is a time that a test sets.
type clockwork struct {
	mu sync.Mutex
	m  access.Moment
}

func (c *clockwork) Moment() access.Moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m
}

func (c *clockwork) set(now time.Time, trust access.Trust) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m = access.Moment{Now: now, Trust: trust, Floor: now}
}

// noon is when tests begin.
func noon() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

func (p *people) register() *Register {
	if p == nil {
		return nil
	}
	return &Register{Group: "home",
		Ledger: func() (Ledger, error) {
			if p.fail != nil {
				return nil, p.fail
			}
			return p.Ledger, nil
		},
		Opens: func(c access.Code, id string) access.Decision {
			person, _ := p.Whose(c.ID)
			return access.Question{Person: person, Code: c, Door: id, At: p.clock.Moment(), House: p.House()}.Decide()
		},
		Digits: func(string) (int, int) { return 0, p.most },
	}
}

// inhabit gives a house people and codes.
func (h *home) inhabit() *people {
	h.t.Helper()
	sealer, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		h.t.Fatal(err)
	}
	p := &people{clock: &clockwork{}}
	p.clock.set(noon(), access.Trusted)
	if p.Ledger, err = ledger.Open(h.disk.ledger, sealer, p.clock, 1); err != nil {
		h.t.Fatal(err)
	}
	h.people = p
	return p
}

// settle brings all books up to date, as FollowCodes does.
func (h *home) settle() {
	h.t.Helper()
	for _, s := range *h.shown.Load() {
		if p := s.thing.codes(); p != nil {
			h.settleCodes(p.book)
			h.House.show(s)
		}
	}
}

// give lets the owner give somebody a PIN.
func (p *people) give(t *testing.T, name, pin string, c access.Code) access.Code {
	t.Helper()
	person, err := p.SavePerson(access.Person{Name: name, Kind: access.Guest})
	if err != nil {
		t.Fatal(err)
	}
	c.Person = person.ID
	if c.Windows == nil {
		c.Windows = []access.Window{{Kind: access.Always}}
	}
	made, err := p.AddCode(c, "home", seal.Secret{Keys: device.Keys(pin)})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// typed is the person whose PIN it is; empty if it is nobody's, or does not open the door.
func (p *people) typed(t *testing.T, pin, door string) string {
	t.Helper()
	m, err := p.Find("home", seal.Secret{Keys: device.Keys(pin)})
	if err != nil || !(access.Question{Person: m.Person, Code: m.Code, Door: door, At: p.clock.Moment(), House: m.House}).Decide().Allowed {
		return ""
	}
	return m.Person.Name
}

// listedCode is one response of the control point.
type listedCode struct {
	number, status int // -1: none
	pin            string
}

// ask writes an order and returns the answer; status is that of the write.
func (h *home) ask(c *haptest.Client, dev string, order []byte) (answer []listedCode, status int) {
	h.t.Helper()
	id := h.id(dev, "codes/control")
	r, err := c.Put(haptest.Put{AID: id.AID, IID: id.IID, Value: base64.StdEncoding.EncodeToString(order), R: true})
	if err != nil || len(r) != 1 || r[0].Status == nil {
		h.t.Fatalf("%+v, %v", r, err)
	}
	if *r[0].Status != 0 {
		return nil, *r[0].Status
	}
	var text string
	if err := json.Unmarshal(r[0].Value, &text); err != nil {
		h.t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < 3 || raw[0] != itemOperation || raw[2] != order[2] {
		h.t.Fatalf("answer %x, %v", raw, err)
	}
	err = eachItem(raw, func(kind byte, value []byte) error {
		if kind != itemResponse {
			return nil
		}
		one := listedCode{number: -1, status: -1}
		err := eachItem(value, func(kind byte, value []byte) error {
			switch kind {
			case itemNumber:
				n, _ := littleEndian(value)
				one.number = int(n)
			case itemPIN:
				one.pin = string(value)
			case itemStatus:
				one.status = int(value[0])
			}
			return nil
		})
		answer = append(answer, one)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return answer, 0
}

// orderOf writes an order with requests of a number (0: none) and a PIN.
func orderOf(operation byte, requests ...listedCode) []byte {
	b := []byte{itemOperation, 1, operation}
	for i, r := range requests {
		var one []byte
		if r.number > 0 {
			one = append(one, itemNumber, 1, byte(r.number))
		}
		if r.pin != "" {
			one = append(append(one, itemPIN, byte(len(r.pin))), r.pin...)
		}
		if i > 0 {
			b = append(b, itemSeparator, 0)
		}
		b = append(append(b, itemRequest, byte(len(one))), one...)
	}
	return b
}

// one is an order with one request, and its one answer.
func (h *home) one(c *haptest.Client, dev string, operation byte, r listedCode) listedCode {
	h.t.Helper()
	answer, status := h.ask(c, dev, orderOf(operation, r))
	if status != 0 || len(answer) != 1 {
		h.t.Fatalf("status %d, %+v", status, answer)
	}
	return answer[0]
}

// pins are the codes that Home lists, by number.
func (h *home) pins(c *haptest.Client, dev string) map[int]string {
	h.t.Helper()
	answer, status := h.ask(c, dev, []byte{itemOperation, 1, codeList})
	if status != 0 {
		h.t.Fatalf("status %d", status)
	}
	out := map[int]string{}
	for _, one := range answer {
		if one.status != 0 {
			h.t.Errorf("listed: %+v", one)
		}
		out[one.number] = one.pin
	}
	return out
}
