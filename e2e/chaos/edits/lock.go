package edits

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// Lock is a Z-Wave lock with ten slots behind a server that speaks as zwave-js-server does. It outlives every bridge.
// In its last slot is a code that somebody typed there by hand.
type Lock struct {
	URL string

	mu     sync.Mutex
	slots  map[int]string
	writes int
}

// Slots of the lock.
const (
	slotCount = 10
	byHand    = "908172"
)

// StartLock serves a lock until the test ends.
func StartLock(t testing.TB) *Lock {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Lock{URL: "ws://" + ln.Addr().String(), slots: map[int]string{slotCount: byHand}}
	web := &http.Server{Handler: http.HandlerFunc(l.serve)}
	go func() { _ = web.Serve(ln) }()
	t.Cleanup(func() { _ = web.Close() })
	return l
}

// Slots are what the lock holds, and how often it was written to.
func (l *Lock) Slots() (held map[int]string, writes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.slots), l.writes
}

func (l *Lock) serve(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx := r.Context()
	if say(ctx, c, map[string]any{"type": "version", "driverVersion": "15.29.0", "serverVersion": "3.10.2", "homeId": 1, "minSchemaVersion": 0, "maxSchemaVersion": 44}) != nil {
		return
	}
	for {
		_, text, err := c.Read(ctx)
		if err != nil {
			return
		}
		var q request
		if json.Unmarshal(text, &q) != nil {
			return
		}
		answer := map[string]any{"type": "result", "messageId": q.MessageID, "success": true, "result": l.answer(q)}
		if say(ctx, c, answer) != nil {
			return
		}
	}
}

// request is what is read of a message.
type request struct {
	MessageID, Command, MethodName string
	CommandClass                   int
	Args                           []any
}

func say(ctx context.Context, c *websocket.Conn, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Write(ctx, websocket.MessageText, text)
}

func (l *Lock) answer(q request) map[string]any {
	value := func(class int, property string, now any) map[string]any {
		return map[string]any{"endpoint": 0, "commandClass": class, "property": property, "value": now, "metadata": map[string]any{"type": "any"}}
	}
	switch q.Command {
	case "start_listening":
		return map[string]any{"state": map[string]any{"nodes": []any{}}}
	case "node.get_state":
		return map[string]any{"state": map[string]any{"nodeId": 2, "status": 4, "ready": true, "isListening": false, "isFrequentListening": "1000ms",
			"values": []any{value(98, "currentMode", 255), value(98, "boltStatus", "locked"), value(98, "doorStatus", "closed")}}}
	case "node.ping":
		return map[string]any{"responded": true}
	case "node.poll_value":
		return map[string]any{"value": 255}
	case "endpoint.supports_cc":
		return map[string]any{"supported": q.CommandClass == 99}
	case "endpoint.invoke_cc_api":
		return l.codes(q.MethodName, q.Args)
	}
	return map[string]any{}
}

// codes is the User Code command class.
func (l *Lock) codes(method string, args []any) map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	slot := 0
	if len(args) > 0 {
		slot, _ = strconv.Atoi(fmt.Sprint(args[0]))
	}
	switch method {
	case "getUsersCount":
		return map[string]any{"response": slotCount}
	case "set":
		l.writes++
		l.slots[slot] = fmt.Sprint(args[2])
	case "clear":
		l.writes++
		delete(l.slots, slot)
	case "get":
		code, used := l.slots[slot]
		return map[string]any{"response": map[string]any{"userIdStatus": map[bool]int{true: 1}[used], "userCode": code}}
	}
	return map[string]any{"response": map[string]any{"status": 255}}
}
