package shelly

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/hw/hwtest"
)

const fakeMAC = "A8032AB12345"

// fake is a simulated device with two relays and two inputs, of either generation.
type fake struct {
	boardtest.Relays
	second   bool
	password string

	mu       sync.Mutex
	motor    *motor // nil: it is set up with relays
	mac      string
	initial  string
	mode     string
	autoOn   bool
	sockets  map[*websocket.Conn]struct{}
	odd      string        // answered to everything instead
	greeting string        // answered to /shelly instead
	asked    chan struct{} // told when somebody asks how a relay is set
	hold     chan struct{} // until it is closed nobody is told
}

func newFake(second bool) *fake {
	return &fake{second: second, mac: fakeMAC, initial: "off", mode: "detached", sockets: map[*websocket.Conn]struct{}{}}
}

func do[T any](f *fake, what func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return what()
}

// Wired implements boardtest.Peer: the owner has set the device up for the wires.
func (f *fake) Wired(n int, rest bool, longest time.Duration) {
	f.Relays.Wired(n, rest, longest)
	do(f, func() bool { f.initial = map[bool]string{true: "on", false: "off"}[rest]; return rest })
}

// Drive sets an input; a device of the second generation tells that unasked.
func (f *fake) Drive(n int, on bool) {
	f.Relays.Drive(n, on)
	f.notify(fmt.Sprintf(`"input:%d":{"id":%d,"state":%v}`, n, n, on))
}

// notify tells everybody who is connected what changed, unasked.
func (f *fake) notify(what string) {
	f.mu.Lock()
	tell := slices.Collect(maps.Keys(f.sockets))
	f.mu.Unlock()
	for _, c := range tell {
		note := `{"src":"shelly","dst":"loquet","method":"NotifyStatus","params":{"ts":1.0,` + what + `}}`
		_ = c.Write(context.Background(), websocket.MessageText, []byte(note))
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	greeting := f.greeting
	f.mu.Unlock()
	switch {
	case r.URL.Path == "/shelly" && greeting != "":
		fmt.Fprint(w, greeting)
	case r.URL.Path == "/shelly" && f.second:
		fmt.Fprintf(w, `{"id":"shellyplus2pm-a8032ab12345","mac":%q,"model":"SNSW-002P16EU","gen":2,"auth_en":%v}`, do(f, func() string { return f.mac }), f.password != "")
	case r.URL.Path == "/shelly":
		fmt.Fprintf(w, `{"type":"SHSW-25","mac":%q,"auth":%v,"fw":"20230913","num_outputs":2}`, do(f, func() string { return f.mac }), f.password != "")
	case f.second && r.URL.Path == "/rpc":
		f.socket(w, r)
	case !f.second:
		f.plain(w, r)
	default:
		http.NotFound(w, r)
	}
}

// plain is the first generation.
func (f *fake) plain(w http.ResponseWriter, r *http.Request) {
	if _, password, _ := r.BasicAuth(); f.password != "" && password != f.password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	number, _ := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	level := map[bool]int{true: 1}
	switch {
	case f.odd != "":
		fmt.Fprint(w, f.odd)
	case f.motor != nil:
		f.motor.plain(w, r, f.mac)
	case r.URL.Path == "/status":
		fmt.Fprintf(w, `{"mac":%q,"relays":[{"ison":%v},{"ison":%v}],"inputs":[{"input":%d},{"input":%d}]}`,
			f.mac, f.High(0), f.High(1), level[f.Input(0)], level[f.Input(1)])
	case number > 1:
		http.NotFound(w, r)
	case strings.HasPrefix(r.URL.Path, "/settings/relay/"):
		fmt.Fprintf(w, `{"name":null,"default_state":%q,"btn_type":%q,"auto_on":%v,"auto_off":0.00}`, f.initial, f.mode, map[bool]float64{true: 5}[f.autoOn])
	case strings.HasPrefix(r.URL.Path, "/relay/"):
		seconds, _ := strconv.Atoi(r.URL.Query().Get("timer"))
		f.Order(number, r.URL.Query().Get("turn") == "on", time.Duration(seconds)*time.Second)
		fmt.Fprintf(w, `{"ison":%v,"has_timer":%v}`, f.High(number), seconds > 0)
	}
}

// socket is the second generation.
func (f *fake) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	do(f, func() bool { f.sockets[conn] = struct{}{}; return true })
	defer func() {
		do(f, func() bool { delete(f.sockets, conn); return true })
		_ = conn.CloseNow()
	}()
	for {
		_, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		var q struct {
			ID     int
			Method string
			Params struct {
				ID    int
				On    bool
				After float64 `json:"toggle_after"`
			}
			Auth *proof
		}
		if json.Unmarshal(data, &q) != nil {
			return
		}
		if q.Method == "Switch.GetConfig" {
			f.held()
		}
		if conn.Write(r.Context(), websocket.MessageText, []byte(f.answer(q.ID, q.Method, q.Params.ID, q.Params.On, q.Params.After, q.Auth))) != nil {
			return
		}
	}
}

// held waits until a test lets the device answer.
func (f *fake) held() {
	f.mu.Lock()
	asked, hold := f.asked, f.hold
	f.mu.Unlock()
	if hold != nil {
		asked <- struct{}{}
		<-hold
	}
}

func (f *fake) answer(id int, method string, n int, on bool, after float64, auth *proof) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := challenge{Realm: "shellyplus2pm-a8032ab12345", Nonce: 1625038762, Count: 1, Algorithm: "SHA-256"}
	if f.password != "" && (auth == nil || auth.Response != asked.proveWith(f.password, auth.Cnonce).Response) {
		message, _ := json.Marshal(map[string]any{"auth_type": "digest", "nonce": asked.Nonce, "nc": asked.Count, "realm": asked.Realm, "algorithm": asked.Algorithm})
		return fmt.Sprintf(`{"id":%d,"src":"shelly","dst":"loquet","error":{"code":401,"message":%q}}`, id, message)
	}
	result := ""
	switch {
	case f.odd != "":
		return f.odd
	case f.motor != nil:
		result = f.motor.answer(method, f.mac)
	case method == "Shelly.GetStatus":
		result = fmt.Sprintf(`{"ble":{},"input:0":{"id":0,"state":%v},"input:1":{"id":1,"state":%v},"switch:0":{"id":0,"output":%v},"switch:1":{"id":1,"output":%v},"sys":{"mac":%q}}`,
			f.Input(0), f.Input(1), f.High(0), f.High(1), f.mac)
	case n > 1:
		return fmt.Sprintf(`{"id":%d,"src":"shelly","error":{"code":-105,"message":"Argument 'id', value %d not found!"}}`, id, n)
	case method == "Switch.GetConfig":
		result = fmt.Sprintf(`{"id":%d,"name":null,"in_mode":%q,"initial_state":%q,"auto_on":%v,"auto_off":false}`, n, f.mode, f.initial, f.autoOn)
	case method == "Switch.Set":
		result = fmt.Sprintf(`{"was_on":%v}`, f.Order(n, on, time.Duration(after*float64(time.Second))))
	}
	return fmt.Sprintf(`{"id":%d,"src":"shelly","dst":"loquet","result":%s}`, id, result)
}

// rig is a board with a simulated device behind it.
type rig struct {
	*fake
	env   *hw.Env
	board *board.Board
	wire  *hwtest.Wire
}

func (r rig) common() boardtest.Rig {
	return boardtest.Rig{Board: r.board, Env: r.env, Wire: r.wire, Peer: r.fake, Relays: "switch-", Inputs: "input-", Second: 1, Networked: true}
}

func newRig(t *testing.T, f *fake) rig {
	t.Helper()
	c := defaults()
	wire, address, off := power(t, f)
	c.Address, c.Relays, c.Inputs, c.Poll = address, 2, 2, 250*time.Millisecond
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	r := rig{fake: f, env: env, wire: wire, board: newBoard(zerolog.Nop(), c)}
	t.Cleanup(func() {
		_ = r.board.Close()
		_ = env.Close()
		off()
	})
	return r
}

// power puts a device into the network, behind a wire.
func power(t *testing.T, f *fake) (wire *hwtest.Wire, address Address, off func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wire = hwtest.NewWire(listener)
	server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(wire) }()
	address = Address{URL: "http://" + listener.Addr().String(), ID: "shelly-" + strings.ToLower(fakeMAC), User: "admin"}
	if f.password != "" {
		address.PasswordFile = filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(address.PasswordFile, []byte(f.password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return wire, address, func() {
		_ = wire.Close()
		_ = server.Close()
		<-served
	}
}
