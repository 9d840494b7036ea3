package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// stage is a system on which the package's scripts find only programs that write down how they were
// called.
type stage struct {
	dir, log string
}

// newStage makes one. devices are the answers of `loquet devices --json`, the last for ever.
func newStage(t *testing.T, enabled bool, devices ...string) stage {
	t.Helper()
	s := stage{dir: t.TempDir()}
	s.log = filepath.Join(s.dir, "log")
	bin := filepath.Join(s.dir, "bin")
	if err := os.MkdirAll(filepath.Join(s.dir, "run", "systemd", "system"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	program := func(name, body string) {
		text := "#!/bin/sh\necho " + name + " \"$*\" >>" + s.log + "\n" + body
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"systemctl", "systemd-sysusers", "deb-systemd-invoke", "chown", "chmod", "sleep", "rmdir", "udevadm"} {
		program(name, "")
	}
	status := "1"
	if enabled {
		status = "0"
	}
	program("deb-systemd-helper", `case "$*" in *was-enabled*) exit `+status+`;; esac`)
	for i, answer := range devices {
		if err := os.WriteFile(filepath.Join(s.dir, "answer"+string(rune('0'+i))), []byte(answer), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program("loquet", `n=$(grep -c '^loquet devices' `+s.log+`)
[ -e `+s.dir+`/answer$((n - 1)) ] || n=`+string(rune('0'+len(devices)))+`
cat `+s.dir+`/answer$((n - 1)) 2>/dev/null || exit 1`)
	return s
}

// script runs one of the package's scripts and returns what it printed and which programs it called.
func (s stage) script(t *testing.T, name string, args ...string) (out string, calls []string) {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "packaging", "deb", name))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, name)
	moved := strings.NewReplacer(" /run/udev ", " "+s.dir+" ", " /run/systemd/system ", " "+s.dir+"/run/systemd/system ", " /var/lib/loquet ", " "+s.dir+" ",
		"/usr/bin/deb-systemd-helper", s.dir+"/bin/deb-systemd-helper").Replace(string(text))
	if err := os.WriteFile(path, []byte(moved), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{path}, args...)...)
	cmd.Env = []string{"PATH=" + filepath.Join(s.dir, "bin") + ":/bin:/usr/bin"}
	b, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, b)
	}
	log, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b), strings.Split(strings.TrimSpace(string(log)), "\n")
}

func count(calls []string, call string) int {
	n := 0
	for _, c := range calls {
		if strings.HasPrefix(c, call) {
			n++
		}
	}
	return n
}

const (
	atRest  = `[{"id": "garage", "state": {"position": "closed", "target": "closed"}}]`
	opening = `[{"id": "garage", "state": {"position": "opening", "target": "open"}}]`
	warning = `[{"id": "garage", "state": {"position": "open", "target": "open", "warning": true}}]`
)

func TestFirstInstall(t *testing.T) {
	_, calls := newStage(t, true).script(t, "postinst", "configure", "")
	for _, call := range []string{"systemd-sysusers loquet.conf", "udevadm control --reload", "chmod 0640 /etc/loquet/loquet.yaml",
		"deb-systemd-helper enable loquet.service", "deb-systemd-invoke start loquet.service"} {
		if count(calls, call) != 1 {
			t.Errorf("not called once: %s\n%s", call, strings.Join(calls, "\n"))
		}
	}
}

// A service that the owner switched off stays off.
func TestDisabledStaysDisabled(t *testing.T) {
	_, calls := newStage(t, false, atRest).script(t, "postinst", "configure", "0.1.0")
	if count(calls, "deb-systemd-helper enable") != 0 || count(calls, "deb-systemd-helper update-state") != 1 {
		t.Error(strings.Join(calls, "\n"))
	}
}

func TestUpgradeWaitsForTheDoors(t *testing.T) {
	for name, tt := range map[string]struct {
		devices []string
		waits   int
		restart bool
	}{
		"at rest":            {[]string{atRest}, 0, true},
		"not running":        {nil, 0, true}, // try-restart starts nothing
		"moving for a while": {[]string{opening, opening, warning, atRest}, 3, true},
		"moving for ever":    {[]string{opening}, 59, false},
	} {
		t.Run(name, func(t *testing.T) {
			out, calls := newStage(t, true, tt.devices...).script(t, "postinst", "configure", "0.1.0")
			if n := count(calls, "sleep 1"); n != tt.waits {
				t.Errorf("waited %d s, want %d", n, tt.waits)
			}
			if n := count(calls, "deb-systemd-invoke try-restart loquet.service"); n == 1 != tt.restart {
				t.Errorf("restarted %d times\n%s", n, strings.Join(calls, "\n"))
			}
			if tt.restart == strings.Contains(out, "systemctl restart loquet") {
				t.Errorf("it says %q", out)
			}
			if n := count(calls, "deb-systemd-invoke start") + count(calls, "chmod"); n != 0 {
				t.Errorf("an upgrade started the service or changed what the owner set:\n%s", strings.Join(calls, "\n"))
			}
		})
	}
}

// An upgrade stops nothing before the new version is there; a removal does.
func TestRemoval(t *testing.T) {
	for args, stops := range map[string]int{"remove": 1, "upgrade": 0, "failed-upgrade": 0, "deconfigure": 0} {
		_, calls := newStage(t, true, opening).script(t, "prerm", args)
		if n := count(calls, "deb-systemd-invoke stop loquet.service"); n != stops {
			t.Errorf("prerm %s: stopped %d times", args, n)
		}
	}
	s := newStage(t, true)
	out, calls := s.script(t, "postrm", "purge")
	if count(calls, "deb-systemd-helper purge loquet.service") != 1 || !strings.Contains(out, "was kept") {
		t.Errorf("purge: %q\n%s", out, strings.Join(calls, "\n"))
	}
	if _, err := os.Stat(s.dir); err != nil {
		t.Error("the pairings are gone")
	}
}
