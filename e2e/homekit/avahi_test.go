package homekit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// avahi is Debian's mDNS daemon on a host, with a bus of its own: the browser of most Linux desktops,
// written by people who never saw loquet.
type avahi struct {
	host *e2e.Host
	bus  string
}

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
`

const avahiConfig = `[server]
host-name=browser
allow-interfaces=%s
use-ipv4=yes
use-ipv6=yes
enable-dbus=yes
`

func startAvahi(t *testing.T, host *e2e.Host) *avahi {
	t.Helper()
	for _, program := range []string{"avahi-daemon", "avahi-browse", "avahi-resolve", "dbus-daemon"} {
		e2e.NeedCommand(t, program, "make deps")
	}
	dir := e2e.TempDir(t)
	socket := filepath.Join(dir, "bus")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := &avahi{host: host, bus: "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + socket}
	bus := write("bus.conf", fmt.Sprintf(busConfig, socket))
	e2e.Start(t, e2e.Command{Host: host, Name: "dbus-daemon", Args: []string{"--config-file=" + bus, "--nofork", "--nopidfile"}})
	e2e.Until(t, 10*time.Second, func() string {
		if _, err := os.Stat(socket); err != nil {
			return "the bus: " + err.Error()
		}
		return ""
	})
	// The daemon wants /run/avahi-daemon for itself, so it gets a mount namespace of its own, and gives
	// that folder to the user avahi, who does not exist in a user namespace: there, it is root.
	const run = `mount -t tmpfs none /run && mkdir -p /run/avahi-daemon &&
mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group &&
exec avahi-daemon -f "$0" --no-drop-root --no-chroot --no-rlimits`
	e2e.Start(t, e2e.Command{Host: host, Name: "unshare", Env: []string{a.bus}, Args: []string{"-m", "sh", "-c", run,
		write("avahi.conf", fmt.Sprintf(avahiConfig, host.Device)),
		write("passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/false\n"),
		write("group", "root:x:0:\navahi:x:0:\nnetdev:x:0:\n")}})
	e2e.Until(t, 10*time.Second, func() string {
		if _, status := a.run(t, "avahi-browse", "-rtp", "_hap._tcp"); status != 0 {
			return "the daemon to be on the bus"
		}
		return ""
	})
	return a
}

// sighting is a service that avahi resolved.
type sighting struct {
	name, host, address, port string
	txt                       map[string]string
}

func (a *avahi) run(t *testing.T, program string, args ...string) (out string, status int) {
	t.Helper()
	return e2e.Output(t, e2e.Command{Host: a.host, Name: program, Args: args, Env: []string{a.bus}}, 15*time.Second)
}

// resolve6 returns the IPv6 address of a host.
func (a *avahi) resolve6(t *testing.T, host string) string {
	t.Helper()
	out, _ := a.run(t, "avahi-resolve", "-6", "-n", host)
	_, address, _ := strings.Cut(strings.TrimSpace(out), "\t")
	return address
}

// browse returns the resolved _hap._tcp services that avahi sees now, each once over IPv4 and once over
// IPv6, with either address.
func (a *avahi) browse(t *testing.T) []sighting {
	t.Helper()
	out, status := a.run(t, "avahi-browse", "-rtp", "_hap._tcp")
	if status != 0 {
		t.Fatalf("avahi-browse ended with status %d", status)
	}
	var list []sighting
	for line := range strings.Lines(out) {
		// =;interface;protocol;name;type;domain;host;address;port;"key=value" "key=value"
		f := strings.SplitN(strings.TrimSpace(line), ";", 10)
		if len(f) < 10 || f[0] != "=" {
			continue
		}
		s := sighting{name: unescape(f[3]), host: f[6], address: f[7], port: f[8], txt: map[string]string{}}
		for _, pair := range strings.Split(strings.Trim(f[9], `"`), `" "`) {
			key, value, _ := strings.Cut(pair, "=")
			s.txt[key] = value
		}
		list = append(list, s)
	}
	return list
}

// unescape turns avahi's \032 into a blank, and so on.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var code int
		if s[i] == '\\' && i+3 < len(s) {
			if n, _ := fmt.Sscanf(s[i+1:i+4], "%03d", &code); n == 1 {
				b.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// await browses until a service is seen that matches.
func (a *avahi) await(t *testing.T, what string, match func(sighting) bool) sighting {
	t.Helper()
	var found sighting
	e2e.Until(t, 15*time.Second, func() string {
		list := a.browse(t)
		for _, s := range list {
			if match(s) {
				found = s
				return ""
			}
		}
		return fmt.Sprintf("%s; avahi sees %+v", what, list)
	})
	return found
}
