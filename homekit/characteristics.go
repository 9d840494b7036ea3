package homekit

import (
	"bytes"
	"strconv"
)

// maxIDs is how many characteristics one GET may name.
const maxIDs = 1024

// readQuery is the query of GET /characteristics (HAP R2 6.7.4.2).
type readQuery struct {
	ids                   []ID
	meta, perms, typ, evs bool
}

func parseReadQuery(q []byte) (readQuery, bool) {
	var r readQuery
	seen := false
	for len(q) > 0 {
		var pair []byte
		pair, q, _ = bytes.Cut(q, []byte("&"))
		key, value, _ := bytes.Cut(pair, []byte("="))
		var flag *bool
		switch string(key) {
		case "id":
			if seen {
				return r, false
			}
			seen = true
			var ok bool
			if r.ids, ok = parseIDs(value); !ok {
				return r, false
			}
		case "meta":
			flag = &r.meta
		case "perms":
			flag = &r.perms
		case "type":
			flag = &r.typ
		case "ev":
			flag = &r.evs
		}
		if flag == nil {
			continue
		}
		if len(value) != 1 || value[0] != '0' && value[0] != '1' {
			return r, false
		}
		*flag = value[0] == '1'
	}
	return r, seen
}

// parseIDs reads "1.4,1.5". Some controllers escape the comma.
func parseIDs(b []byte) ([]ID, bool) {
	if bytes.IndexByte(b, '%') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("%2C"), []byte(",")), []byte("%2c"), []byte(","))
	}
	n := bytes.Count(b, []byte(",")) + 1
	if n > maxIDs {
		return nil, false
	}
	ids := make([]ID, 0, n)
	for more := true; more; {
		var one []byte
		one, b, more = bytes.Cut(b, []byte(","))
		aid, iid, ok := bytes.Cut(one, []byte("."))
		var id ID
		var okA, okI bool
		id.AID, okA = parseID(aid)
		id.IID, okI = parseID(iid)
		if !ok || !okA || !okI {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

func parseID(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 || b[0] < '0' || b[0] > '9' {
		return 0, false
	}
	v, ok := parseInteger(jsonValue{kind: jsonNumber, raw: b})
	return v.mag, ok
}

// getCharacteristics answers from memory. One item that fails makes it 207 with a status on every item
// (HAP R2 6.7.4.2).
func (c *conn) getCharacteristics(req request) *message {
	q, ok := parseReadQuery(req.query)
	if !ok {
		return statusBody(400, StatusInvalidValue)
	}
	m := newMessage(c.s.buffer())
	if c.appendRead(m, q, false) {
		return m.respond(200, typeJSON)
	}
	m.b = m.b[:headRoom]
	c.appendRead(m, q, true)
	return m.respond(207, typeJSON)
}

// appendRead writes the body, with a status on every item or none. Without, it stops at the first that fails.
func (c *conn) appendRead(m *message, q readQuery, statuses bool) bool {
	t := c.s.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	m.b = append(m.b, `{"characteristics":[`...)
	for i, id := range q.ids {
		if i > 0 {
			m.b = append(m.b, ',')
		}
		a := t.st.attrs[id]
		if status := readStatus(a); status != StatusOK {
			if !statuses {
				return false
			}
			m.b = append(appendItemStatus(m.b, id, status), '}')
			continue
		}
		c.session.saw(a)
		m.b = append(append(append(m.b, a.idJSON...), `,"value":`...), a.value...)
		if statuses {
			m.b = append(m.b, `,"status":0`...)
		}
		if q.typ {
			m.b = append(m.b, a.typeJSON...)
		}
		if q.perms {
			m.b = append(m.b, a.permsJSON...)
		}
		if q.meta {
			m.b = append(m.b, a.metaJSON...)
		}
		if q.evs && a.can(permNotify) {
			m.b = strconv.AppendBool(append(m.b, `,"ev":`...), c.session.subscribed(id))
		}
		m.b = append(m.b, '}')
	}
	m.b = append(m.b, "]}"...)
	return true
}

func readStatus(a *attribute) Status {
	switch {
	case a == nil:
		return StatusNotFound
	case !a.can(permRead):
		return StatusWriteOnly
	case a.home.unreachable.Load() && !a.info: // name and firmware are the bridge's to tell
		return StatusNoCommunication
	}
	return StatusOK
}

// appendItemStatus leaves the object open for a value.
func appendItemStatus(b []byte, id ID, status Status) []byte {
	b = strconv.AppendUint(append(b, `{"aid":`...), id.AID, 10)
	b = strconv.AppendUint(append(b, `,"iid":`...), id.IID, 10)
	return strconv.AppendInt(append(b, `,"status":`...), int64(status), 10)
}
