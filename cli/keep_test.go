package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/internal/sealed"
)

// keeper is that of the house of the scripts. Its backups are real, so that they can be read back.
func keeper() *apitest.Keeper {
	now := time.Now()
	return &apitest.Keeper{
		Text: []byte("home: {name: Villa Rose}\n"),
		Seen: api.Facts{
			Clock: api.ClockFacts{Trust: "holdover"},
			State: api.StateFacts{Folder: "/var/lib/loquet", FreeBytes: 3 << 30, TotalBytes: 28 << 30, FreeInodes: 5000, TotalInodes: 9000},
			Network: api.NetworkFacts{
				Interfaces: []api.InterfaceFacts{{Name: "eth0", Addrs: []string{"192.0.2.1/24"}, IPv4: true, Asked: now}},
				Skipped:    []api.SkippedFacts{{Name: "docker0", Why: "it is a bridge of containers"}},
				Services:   []api.ServiceFacts{{Instance: "Loquet", Port: 51826, Live: []string{"eth0"}}, {Instance: "Front", Port: 4000, Probing: []string{"eth0"}}},
			},
			Controllers: []api.ControllerFacts{
				{ID: "1A2B3C4D-0000", Name: "Anna", Sessions: 1, Answers: api.AnswerFacts{Count: 256, P50: 0.4, P99: 3, Max: 1200}},
				{ID: "1A2B9999-0000"},
			},
			Copies: []api.CopyFacts{{Instance: "Loquet", Host: "old.local", Addrs: []string{"192.0.2.9"}, Interface: "eth0"}},
		},
		Seal: func(out io.Writer, phrase string) error {
			if len(phrase) < 12 {
				return &api.Error{Status: 422, Code: "weak-passphrase", Why: "the passphrase is too short", Remedy: "take a sentence"}
			}
			if strings.HasPrefix(phrase, "half of it") {
				_, err := io.WriteString(out, "loquet sealed 1\n")
				return err
			}
			return sealAll(out, phrase, "the house")
		},
	}
}

func sealAll(out io.Writer, phrase, text string) error {
	w, err := sealed.Seal(out, phrase)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return w.Close()
}

// backupOf stands for a folder that no bridge uses.
func backupOf(_ context.Context, o cli.BackupOptions, out io.Writer) error {
	if filepath.Base(o.State) != "stopped" {
		return &cli.Failure{Why: "there is no house in " + o.State, Remedy: "say where"}
	}
	return sealAll(out, o.Passphrase, "stopped, "+o.Config)
}

// restored shows what it was handed.
func restored(_ context.Context, o cli.RestoreOptions, s cli.Streams) (cli.Restored, error) {
	plain, err := sealed.Open(o.File, o.Passphrase)
	if err != nil {
		return cli.Restored{}, &cli.Failure{Why: err.Error(), Remedy: "type the right one"}
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		return cli.Restored{}, err
	}
	fmt.Fprintf(s.Err, "%s into %s, config %q, force %t\n", text, o.State, o.Config, o.Force)
	r := cli.Restored{State: o.State, Made: time.Date(2026, 11, 21, 20, 0, 0, 0, time.Local), Host: "villa"}
	if o.Force {
		r.Aside, r.Warnings = o.State+"/before-restore-1", []string{"history did not add up"}
	}
	return r, nil
}

// terminalPair makes a pseudo-terminal: what is typed, and what the program reads from.
func terminalPair(t *testing.T) (typed, terminal *os.File) {
	t.Helper()
	typed, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { _ = typed.Close() })
	n, err := unix.IoctlGetInt(int(typed.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(typed.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return typed, terminal
}

// A person types the passphrase twice, and nobody sees it on the screen.
func TestPassphraseIsAskedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		typed string
		code  int
		says  string
	}{
		"the same": {"correct horse battery\ncorrect horse battery\n", 0, "The same again"},
		"another":  {"correct horse battery\ncorrect horse batterx\n", 1, "two different"},
		"nothing":  {"\n", 1, "there is no passphrase"},
	} {
		t.Run(name, func(t *testing.T) {
			h := villa(time.Now())
			dir := t.TempDir()
			state := filepath.Join(dir, "s")
			if err := start(h, state, t.Cleanup); err != nil {
				t.Fatal(err)
			}
			typed, terminal := terminalPair(t)
			var out strings.Builder
			asked := &prompts{typed: typed, lines: strings.SplitAfter(tt.typed, "\n")}
			file := filepath.Join(dir, "house")
			code := cli.Main(t.Context(), []string{"backup", file, "--state", state}, terminal, &out, asked, program())
			if code != tt.code || !strings.Contains(asked.said.String(), tt.says) {
				t.Errorf("%d %q", code, asked.said.String())
			}
			if _, err := os.Stat(file); (err == nil) != (tt.code == 0) {
				t.Errorf("the backup: %v", err)
			}
			settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
			if err != nil || settings.Lflag&unix.ECHO == 0 {
				t.Errorf("the terminal shows nothing any more: %v", err)
			}
			if n, err := unix.IoctlGetInt(int(typed.Fd()), unix.TIOCINQ); err != nil || n > 0 {
				screen := make([]byte, n)
				_, _ = typed.Read(screen)
				if strings.Contains(string(screen), "horse") {
					t.Errorf("it was shown: %q, %v", screen, err)
				}
			}
		})
	}
}

// prompts types the next line when it is asked for one.
type prompts struct {
	typed *os.File
	lines []string
	said  strings.Builder
}

func (p *prompts) Write(b []byte) (int, error) {
	if strings.HasSuffix(string(b), ": ") && len(p.lines) > 0 {
		if _, err := p.typed.WriteString(p.lines[0]); err != nil {
			return 0, err
		}
		p.lines = p.lines[1:]
	}
	return p.said.Write(b)
}

var errLost = errors.New("lost")

type lost struct{}

func (lost) Read([]byte) (int, error) { return 0, errLost }

func TestLostStandardInput(t *testing.T) {
	var errs strings.Builder
	if code := cli.Main(t.Context(), []string{"backup", "x"}, lost{}, io.Discard, &errs, program()); code != 1 || !strings.Contains(errs.String(), "lost") {
		t.Errorf("%d %q", code, errs.String())
	}
}
