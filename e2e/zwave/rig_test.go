package zwave

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy: zwave-js starts in 9 s on one
// that is not.
const limit = time.Minute

// stick is the mock stick with its locks: node 2 with User Code CC, node 3 with User Credential CC.
type stick struct {
	process *e2e.Process
	host    *e2e.Host
	port    string

	mu   sync.Mutex
	sets map[int][]int // the modes that each node was told
	done int           // the last order that was carried out
	up   bool
	last int
}

func needNode(t *testing.T) string {
	t.Helper()
	e2e.NeedCommand(t, "node", "make deps")
	folder := e2e.Folder(t, "e2e", "zwave", "node")
	for _, module := range []string{"zwave-js", "@zwave-js/server"} {
		if _, err := os.Stat(filepath.Join(folder, "node_modules", module, "package.json")); err != nil {
			e2e.Skip(t, module+" is not installed (make deps)")
		}
	}
	return folder
}

func startStick(t *testing.T, host *e2e.Host, port string) *stick {
	t.Helper()
	folder := needNode(t)
	out, in := io.Pipe()
	s := &stick{host: host, port: port, sets: map[int][]int{}}
	s.process = e2e.Start(t, e2e.Command{Host: host, Name: "node", Args: []string{filepath.Join(folder, "mock.cjs"), port}, Stdout: in})
	go s.read(out)
	go func() {
		<-s.process.Done()
		_ = in.Close()
	}()
	e2e.Until(t, limit, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.up {
			return "the mock stick: " + s.process.Log()
		}
		return ""
	})
	return s
}

func (s *stick) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var m struct {
			Ready bool
			Node  int
			Set   *int
			Done  int
		}
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // what the mock says for people
		}
		s.mu.Lock()
		s.up = s.up || m.Ready
		s.done = max(s.done, m.Done)
		if m.Set != nil {
			s.sets[m.Node] = append(s.sets[m.Node], *m.Set)
		}
		s.mu.Unlock()
	}
}

// told are the modes that a lock was told, as one word each.
func (s *stick) told(node int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var words []string
	for _, mode := range s.sets[node] {
		words = append(words, map[int]string{0: "unlock", 255: "lock"}[mode])
	}
	return strings.Join(words, " ")
}

// order lets something happen to a lock, and waits until it has.
func (s *stick) order(t *testing.T, node int, fields map[string]any) {
	t.Helper()
	s.mu.Lock()
	s.last++
	fields["id"], fields["node"] = s.last, node
	want := s.last
	s.mu.Unlock()
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.process.Stdin().Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
	e2e.Until(t, limit, func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.done < want {
			return "the mock stick to do as it is told"
		}
		return ""
	})
}

// server is a zwave-js-server on a stick.
type server struct {
	*e2e.Process
	port  string
	cache string
}

func startServer(t *testing.T, s *stick, port, cache string) *server {
	t.Helper()
	folder := needNode(t)
	p := e2e.Start(t, e2e.Command{Host: s.host, Name: "node", Env: []string{"LOQUET_E2E_ZWAVE_CACHE=" + cache, "ZWAVEJS_DISABLE_SOFTWARE_UPDATE=true"},
		Args: []string{filepath.Join(folder, "node_modules", "@zwave-js", "server", "dist-esm", "bin", "server.js"), "tcp://127.0.0.1:" + s.port,
			"--config", filepath.Join(folder, "conf.cjs"), "--host", "127.0.0.1", "--port", port, "--disable-dns-sd"}})
	e2e.Until(t, limit, func() string {
		if !strings.Contains(p.Log(), "listening on") {
			return "the zwave-js-server to listen:\n" + p.Log()
		}
		return ""
	})
	return &server{p, port, cache}
}

// port is a free TCP port of the test's own network.
func port(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return fmt.Sprint(ln.Addr().(*net.TCPAddr).Port)
}
