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

// within is how long that may take here: the short form shares its machine with others.
func within() time.Duration {
	if long() {
		return back
	}
	return 4 * back
}

// long reports whether the long form is wanted.
func long() bool { return os.Getenv("LOQUET_LONG") != "" }

// weight is what the bridge holds of the machine's memory, in MiB: all of it, and without what it has in common
// with its file.
type weight struct{ all, own float64 }

func (w weight) String() string { return fmt.Sprintf("%.1f MiB (%.1f its own)", w.all, w.own) }

// weigh asks the kernel.
func weigh(t *testing.T, pid int) (w weight) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Error(err)
		return w
	}
	for line := range strings.Lines(string(text)) {
		for name, into := range map[string]*float64{"VmRSS:": &w.all, "RssAnon:": &w.own} {
			rest, ok := strings.CutPrefix(line, name)
			if !ok {
				continue
			}
			var kib float64
			if _, err = fmt.Sscan(rest, &kib); err != nil {
				t.Error(err)
			}
			*into = kib / 1024
		}
	}
	if w.all == 0 || w.own == 0 {
		t.Errorf("no weight: %+v", w)
	}
	return w
}

// rest is what the bridge weighs when nobody wants anything of it, after a while of that.
func rest(t *testing.T, pid int) weight {
	t.Helper()
	span := 2 * time.Second
	if long() {
		span = 20 * time.Second
	}
	e2e.Apart(t, span)
	return weigh(t, pid)
}
