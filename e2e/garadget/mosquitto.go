package garadget

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// Mosquitto is a broker that nobody here wrote, with an account for the bridge (loquet), one for the board
// (board) and one for a program of the household (program).
type Mosquitto struct {
	*e2e.Process
	Addr   string // address and port
	Secret string // the file with the bridge's password
	host   *e2e.Host
	file   string
}

// StartMosquitto starts one on a host.
func StartMosquitto(t testing.TB, host *e2e.Host) *Mosquitto {
	t.Helper()
	for _, name := range []string{"mosquitto", "mosquitto_passwd"} {
		e2e.NeedCommand(t, name, "apt-get install mosquitto mosquitto-clients")
	}
	folder := e2e.TempDir(t)
	m := &Mosquitto{Addr: host.Addr.String() + ":18831", Secret: filepath.Join(folder, "secret"), host: host, file: filepath.Join(folder, "mosquitto.conf")}
	passwords := filepath.Join(folder, "passwords")
	for i, user := range []string{"loquet", "board", "program"} {
		args := []string{"-b", passwords, user, m.Password(user)}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		e2e.Run(t, e2e.Command{Name: "mosquitto_passwd", Args: args}, Limit)
	}
	text := fmt.Sprintf("user root\nlistener 18831 %s\nallow_anonymous false\npassword_file %s\n", host.Addr, passwords)
	for name, text := range map[string]string{m.Secret: m.Password("loquet") + "\n", m.file: text} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.Start(t)
	return m
}

// Password is that of an account.
func (m *Mosquitto) Password(user string) string { return "secret-" + user }

// Start starts it, also again. It keeps nothing from one life to the next.
func (m *Mosquitto) Start(t testing.TB) {
	t.Helper()
	m.Process = e2e.Start(t, e2e.Command{Host: m.host, Name: "mosquitto", Args: []string{"-c", m.file}})
}

// Kill ends it as a power cut would.
func (m *Mosquitto) Kill(t testing.TB) {
	t.Helper()
	m.Signal(syscall.SIGKILL)
	m.WaitKilled(t, Limit)
}
