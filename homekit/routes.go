package homekit

// handler answers one request. It returns nil if another goroutine answers and serves the connection from then on.
type handler func(c *conn, req request) *message

// route finds the handler, or the status that says why there is none (HAP R2 table 4-2, 5-1, 6-2).
func route(req request) (handler, int) {
	type method struct {
		name string
		h    handler
	}
	var methods []method
	switch string(req.path) {
	case "/accessories":
		methods = []method{{"GET", secured((*conn).getAccessories)}}
	case "/characteristics":
		methods = []method{{"GET", secured((*conn).getCharacteristics)}, {"PUT", secured((*conn).putCharacteristics)}}
	case "/prepare":
		methods = []method{{"PUT", secured((*conn).putPrepare)}}
	case "/pairings":
		methods = []method{{"POST", secured((*conn).postPairings)}}
	case "/pair-setup":
		methods = []method{{"POST", plain((*conn).postPairSetup)}}
	case "/pair-verify":
		methods = []method{{"POST", plain((*conn).postPairVerify)}}
	case "/identify":
		methods = []method{{"POST", plain((*conn).postIdentify)}}
	default:
		return nil, 404
	}
	for _, m := range methods {
		if m.name == req.method {
			return m.h, 0
		}
	}
	return nil, 405
}

// secured guards what needs a verified session: HTTP 470, "Connection Authorization Required".
func secured(h handler) handler {
	return func(c *conn, req request) *message {
		if c.session == nil {
			return statusBody(470, StatusNoPrivileges)
		}
		return h(c, req)
	}
}

// plain guards what only a connection without encryption may ask.
func plain(h handler) handler {
	return func(c *conn, req request) *message {
		if c.session != nil {
			return statusBody(400, StatusNoPrivileges)
		}
		return h(c, req)
	}
}

// postIdentify lets an owner see which accessory it is about to pair (HAP R2 5.7.6). A paired one refuses.
func (c *conn) postIdentify(request) *message {
	if !c.s.vault.unpaired() {
		return statusBody(400, StatusNoPrivileges)
	}
	if c.s.identify != nil {
		c.s.notices.push(c.s.identify)
	}
	return empty(204)
}

func (c *conn) getAccessories(request) *message {
	return c.s.table.accessories(c.s.buffer(), c.session)
}
