package state

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// withoutRights is what to put before a command so that file permissions count for it, whoever runs the
// test: the user stays, all of root's rights are gone.
func withoutRights(t *testing.T) []string {
	t.Helper()
	lab.NeedMounts(t)
	e2e.NeedCommand(t, "setpriv", "apt-get install util-linux")
	return []string{"setpriv", "--securebits", "+noroot,+noroot_locked", "--inh-caps", "-all", "--ambient-caps", "-all",
		"--bounding-set", "-all", "--no-new-privs"}
}

// notOurs returns the golden folder as another user's that may be read: nothing in it can be written.
func notOurs(t *testing.T, g *golden) (state string) {
	t.Helper()
	state = filepath.Join(e2e.TempDir(t), "state")
	if err := g.files.without("loquet.sock").write(state); err != nil {
		t.Fatal(err)
	}
	chmod(t, state, 0o500, 0o400)
	return state
}

func chmod(t *testing.T, dir string, folder, file os.FileMode) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(dir, e.Name()), file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, folder); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
}

// TestFolderThatMayNotBeWritten is the folder of somebody who once started the bridge as another user.
func TestFolderThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	prefix := withoutRights(t)
	for _, which := range []string{"stopped", "killed"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			g, killed := goldens.get(t)
			if which == "killed" {
				g = killed
			}
			state := notOurs(t, g)
			before := readFolder(t, state)
			r := g.runAs(t, prefix, state)
			r.overConsole()
			r.opens("garage")
			r.opens("front")
			r.says("disk-read-only", "")
			r.says("no-socket", "--url and --token")
			r.nothingCanChange("cannot be written", "give the state folder")
			r.Stop(t)
			if !readFolder(t, state).equal(before) {
				t.Error("a folder that may not be written was changed")
			}
		})
	}
}

// TestFilesThatMayNotBeRead: each of the files belongs to somebody else, who lets nobody read it.
func TestFilesThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	prefix := withoutRights(t)
	stopped, killed := goldens.get(t)
	for _, name := range []string{"loquet.db", "journal.db", "journal.db-wal", "journal.db-shm", "identity.a", "identity.b", "reserve"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := stopped
			if _, there := g.files[name]; !there {
				g = killed
			}
			state := filepath.Join(e2e.TempDir(t), "state")
			if err := g.files.write(state); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(state, name), 0); err != nil {
				t.Fatal(err)
			}
			r := g.runAs(t, prefix, state)
			r.opens("garage")
			if name == "loquet.db" {
				r.says("database-lost", "")
				r.nothingCanChange("database is lost", "")
			}
			r.Stop(t)
		})
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		state := notOurs(t, stopped)
		chmod(t, state, 0o500, 0)
		before := readFolder(t, state)
		refusedAs(t, prefix, state, "the identity is lost", "")
		if !readFolder(t, state).equal(before) {
			t.Error("the folder was changed")
		}
	})
	t.Run("the folder", func(t *testing.T) {
		t.Parallel()
		state := notOurs(t, stopped)
		chmod(t, state, 0, 0o400)
		refusedAs(t, prefix, state, "permission denied", "give the folder to the user")
	})
}

// TestNoFolderCanBeMade: a first start where this user may make nothing.
func TestNoFolderCanBeMade(t *testing.T) {
	t.Parallel()
	prefix := withoutRights(t)
	parent := e2e.TempDir(t)
	if err := os.Chmod(parent, 0o500); err != nil {
		t.Fatal(err)
	}
	refusedAs(t, prefix, filepath.Join(parent, "state"), "the state folder cannot be written", "--state")
	requireNone(t, filepath.Join(parent, "state"))

	empty := filepath.Join(e2e.TempDir(t), "state")
	if err := os.Mkdir(empty, 0o500); err != nil {
		t.Fatal(err)
	}
	refusedAs(t, prefix, empty, "the state folder cannot be written", "give the state folder")
	if left := readFolder(t, empty); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// TestFolderInUse: a second bridge on the folder of a running one ends, and the first does not notice.
func TestFolderInUse(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	state := filepath.Join(e2e.TempDir(t), "state")
	if err := stopped.files.write(state); err != nil {
		t.Fatal(err)
	}
	r := stopped.run(t, state)
	refused(t, state, "the state folder is in use", "stop the other loquet")
	r.isItself()
	r.opens("garage")
	r.isWell()
	r.Stop(t)
}

// refusedAs is refused for a command with something before it.
func refusedAs(t *testing.T, prefix []string, state, why, remedy string) {
	t.Helper()
	refusedCommand(t, e2e.Command{Name: prefix[0], Args: slices.Concat(prefix[1:], []string{lab.Binary(t)})}, state, why, remedy)
}
