package state

import (
	"flag"
	"os"
	"testing"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // bridges wait for most of their time
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// long reports whether there is time for ten times as much.
func long() bool { return os.Getenv("LOQUET_LONG") != "" }
