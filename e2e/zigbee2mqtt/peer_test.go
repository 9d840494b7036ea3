package zigbee2mqtt

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

const topic = "zigbee2mqtt/Front door"

// account is how the peer gets into the broker.
type account struct {
	host           *e2e.Host
	addr, port     string
	user, password string
}

func (a account) args(more ...string) []string {
	args := []string{"-h", a.addr, "-p", a.port, "-V", "311"}
	if a.user != "" {
		args = append(args, "-u", a.user, "-P", a.password)
	}
	return append(args, more...)
}

// peer is a lock behind Zigbee2MQTT.
type peer struct {
	account
	pub *e2e.Process

	mu     sync.Mutex
	bolt   string // locked, unlocked, not_fully_locked
	orders []string
	gets   int
	heard  int
	codes  map[int]string
	saved  int64
}

func startPeer(t *testing.T, a account) *peer {
	t.Helper()
	for _, name := range []string{"mosquitto_sub", "mosquitto_pub"} {
		e2e.NeedCommand(t, name, "apt-get install mosquitto-clients")
	}
	p := &peer{account: a, bolt: "locked", codes: map[int]string{}}
	p.pub = e2e.Start(t, e2e.Command{Host: a.host, Name: "mosquitto_pub", Args: a.args("-t", topic, "-l")})
	out, in := io.Pipe()
	sub := e2e.Start(t, e2e.Command{Host: a.host, Name: "mosquitto_sub", Stdout: in,
		Args: a.args("-t", topic+"/set", "-t", topic+"/get", "-t", topic+"/hello", "-F", "%t %r %p")})
	go func() {
		<-sub.Done()
		_ = in.Close()
	}()
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			p.take(lines.Text())
		}
	}()
	// It hears before anything is asked of it.
	e2e.Until(t, limit, func() string {
		p.say(t, topic+"/hello", "hello", false)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.heard == 0 {
			return "the peer to hear: " + sub.Log()
		}
		return ""
	})
	return p
}

// say publishes one message with a client of its own.
func (p *peer) say(t *testing.T, topic, payload string, retain bool) {
	t.Helper()
	args := p.args("-t", topic, "-m", payload)
	if retain {
		args = append(args, "-r")
	}
	e2e.Run(t, e2e.Command{Host: p.host, Name: "mosquitto_pub", Args: args}, limit)
}

func (p *peer) take(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard++
	rest, ok := strings.CutPrefix(line, topic+"/")
	if !ok {
		return
	}
	verb, rest, _ := strings.Cut(rest, " ")
	retained, payload, _ := strings.Cut(rest, " ")
	var o struct {
		State *string
		Pin   *struct {
			User int
			Code *string `json:"pin_code"`
		} `json:"pin_code"`
	}
	if json.Unmarshal([]byte(payload), &o) != nil {
		return
	}
	if o.Pin != nil {
		p.pin(verb, o.Pin.User, o.Pin.Code)
		return
	}
	if o.State == nil {
		return
	}
	if retained != "0" {
		p.orders = append(p.orders, "retained")
	}
	switch verb {
	case "get":
		p.gets++
	case "set":
		p.orders = append(p.orders, *o.State)
		p.bolt = map[string]string{"LOCK": "locked", "UNLOCK": "unlocked"}[*o.State]
	}
	p.report(nil)
}

// pin is a slot that is read, written or cleared, called with mu held. The digits are shown (expose_pin).
func (p *peer) pin(verb string, user int, code *string) {
	switch {
	case verb == "get":
		one := map[string]any{"status": "available"}
		if has := p.codes[user]; has != "" {
			one = map[string]any{"status": "enabled", "pin_code": has}
		}
		p.report(map[string]any{"users": map[string]any{fmt.Sprint(user): one}})
		return
	case code == nil:
		delete(p.codes, user)
	default:
		p.codes[user] = *code
	}
	p.saved = max(p.saved+1, time.Now().UnixMilli())
	p.report(map[string]any{map[bool]string{true: "last_successful_pincode_clear", false: "last_successful_pincode_save"}[code == nil]: p.saved})
}

// slot is the one that holds a code; 0 for none.
func (p *peer) slot(code string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, has := range p.codes {
		if has == code {
			return n
		}
	}
	return 0
}

// report tells of the lock, called with mu held.
func (p *peer) report(more map[string]any) {
	all := map[string]any{"battery": 93, "linkquality": 120, "lock_state": p.bolt, "state": map[bool]string{true: "LOCK", false: "UNLOCK"}[p.bolt == "locked"]}
	for k, v := range more {
		all[k] = v
	}
	b, _ := json.Marshal(all)
	_, _ = fmt.Fprintf(p.pub.Stdin(), "%s\n", b)
}

// turn is a turn that nobody in the house asked for.
func (p *peer) turn(bolt string, who map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bolt = bolt
	p.report(who)
}

// unheard is a turn that the radio lost.
func (p *peer) unheard(bolt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bolt = bolt
}

func (p *peer) told() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.orders, " ")
}
