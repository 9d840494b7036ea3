package state

import (
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

// folder is a state folder by content. A socket is its name alone.
type folder map[string]file

type file struct {
	data   []byte
	socket bool
	dir    bool
}

// golden is a state folder with a history, and who is paired with the bridge that it belongs to.
type golden struct {
	name     string
	files    folder
	deviceID string
	code     string // the setup code from when it could still pair
	owner    *phone
	member   *phone        // of the household: no admin, and may operate everything
	guest    *phone        // may see and not open
	refusals *atomic.Int64 // writes that were refused because a door was busy, by all bridges on this folder
}

// sizeOfReserve is what is kept back for a full disk. Its content means nothing.
const sizeOfReserve = 16 << 20

func readFolder(t testing.TB, dir string) folder {
	t.Helper()
	f, err := lookFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func lookFolder(dir string) (folder, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	f := folder{}
	for _, e := range entries {
		switch e.Type() {
		case fs.ModeSocket:
			f[e.Name()] = file{socket: true}
		case fs.ModeDir:
			f[e.Name()] = file{dir: true}
		default:
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			f[e.Name()] = file{data: data}
		}
	}
	return f, nil
}

// write makes the folder. The reserve is made long without being written: nobody reads it.
func (f folder) write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, file := range f {
		path := filepath.Join(dir, name)
		switch {
		case file.socket:
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false) // as a killed bridge leaves it
			if err := l.Close(); err != nil {
				return err
			}
		case file.dir:
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
		case name == "reserve" && len(file.data) == sizeOfReserve:
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, sizeOfReserve)); err != nil {
				return err
			}
		default:
			if err := os.WriteFile(path, file.data, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f folder) equal(other folder) bool {
	return maps.EqualFunc(f, other, func(a, b file) bool {
		return a.socket == b.socket && a.dir == b.dir && slices.Equal(a.data, b.data)
	})
}

// without returns the folder without some files.
func (f folder) without(names ...string) folder {
	next := maps.Clone(f)
	for _, name := range names {
		delete(next, name)
	}
	return next
}

// fast is how much faster the doors move while history is made.
const fast = 60

// maker makes the golden folders once.
type maker struct {
	once            sync.Once
	stopped, killed *golden
}

var goldens maker

func (m *maker) get(t *testing.T) (stopped, killed *golden) {
	t.Helper()
	m.once.Do(func() { m.stopped, m.killed = makeGoldens(t) })
	if m.killed == nil {
		t.Fatal("there are no state folders to begin with: the test that made them failed")
	}
	return m.stopped, m.killed
}

// makeGoldens runs the binary through a little history and keeps its folder twice: as a clean stop leaves
// it, and as SIGKILL leaves it while the gate is on its way.
func makeGoldens(t *testing.T) (stopped, killed *golden) {
	t.Helper()
	w := world.Start(t, sim.DemoHouse(), fast)
	q := lab.Start(t, e2e.Options{Args: []string{"--world", w.Socket}})
	b := q.Bridge(t)
	stopped = &golden{name: "stopped", deviceID: b.DeviceID, code: b.SetupCode, refusals: new(atomic.Int64)}
	stopped.owner = pairPhone(t, b)
	stopped.member, stopped.guest = stopped.owner.invite(t, b), stopped.owner.invite(t, b)
	loquet(t, q.Options.State, "pair", "role", stopped.guest.who.ID, "view")
	loquet(t, q.Options.State, "token", "create", "script")

	client, err := stopped.owner.connect(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := stopped.owner.write(client, "Garage", 0); err != nil {
		t.Fatal(err)
	}
	q.Await(t, "garage", "open", 10*time.Second)
	e2e.Until(t, 10*time.Second, func() string {
		if w.Status(t, "garage").Energised {
			return "the button of the garage to be let go"
		}
		return ""
	})
	w.Happen(t, "garage", sim.WallButton)
	q.Await(t, "garage", "closed", 10*time.Second)
	q.Must(t, "front", "unlock")
	q.Await(t, "front", "unsecured", 10*time.Second)
	q.Must(t, "front", "lock")
	q.Await(t, "front", "secured", 10*time.Second)
	q.Stop(t)
	stopped.files = readFolder(t, q.Options.State)

	slow := world.Start(t, sim.DemoHouse(), 1)
	q = q.Again(t, func(o *e2e.Options) { o.Args = []string{"--world", slow.Socket} })
	q.Must(t, "gate", "open")
	q.Kill(t)
	other := *stopped
	killed = &other
	killed.name, killed.files = "killed", readFolder(t, q.Options.State)
	return stopped, killed
}

// loquet runs a command of the binary against a running bridge and requires that it succeeds.
func loquet(t testing.TB, state string, args ...string) string {
	t.Helper()
	return e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: append(args, "--state", state)}, 10*time.Second)
}
