package keys

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

// reader is a simulated reader on an encrypted line, in a process of its own: the peer that the driver is
// tested with, which speaks the published bytes.
type reader struct{ *e2e.Process }

// startReader returns the reader and the port that it is plugged into.
func startReader(t *testing.T) (r reader, port string) {
	t.Helper()
	dir := e2e.TempDir(t)
	binary := filepath.Join(dir, "reader")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, "./hw/osdp")
	build.Dir = e2e.Folder(t)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the simulated reader: %v\n%s", err, bytes.TrimSpace(out))
	}
	socket := filepath.Join(dir, "reader.sock")
	r = reader{e2e.Start(t, e2e.Command{Name: binary, Env: []string{"LOQUET_OSDP_READER=" + socket}})}
	e2e.Until(t, limit, func() string {
		if _, err := os.Stat(socket); err != nil {
			return "a reader"
		}
		return ""
	})
	return r, serialtest.Cable(t, "unix", socket)
}

func (r reader) happens(t *testing.T, what string) {
	t.Helper()
	if _, err := io.WriteString(r.Stdin(), what+"\n"); err != nil {
		t.Fatal(err)
	}
}

// available waits until the reader is there, or is not.
func (s *studio) available(t *testing.T, want bool) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if s.Device(t, "line-pad").Available != want {
			return fmt.Sprint("a keypad that is available: ", want)
		}
		return ""
	})
}

// A reader on an encrypted line is believed once its owner gave it a key, and only then: after a restart it
// still is, without its key it is not.
func TestReaderOnAnEncryptedLine(t *testing.T) {
	line, port := startReader(t)
	s := &studio{world: world.Start(t, sim.DemoHouse(), 1)}
	s.Loquet = lab.Start(t, e2e.Options{Config: `
home: {name: Villa Rose}
boards: {house: {driver: sim, world: ` + s.world.Socket + `}}
locks:
  studio:
    name: Studio
    bolt: {driver: strike, relay: "house:studio/relay", hold: 1s}
    secured: "house:studio/secured"
    door: "house:studio/door"
keypads:
  line-pad: {driver: osdp, port: ` + port + `, address: 5, opens: [studio]}
`})
	s.run(t, "", "people", "add", "Anna", "--kind", "owner")
	s.run(t, "739154\n", "codes", "add", "--person", "Anna", "--pin")
	s.Await(t, "studio", "secured", limit)
	s.available(t, false)
	e2e.Until(t, limit, func() string {
		if text, _, _ := s.try(t, "", "doctor"); !strings.Contains(text, "loquet pair keypad") {
			return "a doctor who says what to do"
		}
		return ""
	})
	line.happens(t, "type 739154#") // in vain: nobody listens to a reader without a key
	key := filepath.Join(s.Options.State, "reader-line-pad.key")
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("a key was made though nobody asked for one: %v", err)
	}

	s.run(t, "", "pair", "keypad", "line-pad")
	s.available(t, true)
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its key: %v, %v", info, err)
	}
	if n := s.world.Status(t, "studio").PulsesTotal; n > 1 {
		t.Errorf("%d pulses", n)
	}
	before := s.world.Status(t, "studio").PulsesTotal // what was typed before may be told now, over the channel
	s.Await(t, "studio", "secured", limit)
	line.happens(t, "type *739154#")
	s.strikes(t, before+1)
	line.happens(t, "open")
	e2e.Until(t, limit, func() string {
		if s.Device(t, "line-pad").State.Fault == "" {
			return "a keypad that was opened"
		}
		return ""
	})

	s.Kill(t)
	s.Loquet = s.Again(t, nil)
	s.available(t, true)
	s.Await(t, "studio", "secured", limit)
	line.happens(t, "type 739154#")
	s.strikes(t, before+2)

	line.happens(t, "reset")
	s.available(t, false)
	line.happens(t, "type 739154#")
	s.run(t, "", "pair", "keypad", "line-pad")
	s.available(t, true)
	s.Stop(t)
	s.canary(t, "739154")
	s.keyless(t, key)
}

// keyless looks for the reader's key in the log and in the databases.
func (s *studio) keyless(t *testing.T, key string) {
	t.Helper()
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(string(secret))
	if len(text) != 32 || strings.Contains(s.Log(), text) {
		t.Error("the log holds a key, or there is none")
	}
	err = filepath.WalkDir(s.Options.State, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == key {
			return err
		}
		all, err := os.ReadFile(path)
		if strings.Contains(string(all), text) {
			t.Errorf("%s holds the key", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
