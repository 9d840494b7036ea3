package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"
)

type requestKey struct{}

// request is what the guard learned about a request.
type request struct {
	actor   string    // who: "uid:1000", "token:6f00c1d2e3a4"
	arrived time.Time // before the body was read: a slow one does not make a command younger
}

func of(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

// guard lets nothing through that is not allowed: first the questions that need no secret (Host,
// origin), so that a browser led here by another page learns nothing, then the token.
func (s *Server) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived := time.Now()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")

		actor, local := peer(r.Context())
		if !local && !s.hostAllowed(r.Host) {
			s.refuse(w, &Error{Status: http.StatusMisdirectedRequest, Code: "bad-host", Why: "this bridge does not answer to the name " + quote(r.Host), Remedy: "use its IP address, a .local name, or add the name to the configuration"})
			return
		}
		if err := origin.Check(r); err != nil {
			s.refuse(w, &Error{Status: http.StatusForbidden, Code: "cross-origin", Why: "a page of another site may not change anything here", Remedy: "send the request from the bridge's own page or from a script", Err: err})
			return
		}
		if !local {
			var ok bool
			if actor, ok = s.bearer(r); !ok {
				h.Set("WWW-Authenticate", `Bearer realm="loquet"`)
				s.refuse(w, &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Why: "this needs a valid token", Remedy: "send Authorization: Bearer <token>; loquet token create makes one"})
				return
			}
		}
		// The mux would redirect an unclean path; a redirected command is not what anybody asked for.
		if p := r.URL.Path; p == "" || p[0] != '/' || path.Clean(p) != p {
			s.refuse(w, noPath(r))
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, request{actor: actor, arrived: arrived}))
		next.ServeHTTP(w, r)
	})
}

// refuse answers, and closes the connection of whoever has shown nothing: it holds no place.
func (s *Server) refuse(w http.ResponseWriter, e *Error) {
	switch e.Status {
	case http.StatusMisdirectedRequest, http.StatusForbidden, http.StatusUnauthorized:
		w.Header().Set("Connection", "close")
	}
	s.metrics.request("refused", e.Status)
	writeError(w, e)
}

func (s *Server) bearer(r *http.Request) (actor string, ok bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", false
	}
	scheme, secret, found := strings.Cut(headers[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return s.tokens.check(strings.TrimSpace(secret))
}

// hostAllowed keeps out pages that point a name of their own at the bridge's address (DNS
// rebinding): such a name is never an IP address, localhost or a .local one.
func (s *Server) hostAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || (strings.HasSuffix(host, ".local") && host != ".local") {
		return true
	}
	for _, name := range s.opts.Hosts {
		if host != "" && host == strings.ToLower(strings.TrimSuffix(name, ".")) {
			return true
		}
	}
	return false
}

func noPath(r *http.Request) *Error {
	return &Error{Status: http.StatusNotFound, Code: "no-such-path", Why: "there is nothing at " + quote(r.URL.Path), Remedy: "/api/v1/openapi.json lists all paths"}
}
