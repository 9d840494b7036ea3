package state

import (
	"bytes"
	"database/sql"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/loquet/loquet/e2e"
)

// fromTheFuture writes a format number that only a later release could have written. Its schema says from
// which format on a program can read it.
func fromTheFuture(t *testing.T, path string, readableBy int) {
	t.Helper()
	edit(t, path, "PRAGMA user_version = 99", fmt.Sprintf("INSERT OR REPLACE INTO meta VALUES ('readable_by', '%d')", readableBy))
}

func edit(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func format(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// newIdentity writes an identity file as the next format will begin: the checksum covers the format.
func newIdentity(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(data, []byte("\n"))
	sum := crc32.Checksum(append([]byte("2"), body...), crc32.MakeTable(crc32.Castagnoli))
	line := fmt.Sprintf("loquet identity 2 crc32c=%08x length=%d\n", sum, len(body))
	if err := os.WriteFile(path, append([]byte(line), body...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestNewer starts on folders that a later release has written: what it cannot read it leaves alone, what
// that release says it can read it serves without taking anything back.
func TestNewer(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	databases := []string{"loquet.db", "journal.db"}
	folderOf := func(t *testing.T) string {
		t.Helper()
		state := filepath.Join(e2e.TempDir(t), "state")
		if err := stopped.files.write(state); err != nil {
			t.Fatal(err)
		}
		return state
	}
	requireRefused := func(t *testing.T, state string) {
		t.Helper()
		before := readFolder(t, state)
		refused(t, state, "written by a newer loquet", "install the loquet that wrote it")
		if !readFolder(t, state).equal(before) {
			t.Error("the folder was changed")
		}
	}
	for _, name := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := folderOf(t)
			fromTheFuture(t, filepath.Join(state, name), 99)
			requireRefused(t, state)
		})
		t.Run(name+" that can be read", func(t *testing.T) {
			t.Parallel()
			state := folderOf(t)
			fromTheFuture(t, filepath.Join(state, name), 1)
			r := stopped.run(t, state)
			r.opens("garage")
			r.isWell()
			r.Stop(t)
			if n := format(t, filepath.Join(state, name)); n != 99 {
				t.Errorf("the format is %d after an older release, it was 99", n)
			}
		})
	}
	t.Run("identity", func(t *testing.T) {
		t.Parallel()
		state := folderOf(t)
		newIdentity(t, filepath.Join(state, "identity.b"))
		requireRefused(t, state)
	})
}
