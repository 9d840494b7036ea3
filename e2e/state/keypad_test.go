package state

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

// codeLimit is far above what a code takes from the keypad to the strike, for a machine that is busy.
const codeLimit = 30 * time.Second

// TestOwnersComeInOnAFullDisk fills the disk under a house with a keypad: an owner's code opens, at once and
// after a restart; nobody is given a code; a wrong code is told as one that is not counted on the disk.
func TestOwnersComeInOnAFullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t, "tmpfs")
	w := world.Start(t, sim.DemoHouse(), 1)
	q := lab.Start(t, e2e.Options{State: filepath.Join(d.path, "state"), Args: []string{"--world", w.Socket}})
	ask := func(stdin string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), codeLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, lab.Binary(t), append(args, "--state", q.Options.State)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(stdin string, args ...string) {
		t.Helper()
		if out, err := ask(stdin, args...); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	must("", "people", "add", "Anna", "--kind", "owner")
	must("739154\n", "codes", "add", "--person", "Anna", "--pin")
	opens := func(want int) {
		t.Helper()
		q.Await(t, "studio", "secured", codeLimit)
		e2e.Until(t, codeLimit, func() string {
			if !q.Device(t, "studio-pad").Available {
				return "a keypad that listens"
			}
			return ""
		})
		w.Type(t, "studio-pad", "739154#")
		e2e.Until(t, codeLimit, func() string {
			if w.Status(t, "studio").PulsesTotal < want {
				return "a strike that is energised"
			}
			return ""
		})
		q.Await(t, "studio", "unsecured", codeLimit) // a strike that is still energised gets no second edge
	}
	opens(1)
	d.fill(t)
	opens(2)
	d.fill(t) // what the bridge gave back
	opens(3)
	if out, err := ask("", "people", "add", "Gus"); err == nil || !strings.Contains(out, "disk") {
		t.Errorf("on a full disk: %v, %s", err, out)
	}
	w.Type(t, "studio-pad", "402871#")
	e2e.Until(t, codeLimit, func() string {
		if text, _ := ask("", "doctor"); !strings.Contains(text, "A wrong code could not be counted on the disk") {
			return "doctor to tell of a count that is not kept: " + text
		}
		return ""
	})
	q.Stop(t)
	q = q.Again(t, nil)
	opens(4)
	if n := w.Status(t, "studio").PulsesTotal; n != 4 {
		t.Errorf("%d pulses for four codes", n)
	}
	q.Stop(t)
}
