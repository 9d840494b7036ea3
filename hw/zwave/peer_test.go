package zwave

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

// peer is a zwave-js-server with one lock, node 2, which answers as the real one was seen to.
type peer struct {
	wire   *hwtest.Wire
	url    string
	schema int

	mu       sync.Mutex
	conns    map[*websocket.Conn]context.Context
	mode     int
	bolt     string
	door     string
	status   int  // of the node
	ready    bool // of the node
	frequent string
	orders   int
	polls    int
	asleep   bool           // the lock answers nothing
	status2  int            // how orders go; 255 if 0
	slots    map[int]string // codes
	disabled map[int]bool
	stars    bool
	newer    bool // it has User Credential CC
	users    map[int]bool
	thought  map[int]bool                                 // users that the server takes to be there
	refuse   func(command string) (answer map[string]any) // instead of the usual answer; nil: the usual one
	heard    []string
	hold     func(command string) // an answer waits for it; nil: none does
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{
		wire: hwtest.NewWire(ln), url: "ws://" + ln.Addr().String(), schema: 50, conns: map[*websocket.Conn]context.Context{},
		mode: 255, bolt: "locked", door: "closed", status: 4, ready: true, frequent: `"1000ms"`, slots: map[int]string{}, disabled: map[int]bool{}, users: map[int]bool{}, thought: map[int]bool{},
	}
	web := &http.Server{Handler: http.HandlerFunc(p.serve)}
	go func() { _ = web.Serve(p.wire) }()
	t.Cleanup(func() {
		p.wire.Heal()
		_ = web.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for c := range p.conns {
			_ = c.CloseNow()
		}
	})
	return p
}

func (p *peer) serve(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx := r.Context()
	if p.send(ctx, c, map[string]any{"type": "version", "driverVersion": "15.29.0", "serverVersion": "3.10.2", "homeId": 1, "minSchemaVersion": 0, "maxSchemaVersion": p.schema}) != nil {
		return
	}
	for {
		_, b, err := c.Read(ctx)
		if err != nil {
			p.mu.Lock()
			delete(p.conns, c)
			p.mu.Unlock()
			return
		}
		var q map[string]json.RawMessage
		if json.Unmarshal(b, &q) != nil {
			return
		}
		p.mu.Lock()
		answer, hold := p.answer(ctx, c, q), p.hold
		p.mu.Unlock()
		if answer == nil {
			continue
		}
		if hold != nil {
			hold(text(q["command"]))
		}
		answer["type"], answer["messageId"] = "result", text(q["messageId"])
		if p.send(ctx, c, answer) != nil {
			return
		}
		if text(q["command"]) == "node.set_value" {
			p.tellMode()
		}
	}
}

func (p *peer) send(ctx context.Context, c *websocket.Conn, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Write(ctx, websocket.MessageText, b)
}

func good(result any) map[string]any { return map[string]any{"success": true, "result": result} }

func zwaveError(code int, words string) map[string]any {
	return map[string]any{"success": false, "errorCode": "zwave_error", "zwaveErrorCode": code, "zwaveErrorMessage": words}
}

// answer is called with mu held.
func (p *peer) answer(ctx context.Context, c *websocket.Conn, q map[string]json.RawMessage) map[string]any {
	command := text(q["command"])
	p.heard = append(p.heard, command)
	if p.refuse != nil {
		if a := p.refuse(command); a != nil {
			return a
		}
	}
	switch command {
	case "initialize":
		return good(map[string]any{})
	case "start_listening":
		p.conns[c] = ctx
		return good(map[string]any{"state": map[string]any{"nodes": []any{p.node()}}})
	}
	if id, _ := number(q["nodeId"]); id != 2 {
		return map[string]any{"success": false, "errorCode": "node_not_found", "message": "Node not found"}
	}
	switch command {
	case "node.get_state":
		return good(map[string]any{"state": p.node()})
	case "node.ping":
		return good(map[string]any{"responded": !p.asleep})
	case "node.poll_value":
		p.polls++
		if p.asleep {
			return zwaveError(204, "Failed to send the command after 3 attempts (ZW0204)")
		}
		return good(map[string]any{"value": p.mode})
	case "node.set_value":
		p.orders++
		status := p.status2
		if status == 0 {
			status = 255
			p.mode, _ = number(q["value"])
			p.bolt = map[bool]string{true: "locked", false: "unlocked"}[p.mode == 255]
		}
		return good(map[string]any{"result": map[string]any{"status": status}})
	case "endpoint.supports_cc":
		n, _ := number(q["commandClass"])
		return good(map[string]any{"supported": n == 99 && !p.newer || n == 131 && p.newer})
	case "endpoint.invoke_cc_api":
		return p.codes(text(q["methodName"]), q["args"])
	}
	if method, ok := strings.CutPrefix(command, "endpoint.access_control."); ok {
		return p.access(method, q)
	}
	return map[string]any{"success": false, "errorCode": "unknown_command", "message": command}
}

func (p *peer) codes(method string, raw json.RawMessage) map[string]any {
	var args []json.RawMessage
	if json.Unmarshal(raw, &args) != nil {
		return nil
	}
	slot := 0
	if len(args) > 0 {
		slot, _ = number(args[0])
	}
	switch method {
	case "getUsersCount":
		return good(map[string]any{"response": 10})
	case "set":
		code := text(args[2])
		if slot > 10 {
			return zwaveError(322, "All User IDs must be between 0 and the number of supported users 10.")
		}
		for n, other := range p.slots {
			if other == code && n != slot {
				return good(map[string]any{"response": map[string]any{"status": 2}})
			}
		}
		p.slots[slot] = code
		return good(map[string]any{})
	case "clear":
		delete(p.slots, slot)
		return good(map[string]any{"response": map[string]any{"status": 255}})
	case "get":
		code, ok := p.slots[slot]
		switch {
		case !ok:
			return good(map[string]any{"response": map[string]any{"userIdStatus": 0, "userCode": ""}})
		case p.stars:
			code = strings.Repeat("*", len(code))
		}
		status := 1
		if p.disabled[slot] {
			status = 2
		}
		return good(map[string]any{"response": map[string]any{"userIdStatus": status, "userCode": code}})
	}
	return zwaveError(303, "not implemented")
}

func (p *peer) access(method string, q map[string]json.RawMessage) map[string]any {
	user, _ := number(q["userId"])
	slot, _ := number(q["credentialSlot"])
	switch method {
	case "get_user_capabilities_cached":
		return good(map[string]any{"capabilities": map[string]any{"maxUsers": 20}})
	case "get_credential_capabilities_cached":
		return good(map[string]any{"capabilities": map[string]any{"supportedCredentialTypes": map[string]any{"1": map[string]any{"numberOfCredentialSlots": 30, "minCredentialLength": 4, "maxCredentialLength": 8}}}})
	case "get_user": // the real one tells of a user that is not there, and takes it to be there from then on
		p.thought[user] = true
		return good(map[string]any{"user": map[string]any{"userId": user, "active": p.users[user] && !p.disabled[user], "userType": 0, "userName": ""}})
	case "set_user":
		if p.thought[user] && !p.users[user] {
			delete(p.thought, user)
			return good(map[string]any{"result": 2})
		}
		p.users[user] = true
		return good(map[string]any{"result": 0})
	case "set_credential":
		if !p.users[user] {
			return good(map[string]any{"result": 6})
		}
		for n, other := range p.slots {
			if other == text(q["data"]) && n != slot {
				return good(map[string]any{"result": 3})
			}
		}
		p.slots[slot] = text(q["data"])
		return good(map[string]any{"result": 0})
	case "delete_credential":
		if _, ok := p.slots[slot]; !ok {
			return good(map[string]any{"result": 255})
		}
		delete(p.slots, slot)
		return good(map[string]any{"result": 0})
	case "get_credential":
		if code, ok := p.slots[slot]; ok {
			return good(map[string]any{"credential": map[string]any{"userId": slot, "type": 1, "slot": slot, "data": code}})
		}
		return good(map[string]any{"credential": map[string]any{"userId": 0, "type": 1, "slot": slot, "data": ""}})
	}
	return map[string]any{"success": false, "errorCode": "unknown_command", "message": method}
}

func (p *peer) node() map[string]any {
	v := func(cc int, property string, key any, now any) map[string]any {
		return map[string]any{"endpoint": 0, "commandClass": cc, "property": property, "propertyKey": key, "value": now, "metadata": map[string]any{"type": "any"}}
	}
	values := []any{
		v(98, "currentMode", nil, p.mode), v(98, "boltStatus", nil, p.bolt), v(98, "doorStatus", nil, p.door),
		v(128, "level", nil, 93), v(128, "isLow", nil, false),
		map[string]any{"endpoint": 0, "commandClass": 112, "property": 3, "value": []int{1}}, // a property is a number here
	}
	if p.mode == 254 {
		values = append(values, v(113, "Access Control", "Lock state", 11))
	}
	return map[string]any{"nodeId": 2, "status": p.status, "ready": p.ready, "isListening": false, "isFrequentListening": json.RawMessage(p.frequent), "values": values, "deviceConfig": map[string]any{}}
}

// connected are the connections there are.
func (p *peer) connected() []*websocket.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.conns))
}

// event tells all who listen.
func (p *peer) event(e map[string]any) {
	p.mu.Lock()
	conns := make(map[*websocket.Conn]context.Context)
	for c, ctx := range p.conns {
		conns[c] = ctx
	}
	p.mu.Unlock()
	for c, ctx := range conns {
		_ = p.send(ctx, c, map[string]any{"type": "event", "event": e})
	}
}

func (p *peer) value(cc int, property string, now any) {
	p.event(map[string]any{"source": "node", "event": "value updated", "nodeId": 2,
		"args": map[string]any{"commandClass": cc, "endpoint": 0, "property": property, "newValue": now, "prevValue": nil}})
}

// state is a notification that lasts: the real server tells of it as a value.
func (p *peer) state(name string, now int) {
	p.event(map[string]any{"source": "node", "event": "value updated", "nodeId": 2,
		"args": map[string]any{"commandClass": 113, "endpoint": 0, "property": "Access Control", "propertyKey": name, "newValue": now}})
}

func (p *peer) notify(event int, parameters any) {
	p.event(map[string]any{"source": "node", "event": "notification", "nodeId": 2, "endpointIndex": 0, "ccId": 113,
		"args": map[string]any{"type": 6, "event": event, "label": "Access Control", "parameters": parameters}})
}

func (p *peer) happens(name string) {
	p.event(map[string]any{"source": "node", "event": name, "nodeId": 2})
}

// tellMode reports where the bolt is, as a lock does after a turn.
func (p *peer) tellMode() {
	p.mu.Lock()
	mode, bolt := p.mode, p.bolt
	p.mu.Unlock()
	p.value(98, "currentMode", mode)
	p.value(98, "boltStatus", bolt)
}

// turn is a turn of the bolt that nobody here asked for.
func (p *peer) turn(mode int) {
	p.change(func() {
		p.mode, p.bolt = mode, map[bool]string{true: "locked", false: "unlocked"}[mode == 255]
	})
	p.tellMode()
}

func (p *peer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.orders
}

// rig is a lock on a peer.
type rig struct {
	*peer
	env  *hw.Env
	lock *Lock
}

func open(t *testing.T, p *peer) rig {
	t.Helper()
	env := hw.NewEnv(zerolog.Nop())
	t.Cleanup(func() { _ = env.Close() })
	lock, err := Open(t.Context(), env.For("front"), Config{URL: p.url, Node: 2})
	if err != nil {
		t.Fatal(err)
	}
	return rig{p, env, lock}
}

const patience = 30 * time.Second

// until waits for a reading, over ends of the connection.
func (r rig) until(t *testing.T, what string, ok func(device.LockReading) bool) device.LockReading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last device.LockReading
	for ctx.Err() == nil {
		for last = range r.lock.Readings(ctx) {
			if ok(last) {
				return last
			}
		}
	}
	t.Fatalf("%s does not come; the last reading is %+v", what, last)
	return last
}

func (r rig) at(t *testing.T, at device.BoltPosition) device.LockReading {
	t.Helper()
	return r.until(t, fmt.Sprint(at), func(x device.LockReading) bool { return x.Bolt == at })
}

func (r rig) away(t *testing.T) {
	t.Helper()
	r.refuses(t, "")
}

// refuses waits until orders are refused for a reason.
func (r rig) refuses(t *testing.T, why string) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		_, err := r.lock.present()
		if err != nil && strings.Contains(err.Error(), why) {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("orders are refused because %v, want %s", err, why)
		}
	}
}
