package state

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// expected is what doctor must tell of damage, by the file: a person should hear of it.
func expected(h hurt) string {
	name, what, _ := strings.Cut(h.name, " ")
	switch {
	case what != gone().name && what != overwritten().name:
		return ""
	case strings.HasPrefix(name, "identity.") && what == gone().name:
		return "" // it is made again without a word
	case name == "loquet.db":
		return "database-lost"
	case name == "journal.db":
		return "journal-gap"
	case strings.HasPrefix(name, "identity."):
		return "identity-rebuilt"
	}
	return ""
}

// examples are the damages that the binary is tried with: each file in the ways that come from real disks,
// and all that hurts more than one.
func (g *golden) examples(random *rand.Rand) []hurt {
	var all []hurt
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		f := g.files[name]
		some := []change{gone(), overwritten()}
		if len(f.data) > 0 && name != "reserve" {
			some = append(some, emptied(), cutAt(len(f.data)/2))
			some = append(some, flips(random, len(f.data), 1)...)
		}
		if strings.HasSuffix(name, ".db") {
			some = append(some, flipped(8*18+1)) // the version that a writer must know: SQLite then only reads
		}
		for _, c := range some {
			all = append(all, g.one(name, c))
		}
	}
	for _, h := range g.together() {
		if strings.HasSuffix(h.name, gone().name) || strings.HasSuffix(h.name, overwritten().name) {
			all = append(all, h)
		}
	}
	return all
}

// TestDamage tries the most likely damage on the built binary, with a second start after the first: what
// that one put right must hold, and nothing may have moved.
func TestDamage(t *testing.T) {
	t.Parallel()
	stopped, killed := goldens.get(t)
	random := rand.New(rand.NewPCG(2, 2))
	examples := killed.examples(random)
	if long() {
		examples = append(examples, stopped.examples(random)...)
	}
	t.Logf("%d damaged folders", len(examples))
	for _, h := range examples {
		t.Run(strings.ReplaceAll(h.String(), " ", "_"), func(t *testing.T) {
			t.Parallel()
			state := filepath.Join(e2e.TempDir(t), "state")
			if err := h.files.write(state); err != nil {
				t.Fatal(err)
			}
			if h.lost {
				refused(t, state, "the identity is lost", "put the last backup back")
				if !readFolder(t, state).equal(h.files) {
					t.Error("a folder that was refused was changed")
				}
				return
			}
			r := h.golden.run(t, state)
			noSocket := strings.HasPrefix(h.name, "loquet.sock "+overwritten().name) // what is no socket is not removed
			if noSocket {
				r.overConsole()
			}
			r.opens("garage")
			if code := expected(h); code != "" {
				r.says(code, "")
			}
			lost := r.judgesDamage()
			r.Stop(t)
			r.again()
			if noSocket {
				r.overConsole()
				r.says("no-socket", "--url and --token")
			}
			r.opens("front")
			if again := r.judgesDamage(); again != lost {
				t.Errorf("a database that is of no use (%v) is something else after a restart (%v)", lost, again)
			}
			r.Stop(t)
		})
	}
}

// judgesDamage requires that the disk is not blamed for what is wrong with a file, and that changes are kept
// unless the database is of no use, which doctor and the answers then say.
func (r *running) judgesDamage() (lost bool) {
	r.t.Helper()
	problems, text := r.doctor()
	for _, code := range []string{"disk-full", "disk-read-only"} {
		if _, there := problems[code]; there {
			r.t.Errorf("doctor tells of %s on a disk that is well:\n%s", code, text)
		}
	}
	_, lost = problems["database-lost"]
	_, failed := problems["disk-failed"]
	if lost || failed {
		r.nothingCanChange("loquet.db", "put the last backup back")
		return true
	}
	if err := r.invite(); err != nil {
		r.t.Errorf("a controller cannot be added: %v", err)
	}
	return false
}
