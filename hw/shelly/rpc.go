package shelly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/board"
)

// rpc is a device of the second generation or later: one WebSocket for orders, answers and what it tells
// unasked ("Gen2 Device API", RPC channels).
type rpc struct {
	conn     *websocket.Conn
	password string
	changes  chan struct{}
	ended    chan struct{}
	cancel   context.CancelFunc

	mu      sync.Mutex
	next    int
	waiting map[int]chan frame // by the number of the question
	login   *challenge         // once the device asked for it
}

// frame is what a device sends: an answer (ID), or a notification (Method).
type frame struct {
	ID     *int            `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *fault          `json:"error"`
}

// fault is a refusal; with code 401 its message is a challenge in JSON.
type fault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (f *fault) Error() string {
	return fmt.Sprintf("the device says %d: %s", f.Code, board.Clip(f.Message))
}

// us is the name under which the device tells us what changes; it does so after the first question with it.
const us = "loquet"

// request is a question or an order.
type request struct {
	ID     int    `json:"id"`
	Src    string `json:"src"`
	Method string `json:"method"`
	Params any    `json:"params,omitempty"`
	Auth   *proof `json:"auth,omitempty"`
}

func dialRPC(ctx context.Context, c Address, password string) (peer, error) {
	address := "ws" + strings.TrimPrefix(strings.TrimSuffix(c.URL, "/"), "http") + "/rpc"
	conn, answer, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: newClient()})
	if answer != nil && answer.Body != nil {
		answer.Body.Close()
	}
	if err != nil {
		return nil, unanswered(err)
	}
	conn.SetReadLimit(maxAnswer)
	life, cancel := context.WithCancel(context.Background())
	r := &rpc{conn: conn, password: password, changes: make(chan struct{}, 1), ended: make(chan struct{}), cancel: cancel, waiting: map[int]chan frame{}}
	go r.listen(life)
	return r, nil
}

func (r *rpc) listen(ctx context.Context) {
	defer close(r.ended)
	defer r.cancel()
	for {
		kind, data, err := r.conn.Read(ctx)
		if err != nil || kind != websocket.MessageText {
			_ = r.conn.CloseNow()
			return
		}
		var f frame
		if json.Unmarshal(data, &f) != nil {
			_ = r.conn.CloseNow()
			return
		}
		if f.ID == nil {
			select {
			case r.changes <- struct{}{}:
			default:
			}
			continue
		}
		r.mu.Lock()
		to := r.waiting[*f.ID]
		delete(r.waiting, *f.ID) // a second or late answer is nobody's
		r.mu.Unlock()
		if to != nil {
			to <- f
		}
	}
}

func (r *rpc) Changed() <-chan struct{} { return r.changes }
func (r *rpc) Gone() <-chan struct{}    { return r.ended }

func (r *rpc) Close() {
	r.cancel()
	_ = r.conn.CloseNow()
	<-r.ended
}

// call asks once. Where the device wants a login it refuses before it does anything, and the same is asked
// again with the login: that is no repetition.
func (r *rpc) call(ctx context.Context, method string, params, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := r.exchange(ctx, method, params, out)
	var no *fault
	if !errors.As(err, &no) || no.Code != 401 {
		return err
	}
	asked, bad := parseChallenge(no.Message)
	if bad != nil || r.password == "" {
		return strange("write the device's password into a file and name it: password_file", "the device wants a login")
	}
	r.mu.Lock()
	r.login = asked
	r.mu.Unlock()
	err = r.exchange(ctx, method, params, out)
	if errors.As(err, &no) && no.Code == 401 {
		return strange("correct the password in password_file", "the device does not take the password")
	}
	return err
}

func (r *rpc) exchange(ctx context.Context, method string, params, out any) error {
	r.mu.Lock()
	r.next++
	q := request{ID: r.next, Src: us, Method: method, Params: params}
	if r.login != nil {
		q.Auth = r.login.prove(r.password)
	}
	answer := make(chan frame, 1)
	r.waiting[q.ID] = answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.waiting, q.ID)
		r.mu.Unlock()
	}()
	data, err := json.Marshal(q)
	if err != nil {
		return err
	}
	select {
	case <-r.ended:
		return fmt.Errorf("%w: the connection ended", device.ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	// The write is not given up with ctx: half a frame would end the connection.
	if err := r.conn.Write(context.WithoutCancel(ctx), websocket.MessageText, data); err != nil {
		return fmt.Errorf("%w: the connection broke", device.ErrUnsure)
	}
	select {
	case f := <-answer:
		if f.Error != nil {
			return f.Error
		}
		if err := json.Unmarshal(f.Result, out); err != nil {
			return fmt.Errorf("%w: the answer cannot be read", device.ErrUnsure)
		}
		return nil
	case <-r.ended:
		return fmt.Errorf("%w: the connection ended", device.ErrUnsure)
	case <-ctx.Done():
		return fmt.Errorf("%w: no answer", device.ErrUnsure)
	}
}

// question is call for what changes nothing.
func (r *rpc) question(ctx context.Context, method string, params, out any) error {
	err := r.call(ctx, method, params, out)
	if errors.Is(err, device.ErrUnsure) {
		err = unanswered(err)
	}
	return refused(err)
}

// refused is a question or order that the device understood and did not take.
func refused(err error) error {
	var no *fault
	if errors.As(err, &no) {
		return strange("check relays and inputs: the device may have fewer, or be set up as a roller", "%v", no)
	}
	return err
}

func (r *rpc) status(ctx context.Context) (status, error) {
	asked := time.Now()
	var raw map[string]json.RawMessage
	if err := r.question(ctx, "Shelly.GetStatus", nil, &raw); err != nil {
		return status{}, err
	}
	return readStatus(raw, asked)
}

// readStatus reads the result of Shelly.GetStatus: a component a key, "switch:0" and so on.
func readStatus(raw map[string]json.RawMessage, asked time.Time) (status, error) {
	var sys struct {
		MAC string `json:"mac"`
	}
	if err := json.Unmarshal(raw["sys"], &sys); err != nil {
		return status{}, fmt.Errorf("%w: the status of the Shelly cannot be read", device.ErrUnavailable)
	}
	s := newStatus(sys.MAC, asked)
	for n := range most {
		var relay struct {
			Output *bool `json:"output"`
		}
		if part := raw[fmt.Sprintf("switch:%d", n)]; !isNull(part) && json.Unmarshal(part, &relay) == nil && relay.Output != nil {
			s.Relays[n] = *relay.Output
		}
		var input struct {
			State *bool `json:"state"`
		}
		if part := raw[fmt.Sprintf("input:%d", n)]; !isNull(part) && json.Unmarshal(part, &input) == nil && input.State != nil {
			s.Inputs[n] = *input.State
		}
		if part := raw[fmt.Sprintf("cover:%d", n)]; !isNull(part) {
			s.covers[n] = readCover(part)
		}
	}
	return s, nil
}

func (r *rpc) settings(ctx context.Context, relay int) (settings, error) {
	var s struct {
		Initial string `json:"initial_state"`
		Mode    string `json:"in_mode"`
		AutoOn  bool   `json:"auto_on"`
	}
	if err := r.question(ctx, "Switch.GetConfig", map[string]int{"id": relay}, &s); err != nil {
		return settings{}, err
	}
	return settings{powerOn: s.Initial, detached: s.Mode == "detached" || s.Mode == "", autoOn: s.AutoOn}, nil
}

// set sends Switch.Set with toggle_after, the device's own way back, in tenths of a second.
func (r *rpc) set(ctx context.Context, relay int, on bool, back time.Duration) error {
	params := map[string]any{"id": relay, "on": on}
	if back > 0 {
		params["toggle_after"] = math.Ceil(back.Seconds()*10) / 10
	}
	var answer struct {
		WasOn *bool `json:"was_on"`
	}
	if err := r.call(ctx, "Switch.Set", params, &answer); err != nil {
		return refused(err)
	}
	if answer.WasOn == nil {
		return fmt.Errorf("%w: the device does not confirm the order", device.ErrUnsure)
	}
	return nil
}
