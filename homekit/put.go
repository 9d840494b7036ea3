package homekit

import (
	"encoding/base64"
	"strconv"
	"time"
)

// prepared is the timed write that a session has announced (HAP R2 6.7.2.4).
type prepared struct {
	pid   uint64
	until time.Time // monotonic; zero: none
}

// putItem is one item of PUT /characteristics and what becomes of it.
type putItem struct {
	ID
	value    jsonValue // kind 0: none
	ev       jsonValue
	r        bool
	remote   bool
	authData []byte
	bad      bool // ev, r, remote or authData is not what it must be

	attr     *attribute
	decoded  any
	encoded  []byte
	pending  bool // waits for its handler
	status   Status
	response []byte
}

// parsePut reads the body of PUT /characteristics. What is not JSON, or has no usable ids, is an error for the whole
// request; what is wrong with one item is left to that item.
func parsePut(body []byte) (items []*putItem, pid uint64, hasPID bool, err error) {
	r := &jsonReader{b: body}
	haveItems := false
	err = r.object(func(key []byte) error {
		switch string(key) {
		case "characteristics":
			if haveItems {
				return errJSON
			}
			haveItems = true
			return r.array(func() error {
				item, err := parsePutItem(r)
				items = append(items, item)
				return err
			})
		case "pid":
			v, err := r.value(jsonDepth)
			n, ok := v.whole()
			if err != nil || !ok || hasPID {
				return errJSON
			}
			pid, hasPID = n, true
			return nil
		}
		_, err := r.value(jsonDepth)
		return err
	})
	if err != nil || !r.end() || !haveItems {
		return nil, 0, false, errJSON
	}
	return items, pid, hasPID, nil
}

// The keys of an item, as bits: a key that comes twice makes the request ambiguous.
const (
	fieldAID = 1 << iota
	fieldIID
	fieldValue
	fieldEvent
	fieldResponse
	fieldRemote
	fieldAuth
)

func parsePutItem(r *jsonReader) (*putItem, error) {
	it := &putItem{}
	seen := 0
	once := func(bit int) bool {
		fresh := seen&bit == 0
		seen |= bit
		return fresh
	}
	err := r.object(func(key []byte) error {
		v, err := r.value(jsonDepth)
		if err != nil {
			return err
		}
		ok := true
		switch string(key) {
		case "aid":
			it.AID, ok = v.whole()
			ok = ok && once(fieldAID)
		case "iid":
			it.IID, ok = v.whole()
			ok = ok && once(fieldIID)
		case "value":
			it.value = v
			ok = once(fieldValue)
		case "ev":
			it.ev = v
			ok = once(fieldEvent)
		case "r":
			it.bad = it.readFlag(v, &it.r) || it.bad
			ok = once(fieldResponse)
		case "remote":
			it.bad = it.readFlag(v, &it.remote) || it.bad
			ok = once(fieldRemote)
		case "authData":
			it.bad = it.readAuth(v) || it.bad
			ok = once(fieldAuth)
		}
		if !ok {
			return errJSON
		}
		return nil
	})
	if err == nil && seen&(fieldAID|fieldIID) != fieldAID|fieldIID {
		err = errJSON
	}
	return it, err
}

func (it *putItem) readFlag(v jsonValue, into *bool) (bad bool) {
	on, ok := v.flag()
	*into = on
	return !ok
}

func (it *putItem) readAuth(v jsonValue) (bad bool) {
	if v.kind != jsonString {
		return true
	}
	text, err := unquote(v.raw)
	if err != nil {
		return true
	}
	it.authData, err = base64.StdEncoding.DecodeString(string(text))
	return err != nil
}

// putPrepare announces a timed write. A second one replaces the first (HAP R2 6.7.2.4).
func (c *conn) putPrepare(req request) *message {
	ttl, pid, ok := parsePrepare(req.body)
	if !ok {
		return statusBody(400, StatusInvalidValue)
	}
	c.session.prepared = prepared{pid: pid, until: time.Now().Add(ttl)}
	return statusBody(200, StatusOK)
}

// maxTTL is the largest ttl of a prepare in milliseconds, 2^53 - 1.
const maxTTL = 1<<53 - 1

func parsePrepare(body []byte) (ttl time.Duration, pid uint64, ok bool) {
	r := &jsonReader{b: body}
	var ms uint64
	haveTTL, havePID := false, false
	err := r.object(func(key []byte) error {
		v, err := r.value(jsonDepth)
		if err != nil {
			return err
		}
		n, whole := v.whole()
		switch string(key) {
		case "ttl":
			if !whole || haveTTL || n > maxTTL {
				return errJSON
			}
			ms, haveTTL = n, true
		case "pid":
			if !whole || havePID {
				return errJSON
			}
			pid, havePID = n, true
		}
		return nil
	})
	if err != nil || !r.end() || !haveTTL || !havePID {
		return 0, 0, false
	}
	// A year is as good as for ever; the sum with the clock must not overflow.
	ms = min(ms, uint64(365*24*time.Hour/time.Millisecond))
	return time.Duration(ms) * time.Millisecond, pid, true
}

// usePrepared uses the prepare up and reports whether it covers the request.
func (ss *session) usePrepared(pid uint64) bool {
	p := ss.prepared
	ss.prepared = prepared{}
	return !p.until.IsZero() && p.pid == pid && time.Now().Before(p.until)
}

// putCharacteristics writes and subscribes (HAP R2 6.7.2): 204 if all succeeded and no value is returned, else 207 with
// a status on every item.
func (c *conn) putCharacteristics(req request) *message {
	items, pid, hasPID, err := parsePut(req.body)
	timed := hasPID && c.session.usePrepared(pid)
	if err != nil {
		return statusBody(400, StatusInvalidValue)
	}
	if twice(items) {
		return statusBody(422, StatusInvalidValue)
	}
	switch {
	case hasPID && !timed:
		for _, it := range items {
			it.status = StatusInvalidValue
		}
	case !c.write(items, timed):
		return nil
	}
	return c.written(items)
}

// written is the answer when all items have a status.
func (c *conn) written(items []*putItem) *message {
	for _, it := range items {
		if it.status != StatusOK || it.response != nil {
			return multiStatus(newMessage(c.s.buffer()), items)
		}
	}
	return empty(204)
}

func twice(items []*putItem) bool {
	if len(items) < 2 {
		return false
	}
	seen := make(map[ID]bool, len(items))
	for _, it := range items {
		if seen[it.ID] {
			return true
		}
		seen[it.ID] = true
	}
	return false
}

func multiStatus(m *message, items []*putItem) *message {
	m.b = append(m.b, `{"characteristics":[`...)
	for i, it := range items {
		if i > 0 {
			m.b = append(m.b, ',')
		}
		m.b = strconv.AppendUint(append(m.b, `{"aid":`...), it.AID, 10)
		m.b = strconv.AppendUint(append(m.b, `,"iid":`...), it.IID, 10)
		m.b = strconv.AppendInt(append(m.b, `,"status":`...), int64(it.status), 10)
		if it.response != nil {
			m.b = append(append(m.b, `,"value":`...), it.response...)
		}
		m.b = append(m.b, '}')
	}
	m.b = append(m.b, "]}"...)
	return m.respond(207, typeJSON)
}
