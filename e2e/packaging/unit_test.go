package packaging

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// run runs a program to its end and returns what it printed.
func run(t *testing.T, name string, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	b, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(b)), err
}

func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := run(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// unit is the service's unit with an ExecStart that is there, in a folder of its own: systemd-analyze
// wants its name.
func unit(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "packaging", "loquet.service"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "loquet.service")
	text = bytes.ReplaceAll(text, []byte("/usr/bin/loquet"), []byte("/bin/true"))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exposure is the most that systemd may find: 1.5.
const exposure = "15"

func TestUnitIsHardened(t *testing.T) {
	e2e.NeedCommand(t, "systemd-analyze", "apt-get install systemd")
	out, err := run(t, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+exposure, unit(t))
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "Overall exposure level for loquet.service") {
		t.Errorf("nothing was judged:\n%s", out)
	}
}

func TestUnitIsUnderstood(t *testing.T) {
	e2e.NeedCommand(t, "systemd-analyze", "apt-get install systemd")
	out, err := run(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit(t))
	if err != nil || strings.Contains(out, "loquet.service") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What the unit asks of systemd is what the program does.
func TestUnitFitsTheProgram(t *testing.T) {
	text, err := os.ReadFile(e2e.Folder(t, "packaging", "loquet.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Type=notify",
		"StateDirectory=loquet",        // /var/lib/loquet, the default of `loquet run` in a service
		"RuntimeDirectory=loquet",      // /run/loquet, where commands look first
		"RuntimeDirectoryPreserve=yes", // history lies there while the disk takes none
		"RuntimeDirectoryMode=0750",    // the group reaches the socket
		"Restart=always",               //
		"StartLimitIntervalSec=0",      // for ever
		"ExecStopPost=-/usr/bin/loquet outputs-safe --config /etc/loquet/loquet.yaml", // what guard and bridge could not
		"CapabilityBoundingSet=",          //
		"DeviceAllow=char-gpiochip rw",    //
		"DeviceAllow=char-hidraw rw",      // relay boards that are HID devices
		"RestrictAddressFamilies=AF_UNIX", // the socket, and systemd's
	} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line)).Match(text) {
			t.Errorf("the unit lacks %s", line)
		}
	}
	// Under a user namespace of its own the service would see every other user as nobody, and history
	// could not say who opened a door from a shell.
	if bytes.Contains(text, []byte("\nPrivateUsers=yes")) {
		t.Error("PrivateUsers hides who commands come from")
	}
}

func TestGroupsExist(t *testing.T) {
	e2e.NeedCommand(t, "systemd-sysusers", "apt-get install systemd")
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "systemd-sysusers", "--root="+root, e2e.Folder(t, "packaging", "deb", "sysusers.conf"))
	groups, err := os.ReadFile(filepath.Join(root, "etc", "group"))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{`loquet:x:\d+:`, `gpio:x:\d+:loquet`, `dialout:x:\d+:loquet`} {
		if !regexp.MustCompile(`(?m)^` + group + `$`).Match(groups) {
			t.Errorf("no group %s in\n%s", group, groups)
		}
	}
}
