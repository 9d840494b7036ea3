package homekit

import (
	"context"
	"encoding/base64"
	"net/http"
	"runtime/debug"
)

// Controller is who asks, as the session proved it; never a network address.
type Controller struct {
	ID    string
	Admin bool // looked up for this request
}

// Access is one write that Authorize may refuse.
type Access struct {
	Controller Controller
	AID, IID   uint64
	Remote     bool // relayed by a home hub or from outside the home, as the controller says
}

// Write is one write that has passed every check.
type Write struct {
	AID, IID   uint64
	Type       string // of the characteristic, short form ("32")
	Value      any    // bool, int64 (uint8 to uint32 and int), uint64, float64, string, or []byte (data and tlv8)
	Controller Controller
	Remote     bool // relayed by a home hub or from outside the home, as the controller says
	AuthData   []byte
	Session    uint64 // a number for the connection, unique in this server
	Timed      bool   // it came with a valid prepare
	Response   bool   // a response is asked for (write-response)
	Told       bool   // the controller was shown the present value, by an event or an answer, in a session that is open
}

type writeKey struct{}

// WriteOf returns the write that a definition's SetValueRequestFunc is carrying out, from its request's context.
func WriteOf(ctx context.Context) (Write, bool) {
	w, ok := ctx.Value(writeKey{}).(Write)
	return w, ok
}

// write runs all items: checks in the order of HAP R2 (exists, who, may be written, timed, value), then the handlers,
// those of one accessory one after the other, those of several accessories side by side. It reports whether the
// connection is still this goroutine's: see carryOn.
func (c *conn) write(items []*putItem, timed bool) (mine bool) {
	p, _ := c.s.vault.find(c.session.controller)
	who := Controller{ID: p.ID, Admin: p.Admin}
	st := c.s.table.structure()
	var homes []*unit
	for _, it := range items {
		it.attr = st.attrs[it.ID]
		it.status = c.vet(it, who, timed)
		if it.pending = it.status == StatusOK && it.value.kind != jsonNone; !it.pending {
			continue
		}
		known := false
		for _, u := range homes {
			known = known || u == it.attr.home
		}
		if !known {
			homes = append(homes, it.attr.home)
		}
	}
	if len(homes) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(c.session.ctx, c.s.handlerTime)
	defer cancel()
	w := &writing{items: items, results: make(chan writeResult, len(items))}
	for _, u := range homes {
		var jobs []job
		for _, it := range items {
			if it.pending && it.attr.home == u {
				jobs = append(jobs, job{it, it.attr, c.writeOf(it, who, timed)})
				c.session.writing(it.ID, it.encoded)
			}
		}
		w.waiting += len(jobs)
		if len(homes) == 1 {
			return c.carryOn(ctx, u, jobs, w)
		}
		c.s.running.Go(func() { c.s.carryOut(ctx, u, jobs, w.results) })
	}
	c.settle(ctx, w)
	return true
}

// vet checks one item and carries out its subscription.
func (c *conn) vet(it *putItem, who Controller, timed bool) Status {
	a := it.attr
	if a == nil {
		return StatusNotFound
	}
	if it.bad || it.value.kind == jsonNone && it.ev.kind == jsonNone {
		return StatusInvalidValue
	}
	if it.ev.kind != jsonNone {
		if status := c.subscribe(it); status != StatusOK {
			return status
		}
	}
	if it.value.kind == jsonNone {
		return StatusOK
	}
	if c.s.authorize != nil {
		if status := c.ask(Access{Controller: who, AID: it.AID, IID: it.IID, Remote: it.remote}); status != StatusOK {
			return status
		}
	}
	switch {
	case !a.can(permWrite):
		return StatusReadOnly
	case a.can(permAuthorize) && len(it.authData) == 0:
		return StatusNoAuthorization
	case a.can(permTimed) && !timed && c.s.timed == TimedRequired:
		return StatusInvalidValue
	case it.r && !a.can(permResponse):
		return StatusWriteOnly // what the ADK answers
	}
	var ok bool
	if it.decoded, it.encoded, ok = a.check(it.value); !ok {
		it.encoded = nil
		return StatusInvalidValue
	}
	if a.home.unreachable.Load() {
		return StatusNoCommunication
	}
	return StatusOK
}

// ask puts a write to Authorize.
func (c *conn) ask(a Access) (status Status) {
	defer func() {
		if p := recover(); p != nil {
			c.s.log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("the check of a write failed")
			status = StatusNoCommunication
		}
	}()
	if err := c.s.authorize(c.session.ctx, a); err != nil {
		c.s.log.Info().Err(err).Str("controller", a.Controller.ID).Uint64("aid", a.AID).Msg("a write was refused")
		return StatusNoPrivileges
	}
	return StatusOK
}

func (c *conn) subscribe(it *putItem) Status {
	on, ok := it.ev.flag()
	switch {
	case !ok:
		return StatusInvalidValue
	case !it.attr.can(permNotify):
		return StatusNoNotification
	}
	c.session.subscribe(it.ID, on)
	return StatusOK
}

func (c *conn) writeOf(it *putItem, who Controller, timed bool) Write {
	return Write{
		AID: it.AID, IID: it.IID, Type: it.attr.typ, Value: it.decoded, Controller: who, Remote: it.remote,
		AuthData: it.authData, Session: c.number, Timed: timed, Response: it.r, Told: c.s.table.told(who.ID, it.attr),
	}
}

// handle runs one handler. A panic in it is that item's failure and nobody else's.
func (s *Server) handle(ctx context.Context, j job) (response []byte, status Status) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Uint64("aid", j.w.AID).Uint64("iid", j.w.IID).
				Msg("the handler of a write failed")
			response, status = nil, StatusNoCommunication
		}
	}()
	var answer any
	switch {
	case j.attr.set != nil:
		value, ok := classicValue(j.w.Value)
		if !ok {
			return nil, StatusInvalidValue
		}
		var code int
		answer, code = j.attr.set(value, new(http.Request).WithContext(context.WithValue(ctx, writeKey{}, j.w)))
		status = Status(code)
	case s.onWrite != nil:
		answer, status = s.onWrite(ctx, j.w)
	default:
		return nil, StatusNoCommunication
	}
	if status != StatusOK || answer == nil || !j.w.Response {
		return nil, status
	}
	response, err := j.attr.encode(answer)
	if err != nil {
		s.log.Error().Err(err).Uint64("aid", j.w.AID).Uint64("iid", j.w.IID).Msg("the response to a write does not fit")
		return nil, StatusNoCommunication
	}
	return response, StatusOK
}

// classicValue turns a value into what the handlers of brutella/hap expect: int for numbers, base64 for bytes.
func classicValue(v any) (any, bool) {
	switch v := v.(type) {
	case int64:
		return int(v), int64(int(v)) == v
	case []byte:
		return base64.StdEncoding.EncodeToString(v), true
	}
	return v, true
}
