package matter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// TestTheNetworkGoesAndComes pulls the cable of the house, lets a bolt turn meanwhile, and plugs it in again: the ecosystem is told by
// itself, and operates. LOQUET_LONG leaves it out for longer than the house tries to send.
func TestTheNetworkGoesAndComes(t *testing.T) {
	t.Parallel()
	apart := 2 * time.Second
	if os.Getenv("LOQUET_LONG") != "" {
		apart = 40 * time.Second
	}
	home, elsewhere := lab.Pair(t)
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--speed", "20"}})
	p := startPhone(t, elsewhere, filepath.Join(e2e.TempDir(t), "phone"))
	add(t, q, p)
	front := p.named(t, "Front door", doorLock, lockState)
	home.Down(t)
	q.Must(t, "front", "unlock")
	q.Await(t, "front", "unsecured", limit)
	e2e.Apart(t, apart)
	home.Up(t)
	p.told(t, front, doorLock, "lockState", lockOpen)
	if err := p.lock(t, front, "lockDoor"); err != nil {
		t.Fatal(err)
	}
	p.told(t, front, doorLock, "lockState", lockLocked)
	metrics := q.Text(t, "/metrics")
	for _, line := range []string{"loquet_matter_fabrics 1\n", "loquet_matter_sessions ", "loquet_matter_subscriptions 1\n"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %q in the metrics:\n%s", line, metrics)
		}
	}
	p.must(t, "end", nil)
}
