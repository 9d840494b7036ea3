package packaging

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// needSystem skips a test that makes a whole system: it wants root, the network, and minutes.
func needSystem(t *testing.T) {
	t.Helper()
	if os.Getenv("LOQUET_LONG") == "" {
		t.Skip("it takes minutes: LOQUET_LONG=1 runs it")
	}
	if os.Geteuid() != 0 {
		e2e.Skip(t, "only root can make a system to install into")
	}
	e2e.NeedCommand(t, "debootstrap", "apt-get install debootstrap")
	e2e.NeedCommand(t, "systemd-nspawn", "apt-get install systemd-container")
}

// build makes the package of this machine in a version, and returns its path.
func build(t *testing.T, version string) string {
	t.Helper()
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), e2e.Folder(t, "packaging", "build.sh"), "binaries", "debs")
	cmd.Env = append(os.Environ(), "OUT="+out, "VERSION="+version, "MACHINES="+runtime.GOARCH)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build.sh: %v\n%s", err, b)
	}
	debs, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("packages %v, %v", debs, err)
	}
	return debs[0]
}

// A package can be compared with what others built from the same commit.
func TestBuildsAreTheSame(t *testing.T) {
	if os.Getenv("LOQUET_LONG") == "" {
		t.Skip("it takes minutes: LOQUET_LONG=1 runs it")
	}
	var sums []string
	for range 2 {
		t.Setenv("GOCACHE", t.TempDir()) // nothing of the first build is used again
		deb, err := os.ReadFile(build(t, "0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(deb)))
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %s, %s", sums[0], sums[1])
	}
}

// system is a Debian in a folder, booted by its own systemd.
type system struct {
	root   string
	leader string // its first process, seen from outside
}

// boot makes and boots a Debian 12 without a network.
func boot(t *testing.T) *system {
	t.Helper()
	s := &system{root: filepath.Join(e2e.TempDir(t), "root")}
	mustRun(t, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv", "bookworm", s.root)
	cmd := exec.Command("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network",
		"--link-journal=no", "--machine="+fmt.Sprintf("loquet-%d", os.Getpid()), "--directory="+s.root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an orderly end of the system
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	e2e.Until(t, time.Minute, func() string {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		s.leader, _, _ = strings.Cut(string(children), " ")
		if s.leader == "" {
			return "the first process of the system"
		}
		out, _ := s.try(t, "systemctl", "is-system-running")
		if !slices.Contains([]string{"running", "degraded"}, out) {
			return "the system has booted: " + out
		}
		return ""
	})
	return s
}

func (s *system) try(t *testing.T, command ...string) (string, error) {
	t.Helper()
	return run(t, "nsenter", append([]string{"--target", s.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--"}, command...)...)
}

func (s *system) do(t *testing.T, command ...string) string {
	t.Helper()
	out, err := s.try(t, command...)
	if err != nil {
		log, _ := s.try(t, "journalctl", "--no-pager", "-u", "loquet", "-n", "60")
		t.Fatalf("%s: %v\n%s\n--- journal\n%s", strings.Join(command, " "), err, out, log)
	}
	return out
}

// copyIn puts a file of ours into the system.
func (s *system) copyIn(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.root, to), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPackageOnARealSystem installs, uses, crashes, upgrades and removes the package under a real
// systemd, with the sandbox of the unit around the program.
func TestPackageOnARealSystem(t *testing.T) {
	needSystem(t)
	older, newer := build(t, "0.0.1"), build(t, "0.0.2")
	s := boot(t)
	s.copyIn(t, older, "/var/tmp/older.deb")
	s.copyIn(t, newer, "/var/tmp/newer.deb")

	s.do(t, "dpkg", "--install", "/var/tmp/older.deb")
	s.do(t, "systemctl", "is-active", "loquet") // its own word that it is ready: Type=notify
	s.house(t)
	s.do(t, "useradd", "--groups", "loquet", "visitor")

	// A member of the group opens the garage; history knows who it was.
	s.do(t, "runuser", "-u", "visitor", "--", "loquet", "open", "garage")
	s.await(t, "garage", "open")
	uid := s.do(t, "id", "--user", "visitor")
	if history := s.do(t, "loquet", "history"); !strings.Contains(history, "local user "+uid) {
		t.Errorf("history does not know who it was:\n%s", history)
	}
	s.do(t, "useradd", "stranger")
	if out, err := s.try(t, "runuser", "-u", "stranger", "--", "loquet", "open", "garage"); err == nil {
		t.Errorf("a stranger may use the socket: %s", out)
	}

	t.Run("a hang and a crash end in a restart", func(t *testing.T) { s.crash(t) })
	t.Run("an upgrade waits for the door", func(t *testing.T) { s.upgrade(t) })
	t.Run("a backup goes back", func(t *testing.T) { s.restore(t) })
	t.Run("a removal leaves the pairings", func(t *testing.T) { s.remove(t) })
}

// simulated is a garage that needs no wires.
const simulated = `
boards:
  house: {driver: sim}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "house:garage/relay", pulse: 400ms}
    closed: "house:garage/closed"
    open: "house:garage/open"
    travel: 13s
`

// house gives the system a simulated garage.
func (s *system) house(t *testing.T) {
	t.Helper()
	path := filepath.Join(s.root, "etc/loquet/loquet.yaml")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(text, simulated...), 0) // it keeps its owner and mode
	}
	if err != nil {
		t.Fatal(err)
	}
	s.do(t, "systemctl", "reload", "loquet")
}

func (s *system) await(t *testing.T, device, word string) {
	t.Helper()
	e2e.Until(t, 40*time.Second, func() string {
		out, err := s.try(t, "loquet", "devices", "--json")
		if err != nil || !strings.Contains(out, `"position": "`+word+`"`) {
			return device + " is " + word + ": " + out
		}
		return ""
	})
}

func (s *system) crash(t *testing.T) {
	for i, signal := range []string{"KILL", "STOP"} {
		s.do(t, "systemctl", "kill", "--signal="+signal, "loquet")
		e2e.Until(t, time.Minute, func() string {
			out, _ := s.try(t, "systemctl", "show", "--value", "--property=NRestarts,SubState", "loquet")
			if out != fmt.Sprintf("%d\nrunning", i+1) && out != fmt.Sprintf("running\n%d", i+1) {
				return "a restart after " + signal + ": " + out
			}
			return ""
		})
	}
	if out := s.do(t, "systemctl", "show", "--value", "--property=SupplementaryGroups,CapabilityBoundingSet", "loquet"); strings.Contains(out, "cap_") {
		t.Errorf("the service has rights: %s", out)
	}
	s.do(t, "loquet", "devices")
}

func (s *system) upgrade(t *testing.T) {
	if out := s.do(t, "loquet", "version"); !strings.Contains(out, "0.0.1") {
		t.Fatal(out)
	}
	s.await(t, "garage", "closed") // the simulated world began anew with the process
	s.do(t, "loquet", "open", "garage")
	began := time.Now()
	s.do(t, "dpkg", "--install", "/var/tmp/newer.deb")
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("the upgrade took %v, the door moves for longer", took)
	}
	if out := s.do(t, "loquet", "version"); !strings.Contains(out, "0.0.2") {
		t.Error(out)
	}
	e2e.Until(t, 20*time.Second, func() string {
		if out, _ := s.try(t, "systemctl", "is-active", "loquet"); out != "active" {
			return "the new version runs: " + out
		}
		return ""
	})
	// The old process saw the end of the move, and nothing moved because of the restart.
	history := s.do(t, "loquet", "history")
	if lines := strings.Split(history, "\n"); !strings.Contains(lines[len(lines)-1], "Garage is open") {
		t.Errorf("the last of history is not the end of the move:\n%s", history)
	}
}

// restore follows packaging/README.md.
func (s *system) restore(t *testing.T) {
	if err := os.WriteFile(filepath.Join(s.root, "var/tmp/phrase"), []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.do(t, "loquet", "backup", "/var/tmp/house.backup", "--passphrase-file", "/var/tmp/phrase")
	s.do(t, "systemctl", "stop", "loquet")
	s.do(t, "loquet", "restore", "/var/tmp/house.backup", "--state", "/var/lib/loquet", "--config", "/etc/loquet/loquet.yaml", "--force",
		"--passphrase-file", "/var/tmp/phrase")
	s.do(t, "systemctl", "start", "loquet")
	if history := s.do(t, "loquet", "history"); !strings.Contains(history, "Garage is open") {
		t.Errorf("history after the restore:\n%s", history)
	}
	if mode := s.do(t, "stat", "--format=%U:%G %a", "/etc/loquet/loquet.yaml"); mode != "root:loquet 640" {
		t.Errorf("the configuration belongs to %s", mode)
	}
}

func (s *system) remove(t *testing.T) {
	identity := filepath.Join(s.root, "var/lib/loquet/identity.a")
	before, err := os.ReadFile(identity)
	if err != nil {
		t.Fatal(err)
	}
	s.do(t, "dpkg", "--remove", "loquet")
	if out, _ := s.try(t, "systemctl", "is-active", "loquet"); out == "active" {
		t.Error("it still runs")
	}
	s.do(t, "dpkg", "--purge", "loquet")
	if _, err := os.Stat(filepath.Join(s.root, "etc/loquet/loquet.yaml")); !os.IsNotExist(err) {
		t.Errorf("the configuration after a purge: %v", err)
	}
	s.do(t, "dpkg", "--install", "/var/tmp/newer.deb")
	s.do(t, "systemctl", "is-active", "loquet")
	after, err := os.ReadFile(identity)
	if err != nil {
		t.Fatal(err)
	}
	if !sameInstall(before, after) {
		t.Error("another identity after a purge and a new install")
	}
}

// sameInstall compares the install ids of two identity files.
func sameInstall(a, b []byte) bool {
	id := func(text []byte) string {
		_, rest, _ := strings.Cut(string(text), `"install": "`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	return id(a) != "" && id(a) == id(b)
}
