package homekit

import (
	"strings"
	"testing"

	"github.com/loquet/loquet/homekit/haptest"
)

func TestReads(t *testing.T) {
	h, c := openEvery(t, nil)
	if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
		t.Fatal(err)
	}
	many := strings.TrimSuffix(strings.Repeat("2.11,", 1024), ",")
	for _, tc := range []struct {
		query  string
		status int
		body   string
	}{
		{"id=2.10,2.11", 200, `{"characteristics":[{"aid":2,"iid":10,"value":1},{"aid":2,"iid":11,"value":1}]}`},
		{"id=2.10%2C2.11", 200, `{"characteristics":[{"aid":2,"iid":10,"value":1},{"aid":2,"iid":11,"value":1}]}`},
		{"id=2.11,2.999,2.32", 207, `{"characteristics":[{"aid":2,"iid":11,"value":1,"status":0},{"aid":2,"iid":999,"status":-70409},{"aid":2,"iid":32,"status":-70405}]}`},
		{"id=2.35", 200, `{"characteristics":[{"aid":2,"iid":35,"value":null}]}`},
		{"id=2.11,2.10,2.31&ev=1", 200, `{"characteristics":[{"aid":2,"iid":11,"value":1,"ev":true},{"aid":2,"iid":10,"value":1,"ev":false},{"aid":2,"iid":31,"value":1}]}`},
		{"id=2.11&type=1&perms=1&meta=1", 200, `{"characteristics":[{"aid":2,"iid":11,"value":1,"type":"32","perms":["pr","pw","ev"],"format":"uint8","minValue":0,"maxValue":1,"minStep":1,"valid-values":[0,1]}]}`},
		{"meta=0&id=2.11&ev=0&x=y", 200, `{"characteristics":[{"aid":2,"iid":11,"value":1}]}`},
		{"id=" + many + ",2.11", 400, `{"status":-70410}`},
		{"", 400, `{"status":-70410}`}, {"id=", 400, `{"status":-70410}`}, {"id=2", 400, `{"status":-70410}`}, {"id=2.11,", 400, `{"status":-70410}`},
		{"id=2.x", 400, `{"status":-70410}`}, {"id=-2.11", 400, `{"status":-70410}`}, {"id=2.11&id=2.10", 400, `{"status":-70410}`},
		{"id=2.11&meta=2", 400, `{"status":-70410}`}, {"id=2.18446744073709551616", 400, `{"status":-70410}`}, {"id=2.11.1", 400, `{"status":-70410}`},
	} {
		r, err := c.Do("GET", "/characteristics?"+tc.query, "", nil)
		if err != nil || r.Status != tc.status || string(r.Body) != tc.body {
			t.Errorf("%.60s: %v %d %s", tc.query, err, r.Status, r.Body)
		}
	}
	if r, err := c.Do("GET", "/characteristics?id="+many, "", nil); err != nil || r.Status != 200 || strings.Count(string(r.Body), "iid") != 1024 {
		t.Errorf("1,024 ids: %v", err)
	}
	h.SetReachable(2, false)
	if r, err := c.Do("GET", "/characteristics?id=2.11,2.5,1.5", "", nil); err != nil || r.Status != 207 ||
		string(r.Body) != `{"characteristics":[{"aid":2,"iid":11,"status":-70402},{"aid":2,"iid":5,"value":"Door 2","status":0},{"aid":1,"iid":5,"value":"Door 1","status":0}]}` {
		t.Errorf("not answering: %v %s", err, r.Body)
	}
	if r, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err != nil || statuses(1, r)[0] != int(StatusNoCommunication) || len(h.written()) != 0 {
		t.Errorf("write to one that does not answer: %v %+v", err, r)
	}
	if body, err := c.Accessories(); err != nil || !strings.Contains(string(body), `"iid":11,"type":"32","perms":["pr","pw","ev"],"format":"uint8","minValue":0,"maxValue":1,"minStep":1,"valid-values":[0,1],"value":1`) {
		t.Errorf("the list of accessories shows no last value: %v %s", err, body)
	}
	h.SetReachable(2, true)
	if got := value(t, c, 2, iidTarget); got != "1" {
		t.Errorf("answering again: %s", got)
	}
}
