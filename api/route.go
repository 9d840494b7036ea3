package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// route is one line of the table from which everything else follows.
type route struct {
	method, path string
	id           string // the operation's name in the document and in the metrics
	summary      string
	query        []param
	body         any         // the zero value of what is sent; nil: nothing
	answers      map[int]any // the zero value of what comes back; nil: no content; a string: its content type
	errors       []int       // beyond those that every path has
	serve        func(http.ResponseWriter, *http.Request) error
}

// routes is everything the API answers to.
func (s *Server) routes() []route {
	rs := []route{
		{"GET", "/api/v1/devices", "listDevices", "All devices, in the order of the configuration", nil, nil, ok([]Device{}), nil, s.getDevices},
		{"GET", "/api/v1/devices/{id}", "getDevice", "One device", nil, nil, ok(Device{}), []int{404}, s.getDevice},
		{"POST", "/api/v1/devices/{id}/command", "commandDevice", "Open, close, stop, lock or unlock: 202 owed or warned, 200 already so, 409 refused", nil, CommandRequest{},
			map[int]any{200: CommandAnswer{}, 202: CommandAnswer{}}, []int{404, 409, 504}, s.postCommand},
		{"GET", "/api/v1/history", "listHistory", "Rows of the history, newest first", historyParams(), nil, ok([]Row{}), nil, s.getHistory},
		{"GET", "/api/v1/history/verify", "verifyHistory", "Checks that no row was changed, deleted or reordered", nil, nil, ok(Verdict{}), nil, s.getVerify},
		{"GET", "/api/v1/stream", "stream", "Server-sent events: state (all devices first, then changes), history (resumes with Last-Event-ID), health", streamParams(), nil,
			ok("text/event-stream"), []int{503}, s.getStream},
		{"GET", "/api/v1/health", "getHealth", "What is wrong now, worst first", nil, nil, ok(Health{}), nil, s.getHealth},
		{"POST", "/api/v1/reload", "reload", "Reads the configuration again", nil, nil, map[int]any{204: nil}, nil, s.postReload},
		{"GET", "/api/v1/version", "getVersion", "What is running", nil, nil, ok(Version{}), nil, s.getVersion},
		{"GET", "/api/v1/openapi.json", "getDocument", "This document", nil, nil, ok("application/json"), nil, s.getDocument},
		{"GET", "/metrics", "getMetrics", "Prometheus text", nil, nil, ok("text/plain"), nil, s.getMetrics},
	}
	return slices.Concat(rs, s.pairingRoutes(), s.keeperRoutes(), s.clockRoutes(), s.ledgerRoutes(), s.unknownRoutes(), s.keypadRoutes(), s.stayRoutes(), s.adoptRoutes(), s.tokenRoutes(), s.simRoutes())
}

func (s *Server) pairingRoutes() []route {
	if s.opts.Pairings == nil {
		return nil
	}
	return []route{
		{"GET", "/api/v1/pairings", "listPairings", "The controllers that are paired", nil, nil, ok([]Pairing{}), nil, s.getPairings},
		{"PATCH", "/api/v1/pairings/{id}", "changePairing", "Gives a controller a name, a role or doors", bridgeParams(), PairingChange{}, ok(Pairing{}), []int{404}, s.patchPairing},
		{"DELETE", "/api/v1/pairings/{id}", "removePairing", "Revokes a controller and closes its sessions at once", bridgeParams(), nil, map[int]any{204: nil}, []int{404}, s.deletePairing},
		{"GET", "/api/v1/pair/homekit", "getHomeKit", "The bridges, with code and QR content while they can pair", nil, nil, ok([]HomeKitBridge{}), nil, s.getHomeKit},
		{"POST", "/api/v1/pair/homekit", "armHomeKit", "Lets unpaired bridges pair for 15 minutes", nil, nil, ok([]HomeKitBridge{}), nil, s.postHomeKit},
		{"GET", "/api/v1/pair/matter", "getMatter", "The Matter bridge, with codes while they are accepted", nil, nil, ok(MatterBridge{}), []int{409}, s.getMatter},
		{"POST", "/api/v1/pair/matter", "openMatter", "Lets one more ecosystem add the Matter bridge, for 15 minutes", nil, nil, ok(MatterBridge{}), []int{409}, s.postMatter},
		{"DELETE", "/api/v1/pair/matter", "closeMatter", "Takes that back", nil, nil, ok(MatterBridge{}), []int{409}, s.deleteMatter},
	}
}

func (s *Server) tokenRoutes() []route {
	if s.opts.Tokens == nil {
		return nil
	}
	return []route{
		{"GET", "/api/v1/tokens", "listTokens", "The tokens, without their secrets", nil, nil, ok([]Token{}), nil, s.getTokens},
		{"POST", "/api/v1/tokens", "createToken", "Makes a token and shows it once", nil, tokenRequest{}, map[int]any{201: NewTokenAnswer{}}, []int{409}, s.postToken},
		{"DELETE", "/api/v1/tokens/{id}", "revokeToken", "Ends a token at once", nil, nil, map[int]any{204: nil}, []int{404}, s.deleteToken},
	}
}

func (s *Server) simRoutes() []route {
	if s.opts.Sim == nil {
		return nil
	}
	return []route{
		{"GET", "/api/v1/sim/{id}", "getSim", "The physics of a simulated device", nil, nil, ok(SimState{}), []int{404}, s.getSim},
		{"POST", "/api/v1/sim/{id}/{event}", "simEvent", "Makes something happen to a simulated device", nil, simRequest{}, map[int]any{204: nil}, []int{404}, s.postSim},
	}
}

func ok(v any) map[int]any { return map[int]any{http.StatusOK: v} }

// mux serves the table; what is not in it is a problem document as well.
func (s *Server) mux(routes []route) http.Handler {
	mux := http.NewServeMux()
	methods := map[string][]string{}
	for _, rt := range routes {
		mux.Handle(rt.method+" "+rt.path, s.handle(rt))
		methods[rt.path] = append(methods[rt.path], rt.method)
	}
	for p, allowed := range methods {
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		slices.Sort(allowed)
		allow := strings.Join(allowed, ", ")
		refuse := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allow)
			s.refuse(w, &Error{Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Why: "that cannot be done here", Remedy: "allowed are " + allow})
		}
		if !within(p, methods) {
			mux.HandleFunc(p, refuse)
			continue
		}
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if !slices.Contains(allowed, m) {
				mux.HandleFunc(m+" "+p, refuse)
			}
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, noPath(r)) })
	return mux
}

// within reports whether a path is one of those that a path with a wildcard stands for: /codes/explain is
// within /codes/{id}. The mux wants to know then which methods of it are meant.
func within(p string, paths map[string][]string) bool {
	parts := strings.Split(p, "/")
	for other := range paths {
		pattern := strings.Split(other, "/")
		if other != p && len(pattern) == len(parts) && slices.EqualFunc(pattern, parts, func(a, b string) bool { return a == b || strings.HasPrefix(a, "{") }) {
			return true
		}
	}
	return false
}

func (s *Server) handle(rt route) http.Handler {
	known := make([]string, len(rt.query))
	for i, p := range rt.query {
		known[i] = p.name
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &countingWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { s.metrics.request(rt.id, counted.status) }()
		err := checkQuery(r, known)
		if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead && rt.body == nil {
			err = decode(r, &struct{}{})
		}
		if err == nil {
			err = rt.serve(counted, r)
		}
		if err == nil {
			return
		}
		if e := asError(err); e.Status >= http.StatusInternalServerError {
			s.log.Error().Err(err).Str("operation", rt.id).Str("actor", of(r.Context()).actor).Msg("request failed")
		}
		if !counted.begun {
			writeError(counted, err)
		}
	})
}

// countingWriter remembers the status for the metrics.
type countingWriter struct {
	http.ResponseWriter
	status int
	begun  bool
}

func (w *countingWriter) WriteHeader(status int) {
	if !w.begun {
		w.status, w.begun = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
	return nil
}

// list never answers null.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
