package api_test

import (
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
)

func TestUnknownCodes(t *testing.T) {
	l := peopled(t)
	l.Found(api.UnknownCode{Lock: "front", Slot: 3, Digits: 4}, api.UnknownCode{Lock: "front", Slot: 9})
	s := newServer(t, villa(), with(l))
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "", "", 200, `"digits":4`},
		{"POST", "/front/3/leave", "", 204, ""},
		{"GET", "", "", 200, `"left":true`},
		{"POST", "/front/5/leave", "", 404, "not-found"},
		{"POST", "/front/three/leave", "", 422, "loquet codes unknown"},
		{"POST", "/front/-1/leave", "", 422, "no place"},
		{"DELETE", "/front/99999999999999999999", "", 422, "no place"},
		{"POST", "/front/9/adopt", `{"person":"person-1"}`, 409, "not-shown"},
		{"POST", "/front/3/adopt", `{"person":"nobody"}`, 404, "not-found"},
		{"POST", "/front/3/adopt", `{"pin":"1234"}`, 422, "no member"},
		{"POST", "/front/3/adopt", `{"person":"person-1"}`, 201, `"doors":["front"]`},
		{"POST", "/front/3/adopt", `{"person":"person-1"}`, 404, "not-found"},
		{"DELETE", "/front/9", "", 204, ""},
		{"DELETE", "/front/9", "", 404, "not-found"},
		{"GET", "", "", 200, "[]"},
	} {
		w := ask(s, c.method, "/api/v1/codes/unknown"+c.path, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) || strings.Contains(w.Body.String(), apitest.Made) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
}
