package homekit

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Controller is one pairing on a phone.
type Controller struct {
	Identifier string
	phone      *Phone
	name       string // on the phone
}

// Pair pairs a new controller with a bridge.
func (p *Phone) Pair(name string, where Where, code string) (*Controller, error) {
	var paired struct {
		Identifier string `json:"identifier"`
	}
	err := p.Call("pair", map[string]any{"as": name, "where": where, "pin": code, "timeout": pairLimit.Milliseconds()}, &paired)
	if err != nil {
		return nil, err
	}
	return &Controller{Identifier: paired.Identifier, phone: p, name: name}, nil
}

// Invite adds a further controller; c must be an admin.
func (c *Controller) Invite(name string, admin bool) (*Controller, error) {
	var invited struct {
		Identifier string `json:"identifier"`
	}
	err := c.call("invite", map[string]any{"who": name, "admin": admin}, &invited)
	if err != nil {
		return nil, err
	}
	return &Controller{Identifier: invited.Identifier, phone: c.phone, name: name}, nil
}

func (c *Controller) call(op string, fields map[string]any, out any) error {
	all := map[string]any{"as": c.name}
	for k, v := range fields {
		all[k] = v
	}
	if err := c.phone.Call(op, all, out); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// Reconnect forgets the connections, and continues at another place unless where is nil. The library
// would go on using the keys of a session that has ended.
func (c *Controller) Reconnect(t testing.TB, where *Where) {
	t.Helper()
	if err := c.call("reset", map[string]any{"where": where}, nil); err != nil {
		t.Fatal(err)
	}
}

// Pairing is a controller that is paired with the bridge.
type Pairing struct {
	Identifier string `json:"identifier"`
	Key        string `json:"key"`
	Admin      bool   `json:"admin"`
}

// Pairings lists the controllers of the bridge; c must be an admin.
func (c *Controller) Pairings() ([]Pairing, error) {
	var list []Pairing
	err := c.call("pairings", nil, &list)
	return list, err
}

// RemovePairing removes a controller from the bridge; c must be an admin.
func (c *Controller) RemovePairing(identifier string) error {
	return c.call("removePairing", map[string]any{"identifier": identifier}, nil)
}

// Written is the answer to a write.
type Written struct {
	HTTP         int       // 204: all done
	Status       int       // of the first item, 0 with 204
	Began, Ended time.Time // of the write itself, without the prepare
}

// Took is how long the bridge took to answer.
func (w Written) Took() time.Duration { return w.Ended.Sub(w.Began) }

// Timed says how to send a timed write. The zero value is as HomeKit sends it.
type Timed struct {
	Fresh    bool          // on a session of its own
	Wait     time.Duration // between prepare and write
	TTL      time.Duration // 0: 5 s
	WrongPID bool
}

// Write prepares a write and sends it.
func (c *Controller) Write(id ID, value any, how Timed) (Written, error) {
	fields := map[string]any{
		"items": []map[string]any{{"aid": id.AID, "iid": id.IID, "value": value}},
		"fresh": how.Fresh, "wait": how.Wait.Milliseconds(),
	}
	if how.TTL > 0 {
		fields["ttl"] = how.TTL.Milliseconds()
	}
	if how.WrongPID {
		fields["pid"], fields["putPid"] = 1, 2
	}
	var answer rawAnswer
	if err := c.call("timedPut", fields, &answer); err != nil {
		return Written{}, err
	}
	return answer.written()
}

// WriteUntimed sends a write as the library does it by itself: without a prepare.
func (c *Controller) WriteUntimed(id ID, value any) (Written, error) {
	var answer rawAnswer
	began := time.Now()
	err := c.call("raw", map[string]any{"method": "PUT", "path": "/characteristics", "body": map[string]any{
		"characteristics": []map[string]any{{"aid": id.AID, "iid": id.IID, "value": value}},
	}}, &answer)
	if err != nil {
		return Written{}, err
	}
	w, err := answer.written()
	w.Began, w.Ended = began, time.Now()
	return w, err
}

type rawAnswer struct {
	Status  int             `json:"status"`
	Body    json.RawMessage `json:"body"`
	Started int64           `json:"started"`
	Ended   int64           `json:"ended"`
}

func (a rawAnswer) written() (Written, error) {
	w := Written{HTTP: a.Status, Began: time.UnixMilli(a.Started), Ended: time.UnixMilli(a.Ended)}
	if a.Status == 204 {
		return w, nil
	}
	var body struct {
		Characteristics []Value `json:"characteristics"`
	}
	if err := json.Unmarshal(a.Body, &body); err != nil || len(body.Characteristics) == 0 {
		return w, fmt.Errorf("the answer to a write: status %d, body %s", a.Status, a.Body)
	}
	w.Status = body.Characteristics[0].Status
	return w, nil
}

// MustWrite writes and requires that it was done.
func (c *Controller) MustWrite(t testing.TB, id ID, value any) Written {
	t.Helper()
	w, err := c.Write(id, value, Timed{})
	if err != nil {
		t.Fatal(err)
	}
	if w.HTTP != 204 {
		t.Fatalf("write %v to %v: HTTP %d, status %d", value, id, w.HTTP, w.Status)
	}
	return w
}

// Read reads characteristics.
func (c *Controller) Read(ids ...ID) ([]Value, error) {
	var body struct {
		Characteristics []Value `json:"characteristics"`
	}
	err := c.call("get", map[string]any{"ids": words(ids), "timeout": 5000}, &body)
	return body.Characteristics, err
}

// MustRead reads one characteristic.
func (c *Controller) MustRead(t testing.TB, id ID) any {
	t.Helper()
	values, err := c.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	if len(values) != 1 || values[0].Status != 0 {
		t.Fatalf("read %v: %+v", id, values)
	}
	return values[0].Value
}

// Subscribe asks for events.
func (c *Controller) Subscribe(t testing.TB, ids ...ID) {
	t.Helper()
	if err := c.call("subscribe", map[string]any{"ids": words(ids)}, nil); err != nil {
		t.Fatal(err)
	}
}

// Unsubscribe asks for no more events.
func (c *Controller) Unsubscribe(t testing.TB, ids ...ID) {
	t.Helper()
	if err := c.call("unsubscribe", map[string]any{"ids": words(ids)}, nil); err != nil {
		t.Fatal(err)
	}
}

// Messages returns the event messages so far, oldest first.
func (c *Controller) Messages() []Message {
	c.phone.mu.Lock()
	defer c.phone.mu.Unlock()
	return slices.Clone(c.phone.messages[c.name])
}

// ForgetMessages empties the list of event messages.
func (c *Controller) ForgetMessages() {
	c.phone.mu.Lock()
	defer c.phone.mu.Unlock()
	delete(c.phone.messages, c.name)
}

// First returns the first message in which a characteristic has the value.
func (c *Controller) First(id ID, value any) (Message, bool) {
	for _, m := range c.Messages() {
		if m.Has(id, value) {
			return m, true
		}
	}
	return Message{}, false
}

// Has reports whether the message says that a characteristic has the value.
func (m Message) Has(id ID, value any) bool {
	return slices.ContainsFunc(m.Values, func(v Value) bool { return v.ID == id && same(v.Value, value) })
}

func (m Message) hasAny(id ID) bool {
	return slices.ContainsFunc(m.Values, func(v Value) bool { return v.ID == id })
}

func same(got, want any) bool {
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	return got == want
}

func words(ids []ID) []string {
	var list []string
	for _, id := range ids {
		list = append(list, id.String())
	}
	return list
}
