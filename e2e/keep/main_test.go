package keep

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

const phrase = "correct horse battery staple"

// limit is far above what a command takes, for a machine that is busy.
const limit = 30 * time.Second

// phraseFile is a file with the passphrase.
func phraseFile(t *testing.T, phrase string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(path, []byte(phrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loquet runs a command and returns what it printed, and its status.
func loquet(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	return e2e.Output(t, e2e.Command{Name: lab.Binary(t), Args: args}, limit)
}

func mustLoquet(t *testing.T, args ...string) string {
	t.Helper()
	return e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: args}, limit)
}

// backupOf makes a backup of a state folder's house, running or not.
func backupOf(t *testing.T, state string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "house.backup")
	mustLoquet(t, "backup", file, "--state", state, "--passphrase-file", phraseFile(t, phrase))
	return file
}

// phone is a controller and the bridge that it was paired with.
type phone struct {
	who    *haptest.Controller
	bridge *haptest.Accessory
}

func pair(t *testing.T, b e2e.Bridge) phone {
	t.Helper()
	client, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := phone{who: client.Controller}
	if p.bridge, err = client.PairSetup(b.SetupCode); err != nil {
		t.Fatal(err)
	}
	return p
}

// accessories connects as the phone that was paired before, and returns what it is shown.
func (p phone) accessories(t *testing.T, dial func(ctx context.Context) (net.Conn, error)) (string, error) {
	t.Helper()
	conn, err := dial(t.Context())
	if err != nil {
		return "", err
	}
	client := haptest.New(conn, p.who)
	defer client.Close()
	if err := client.PairVerify(p.bridge); err != nil {
		return "", err
	}
	body, err := client.Accessories()
	return string(body), err
}

func (p phone) see(t *testing.T, addr string) string {
	t.Helper()
	body, err := p.accessories(t, func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) })
	if err != nil {
		t.Fatalf("the phone that was paired before: %v", err)
	}
	return body
}
