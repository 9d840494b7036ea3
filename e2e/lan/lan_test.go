package lan

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = 30 * time.Second

// driveway is the example for a ratgdo, at a board of ours.
func driveway(t *testing.T, r *ratgdo) string {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "examples", "ratgdo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(e2e.TempDir(t), "key")
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(r.key)), 0o600); err != nil {
		t.Fatal(err)
	}
	config := string(text)
	for old, its := range map[string]string{"host: 192.168.1.70": "host: " + r.address, "/etc/loquet/ratgdo.key": key, "travel: 15s": "travel: 2s"} {
		if !strings.Contains(config, old) {
			t.Fatalf("the example has no %q", old)
		}
		config = strings.Replace(config, old, its, 1)
	}
	return config
}

// The example of a ratgdo: the door opens once for one order, what the wall button does is seen, nothing
// moves when the network was away, and an order whose answer is lost is given once.
func TestRatgdo(t *testing.T) {
	r := startRatgdo(t, "127.0.0.1:0", bytes.Repeat([]byte{9}, 32))
	q := lab.Start(t, e2e.Options{Config: driveway(t, r)})
	q.Await(t, "garage", "closed", limit)
	if r.count() != 0 {
		t.Fatalf("%d orders at the start", r.count())
	}
	first := q.Must(t, "garage", "open")
	q.Await(t, "garage", "open", limit)
	if again := q.Command(t, "garage", "open"); again.Intent != first.Intent && !again.Already || r.count() != 1 {
		t.Errorf("the same again: %+v, %d orders", again, r.count())
	}
	if a := q.Command(t, "garage", "close"); a.Status != 409 || a.Remedy == "" || r.count() != 1 {
		t.Errorf("a close from afar: %+v, %d orders", a, r.count())
	}

	r.wall(0)
	q.Await(t, "garage", "closed", limit)

	r.cut()
	e2e.Until(t, limit, func() string {
		r.mu.Lock()
		visits := r.visits
		r.mu.Unlock()
		if d := q.Device(t, "garage"); visits > 1 && d.Available && d.State.Position == "closed" {
			return ""
		}
		return "the door to be back"
	})
	if r.count() != 1 {
		t.Errorf("%d orders after the network was away", r.count())
	}

	r.mu.Lock()
	r.loses = true
	r.mu.Unlock()
	lost := q.Command(t, "garage", "open")
	if lost.Status/100 == 2 {
		t.Errorf("an order without an answer: %+v", lost)
	}
	e2e.Until(t, limit, func() string {
		if r.count() == 2 {
			return ""
		}
		return fmt.Sprintf("the order to arrive, %d did; answered %+v", r.count(), lost)
	})
	r.mu.Lock()
	r.deaf, r.loses = false, false
	r.mu.Unlock()
	q.Await(t, "garage", "open", limit)
	if r.count() != 2 {
		t.Errorf("%d orders, the lost one was given again", r.count())
	}
	q.Stop(t)
}

// Another key, another board at the same address: unavailable, with what to do, and nothing is sent.
func TestAnotherKey(t *testing.T) {
	r := startRatgdo(t, "127.0.0.1:0", bytes.Repeat([]byte{9}, 32))
	config := driveway(t, &ratgdo{address: r.address, key: bytes.Repeat([]byte{8}, 32)})
	q := lab.Start(t, e2e.Options{Config: config})
	if a := q.Command(t, "garage", "open"); a.Status != 409 || a.Remedy == "" || r.count() != 0 {
		t.Errorf("%+v, %d orders", a, r.count())
	}
	q.Stop(t)
}
