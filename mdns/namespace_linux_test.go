package mdns_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// lacking skips a test for want of something, with the reason; where everything has to be there, that
// is a failure.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI lacks what this test needs: "+format, args...)
	}
	t.Skipf(format, args...)
}

// inNamespaces runs the calling test again in network and mount namespaces of its own, and says true
// there. Nothing it does reaches the machine's own interfaces, and all is gone when it ends.
func inNamespaces(t *testing.T, tools ...string) bool {
	t.Helper()
	for _, tool := range append(tools, "unshare", "ip") {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, "%s is not installed", tool)
		}
	}
	if os.Getenv(insideVar) != "" {
		return true
	}
	flags := []string{"-nm"}
	if os.Getuid() != 0 {
		flags = []string{"-Urnm"}
	}
	if out, err := exec.Command("unshare", append(flags, "sh", "-c", "mount -t tmpfs none /run && ip netns add x")...).CombinedOutput(); err != nil {
		lacking(t, "network namespaces cannot be made here: %v: %s", err, out)
	}
	script := `mount -t tmpfs none /run && exec "$0" "$@"`
	args := append(flags, "sh", "-c", script, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), insideVar+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in the namespaces: %v", err)
	}
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skip("skipped in the namespaces")
	}
	return false
}

// lan joins namespaces by a bridge; each has "eth0" with 10.77.0.n/16 and a link-local address.
func lan(t *testing.T, names ...string) {
	t.Helper()
	sh(t, "ip link add lan type bridge mcast_snooping 0 && ip link set lan up")
	for i, name := range names {
		sh(t, fmt.Sprintf(`ip netns add %[1]s
			ip link add %[1]s-port type veth peer name eth0 netns %[1]s
			ip link set %[1]s-port master lan up
			ip netns exec %[1]s sysctl -qw net.ipv6.conf.eth0.accept_dad=0
			ip -n %[1]s link set lo up
			ip -n %[1]s addr add 10.77.0.%[2]d/16 dev eth0
			ip -n %[1]s link set eth0 up`, name, i+1))
	}
}

func sh(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// background runs a command until the test ends.
func background(t *testing.T, cmd *exec.Cmd) *bytes.Buffer {
	t.Helper()
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", strings.Join(cmd.Args, " "), out)
		}
	})
	return out
}

// patience is far above what anything here takes, for a machine that is busy.
const patience = 30 * time.Second

// eventually asks until something is so.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	end := time.Now().Add(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v", what, within)
		}
		<-tick.C
	}
}
