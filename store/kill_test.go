package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

// childEnv turns this test binary into a process that writes until it is killed.
const childEnv = "LOQUET_STORE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeUntilKilled says on its output what was acknowledged, after it was.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{reserve: 64 << 10, RuntimeDir: filepath.Join(dir, "..", "run")})
	if err != nil {
		return err
	}
	fmt.Println("open", s.Install())
	if os.Getenv(childEnv+"_IDLE") != "" {
		select {}
	}
	errs := make(chan error)
	go func() {
		homekit, plain := s.Space("homekit", Precious), s.Space("plain")
		for i := range 1_000_000 {
			space := plain
			if i%3 == 0 {
				space = homekit
			}
			key := fmt.Sprintf("%d-%d", os.Getpid(), i)
			if err := space.Apply(map[string][]byte{key: []byte(key), "last": []byte(key)}); err != nil {
				errs <- err
				return
			}
			fmt.Println("key", space.name, key)
		}
	}()
	go func() {
		for i := range 1_000_000 {
			id := fmt.Sprintf("%d-%d", os.Getpid(), i)
			seq, err := s.Journal().Record(ctx, device.Entry{Kind: device.EntryIntent, Device: id})
			if err != nil {
				errs <- err
				return
			}
			fmt.Println("row", seq, id)
		}
	}()
	return <-errs
}

func child(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(append(os.Environ(), childEnv+"="+dir), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// TestKilledProcessesLoseNothing kills a writing process at random moments, again and again in the same
// folder. LOQUET_KILLS says how often.
func TestKilledProcessesLoseNothing(t *testing.T) {
	kills := 25
	if testing.Short() || racing {
		kills = 5
	}
	if n, err := strconv.Atoi(os.Getenv("LOQUET_KILLS")); err == nil {
		kills = n
	}
	base := t.TempDir()
	dir := filepath.Join(base, "state")
	if err := os.Mkdir(filepath.Join(base, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	rows, keys, install := map[int64]string{}, map[string]string{}, ""
	for range kills {
		cmd, out := child(t, dir)
		timer := time.AfterFunc(time.Duration(rand.IntN(250))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for out.Scan() {
			w := strings.Fields(out.Text())
			switch {
			case w[0] == "open" && len(w) == 2:
				if install == "" {
					install = w[1]
				}
				if w[1] != install {
					t.Fatalf("a new identity: %s", w[1])
				}
			case w[0] == "row" && len(w) == 3:
				seq, _ := strconv.ParseInt(w[1], 10, 64)
				if was, used := rows[seq]; used {
					t.Fatalf("number %d was used for %s and for %s", seq, was, w[2])
				}
				rows[seq] = w[2]
			case w[0] == "key" && len(w) == 3:
				keys[w[2]] = w[1]
			case w[0] == "error:":
				t.Fatal(out.Text())
			}
		}
		timer.Stop()
		_ = cmd.Wait()
	}
	if len(rows) == 0 || len(keys) == 0 {
		t.Skip("the machine is too slow: no child lived long enough to write")
	}
	s := open(t, dir, Options{reserve: 64 << 10, RuntimeDir: filepath.Join(base, "run")})
	healthy(t, s)
	t.Logf("%d kills, %d rows, %d keys", kills, len(rows), len(keys))
	held := map[int64]string{}
	for before := int64(0); ; {
		page := history(t, s.Journal(), Query{Limit: 10_000, BeforeSeq: before})
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			held[r.Seq] = r.Device
		}
		before = page[len(page)-1].Seq
	}
	for seq, id := range rows {
		if held[seq] != id {
			t.Fatalf("row %d of %s was acknowledged and is %q", seq, id, held[seq])
		}
	}
	for key, space := range keys {
		want(t, s.Space(space), key, key)
	}
	proof, err := s.Journal().Verify(t.Context())
	if err != nil || !proof.OK() {
		t.Fatalf("verify: %+v, %v", proof, err)
	}
	if len(proof.Gaps) != 0 {
		t.Errorf("a killed process leaves no gap: %v", proof.Gaps)
	}
}

func TestOnlyOneProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, dir, childEnv+"_IDLE=1")
	if !out.Scan() || !strings.HasPrefix(out.Text(), "open ") {
		t.Fatalf("the child says %q", out.Text())
	}
	_, err := Open(t.Context(), dir, small())
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("two processes: %v", err)
	}
	var p *Problem
	if pid := fmt.Sprintf("process %d (", cmd.Process.Pid); !strings.Contains(err.Error(), pid) || !errors.As(err, &p) || p.Hint() == "" {
		t.Errorf("%q does not name %s", err, pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	healthy(t, open(t, dir, small()))
}
