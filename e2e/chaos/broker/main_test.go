package broker

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/garadget"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	if garadget.Be() {
		return
	}
	flag.Parse()
	_ = flag.Set("test.parallel", map[bool]string{true: "1", false: "3"}[long()]) // short, they make do with less of the machine
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// back is how soon a board is in reach again.
const back = 5 * time.Second

// long reports whether the long form is wanted.
func long() bool { return os.Getenv("LOQUET_LONG") != "" }

// weigh is what the bridge holds of the machine's memory, in MiB.
func weigh(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Error(err)
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kib float64
			_, err = fmt.Sscan(rest, &kib)
			if err != nil {
				t.Error(err)
			}
			return kib / 1024
		}
	}
	t.Error("no VmRSS")
	return 0
}
