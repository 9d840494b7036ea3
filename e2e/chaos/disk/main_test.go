package disk

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
	"github.com/loquet/loquet/e2e/chaos/disk/rig"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	if served, err := rig.Serve(); served {
		end(err)
		return
	}
	if file := os.Getenv(asSlow); file != "" {
		end(live(file))
		return
	}
	lab = e2e.Open()
	if os.Getenv("LOQUET_SEEDED") == "" { // else the bridge is that of who started this
		defer lab.Close()
	}
	m.Run()
}

// end ends a process that is no test.
func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newDisk mounts a forgetful file system that a process of its own serves.
func newDisk(t *testing.T) *forgetful.Control { t.Helper(); return rig.Disk(t, lab) }

// newVolume makes a disk.
func newVolume(t *testing.T, c *forgetful.Control, name string) *forgetful.Volume {
	t.Helper()
	return rig.Volume(t, c, name)
}

// inMemory mounts a folder that is quick.
func inMemory(t *testing.T) string { t.Helper(); return rig.InMemory(t, lab) }

// power is the machine's boot id, as the store reads it.
type power = rig.Power

func newPower(t *testing.T) *power { t.Helper(); return rig.NewPower(t, lab) }

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}
