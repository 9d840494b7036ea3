package stays

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/loquet/loquet/e2e"
)

// peer is a program of node that speaks in lines of JSON.
type peer struct {
	process *e2e.Process

	mu    sync.Mutex
	lines []map[string]any
	last  int
}

func startPeer(t *testing.T, host *e2e.Host, folder, module string, args ...string) *peer {
	t.Helper()
	e2e.NeedCommand(t, "node", "make deps")
	folder = e2e.Folder(t, "e2e", folder, "node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", module, "package.json")); err != nil {
		e2e.Skip(t, module+" is not installed (make deps)")
	}
	out, in := io.Pipe()
	args[0] = filepath.Join(folder, args[0])
	p := &peer{process: e2e.Start(t, e2e.Command{Host: host, Name: "node", Args: args, Stdout: in})}
	go func() {
		s := bufio.NewScanner(out)
		s.Buffer(nil, 16<<20)
		for s.Scan() {
			var line map[string]any
			if json.Unmarshal(s.Bytes(), &line) == nil {
				p.mu.Lock()
				p.lines = append(p.lines, line)
				p.mu.Unlock()
			}
		}
	}()
	go func() {
		<-p.process.Done()
		_ = in.Close()
	}()
	return p
}

// await waits for a line that it has said, or will.
func (p *peer) await(t *testing.T, what string, want func(line map[string]any) bool) (found map[string]any) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, line := range p.lines {
			if want(line) {
				found = line
				return ""
			}
		}
		return what
	})
	return found
}

func (p *peer) say(t *testing.T, fields map[string]any) (id int) {
	t.Helper()
	p.mu.Lock()
	p.last++
	id = p.last
	p.mu.Unlock()
	fields["id"] = id
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.process.Stdin().Write(append(b, '\n')); err != nil {
		t.Fatal(err)
	}
	return id
}

// zwave is the mock stick with its locks and the zwave-js-server on it.
type zwave struct{ *peer }

const zwavePort = "3000"

func startZWave(t *testing.T, host *e2e.Host) zwave {
	t.Helper()
	stick := startPeer(t, host, "zwave", "zwave-js", "mock.cjs", "5599")
	stick.await(t, "the mock stick", func(line map[string]any) bool { return line["ready"] == true })
	folder := e2e.Folder(t, "e2e", "zwave", "node")
	server := e2e.Start(t, e2e.Command{Host: host, Name: "node", Env: []string{"LOQUET_E2E_ZWAVE_CACHE=" + e2e.TempDir(t), "ZWAVEJS_DISABLE_SOFTWARE_UPDATE=true"},
		Args: []string{filepath.Join(folder, "node_modules", "@zwave-js", "server", "dist-esm", "bin", "server.js"), "tcp://127.0.0.1:5599",
			"--config", filepath.Join(folder, "conf.cjs"), "--host", "127.0.0.1", "--port", zwavePort, "--disable-dns-sd"}})
	e2e.Until(t, limit, func() string {
		if !strings.Contains(server.Log(), "listening on") {
			return "the zwave-js-server to listen:\n" + server.Log()
		}
		return ""
	})
	return zwave{stick}
}

// happens lets something happen to the front door's lock.
func (z zwave) happens(t *testing.T, fields map[string]any) {
	t.Helper()
	fields["node"] = 2
	id := z.say(t, fields)
	z.await(t, "the mock stick to do as it is told", func(line map[string]any) bool { return line["done"] == float64(id) })
}

// slot asks the lock itself what it holds, past the bridge.
func (z zwave) slot(t *testing.T, host *e2e.Host, n int) (code string) {
	t.Helper()
	var r struct {
		Response struct{ UserCode any }
	}
	result, err := z.userCode(t, host, "get", n)
	if err == nil {
		err = json.Unmarshal(result, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Response.UserCode != nil {
		code = fmt.Sprint(r.Response.UserCode)
	}
	return code
}

// userCode calls a method of the front door's User Code CC, on a connection of its own to the server.
func (z zwave) userCode(t *testing.T, host *e2e.Host, method string, args ...any) (result json.RawMessage, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	there := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
		host.Do(t, func() error {
			conn, err = net.Dial(network, address)
			return err
		})
		return conn, err
	}}}
	c, _, err := websocket.Dial(ctx, "ws://127.0.0.1:"+zwavePort, &websocket.DialOptions{HTTPClient: there})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(16 << 20)
	for i, q := range []map[string]any{
		{"command": "initialize", "schemaVersion": 40},
		{"command": "endpoint.invoke_cc_api", "nodeId": 2, "endpoint": 0, "commandClass": 99, "methodName": method, "args": args},
	} {
		q["messageId"] = fmt.Sprint(i)
		b, err := json.Marshal(q)
		if err == nil {
			err = c.Write(ctx, websocket.MessageText, b)
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			_, text, err := c.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var a struct {
				MessageID string
				Success   bool
				Result    json.RawMessage
			}
			if json.Unmarshal(text, &a) != nil || a.MessageID != fmt.Sprint(i) {
				continue
			}
			if !a.Success {
				return nil, fmt.Errorf("%s", text)
			}
			result = a.Result
			break
		}
	}
	return result, nil
}

// ecosystem is matter.js as a controller.
type ecosystem struct{ *peer }

func startEcosystem(t *testing.T, host *e2e.Host) ecosystem {
	t.Helper()
	e := ecosystem{startPeer(t, host, "matter", "@project-chip/matter.js", "controller.mjs", filepath.Join(e2e.TempDir(t), "eco"), host.Device)}
	e.await(t, "matter.js", func(line map[string]any) bool { return line["event"] == "ready" })
	return e
}

func (e ecosystem) do(t *testing.T, verb string, fields map[string]any) (any, error) {
	t.Helper()
	fields["do"] = verb
	id := e.say(t, fields)
	line := e.await(t, "an answer to "+verb, func(line map[string]any) bool { return line["id"] == float64(id) })
	if text, bad := line["error"].(string); bad {
		return nil, errors.New(verb + ": " + text)
	}
	return line["ok"], nil
}

func (e ecosystem) must(t *testing.T, verb string, fields map[string]any) any {
	t.Helper()
	out, err := e.do(t, verb, fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lock asks the lock of a name something and returns the fields of the answer.
func (e ecosystem) lock(t *testing.T, endpoint int, command string, fields map[string]any) map[string]any {
	t.Helper()
	out, _ := e.must(t, "invoke", map[string]any{"endpoint": endpoint, "cluster": "DoorLock", "command": command, "fields": fields}).(map[string]any)
	return out
}

// endpoint is where a lock of that name is.
func (e ecosystem) endpoint(t *testing.T, name string) int {
	t.Helper()
	on := func(cluster, attribute int) map[int]any {
		out := map[int]any{}
		list, _ := e.must(t, "readEverywhere", map[string]any{"cluster": cluster, "attribute": attribute}).([]any)
		for _, one := range list {
			v, _ := one.(map[string]any)
			at, _ := v["endpointId"].(float64)
			out[int(at)] = v["value"]
		}
		return out
	}
	names := on(0x39, 5)
	for at := range on(0x101, 0) {
		if names[at] == name {
			return at
		}
	}
	t.Fatalf("no lock %q among %v", name, names)
	return 0
}
