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
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// long reports whether there is time for ten times as much.
func long() bool { return os.Getenv("LOQUET_LONG") != "" }
