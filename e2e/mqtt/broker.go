package mqtt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// Brokers are the two kinds of houses: with the broker in loquet, and with mosquitto.
func Brokers() []string { return []string{"own", "mosquitto"} }

// Mosquitto is a broker that nobody here wrote, with accounts for the bridge (loquet) and for others.
type Mosquitto struct {
	*e2e.Process
	Addr   string // address and port
	Secret string // the file with the bridge's password
	host   *e2e.Host
	file   string
}

// StartMosquitto starts one on a host, with an account for each user beside the bridge's.
func StartMosquitto(t testing.TB, host *e2e.Host, users ...string) *Mosquitto {
	t.Helper()
	for _, name := range []string{"mosquitto", "mosquitto_passwd"} {
		e2e.NeedCommand(t, name, "apt-get install mosquitto mosquitto-clients")
	}
	folder := e2e.TempDir(t)
	m := &Mosquitto{Addr: host.Addr.String() + ":18831", Secret: filepath.Join(folder, "secret"), host: host, file: filepath.Join(folder, "mosquitto.conf")}
	passwords := filepath.Join(folder, "passwords")
	for i, user := range append([]string{"loquet"}, users...) {
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

// Account is how a user gets in from a host.
func (m *Mosquitto) Account(from *e2e.Host, user string) Account {
	return Account{Host: from, Addr: m.Addr, User: user, Password: m.Password(user)}
}

// Section is what the configuration says of it under mqtt.
func (m *Mosquitto) Section() string {
	return fmt.Sprintf("{url: %q, user: loquet, password_file: %q}", "mqtt://"+m.Addr, m.Secret)
}

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

// Own is what the configuration says under mqtt of the broker in loquet.
const Own = `{listen: ":1883"}`

// Adoption is what `loquet adopt` says of an account that it made.
type Adoption struct {
	User     string   `json:"user"`
	Password string   `json:"password"`
	Hosts    []string `json:"hosts"`
	Port     int      `json:"port"`
	Name     string   `json:"name"`
}

// Adopt makes an account at loquet's own broker: garadget, or device and a topic, and flags.
func Adopt(t testing.TB, lab *e2e.Lab, q *e2e.Loquet, what ...string) Adoption {
	t.Helper()
	home := q.Options.Host
	args := slices.Concat([]string{"adopt"}, what, []string{"--json", "--state", q.Options.State})
	out := e2e.Run(t, e2e.Command{Host: home, Name: lab.Binary(t), Args: args}, Limit)
	var n Adoption
	if err := json.Unmarshal([]byte(out), &n); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !slices.Contains(n.Hosts, home.Addr.String()) || n.Port != 1883 {
		t.Errorf("%+v, want the address at which devices find this machine", n)
	}
	return n
}

// Account is how the device gets in from a host.
func (n Adoption) Account(q *e2e.Loquet, from *e2e.Host) Account {
	return Account{Host: from, Addr: fmt.Sprintf("%v:%d", q.Options.Host.Addr, n.Port), User: n.User, Password: n.Password}
}
