package nuki

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

const lockID = "2BB28570"

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

// say publishes one message with a client of its own. The broker has it when it returns.
func (a account) say(t *testing.T, id, what, payload string, retain bool) {
	t.Helper()
	args := a.args("-q", "1", "-t", "nuki/"+id+"/"+what, "-m", payload)
	if retain {
		args = append(args, "-r")
	}
	e2e.Run(t, e2e.Command{Host: a.host, Name: "mosquitto_pub", Args: args}, limit)
}

// peer is a lock. Its session is a mosquitto_sub, which has the lock's will.
type peer struct {
	account
	session *e2e.Process
	out     map[string]io.Writer // for what it says while it obeys

	mu     sync.Mutex
	heard  int
	orders []string
	doors  string
	bolt   string
}

func startPeer(t *testing.T, a account, bolt string) *peer {
	t.Helper()
	for _, name := range []string{"mosquitto_sub", "mosquitto_pub"} {
		e2e.NeedCommand(t, name, "apt-get install mosquitto-clients")
	}
	p := &peer{account: a, out: map[string]io.Writer{}, doors: "2", bolt: bolt}
	topic := "nuki/" + lockID + "/"
	for _, what := range []string{"state", "commandResponse", "lockActionEvent"} {
		args := a.args("-t", topic+what, "-l")
		if what == "state" {
			args = append(args, "-r")
		}
		p.out[what] = e2e.Start(t, e2e.Command{Host: a.host, Name: "mosquitto_pub", Args: args}).Stdin()
	}
	out, in := io.Pipe()
	p.session = e2e.Start(t, e2e.Command{Host: a.host, Name: "mosquitto_sub", Stdout: in, Args: a.args("-k", "5", "-F", "%t %r %p",
		"-t", topic+"lockAction", "-t", topic+"lock", "-t", topic+"unlock", "-t", topic+"hello",
		"--will-topic", topic+"connected", "--will-payload", "false", "--will-retain")})
	go func() {
		<-p.session.Done()
		_ = in.Close()
	}()
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			p.take(lines.Text())
		}
	}()
	e2e.Until(t, limit, func() string { // it hears before anything is asked of it
		a.say(t, lockID, "hello", "hello", false)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.heard == 0 {
			return "the peer to hear: " + p.session.Log()
		}
		return ""
	})
	return p
}

// connect is what a lock says when it comes: everything.
func (p *peer) connect(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	bolt, door := p.bolt, p.doors
	p.mu.Unlock()
	for _, v := range [][2]string{{"connected", "true"}, {"mode", "2"}, {"state", bolt}, {"doorsensorState", door}, {"batteryCritical", "false"}, {"batteryChargeState", "80"}} {
		p.say(t, lockID, v[0], v[1], true)
	}
}

// dies is a lock without batteries: the broker tells.
func (p *peer) dies(t *testing.T) {
	p.session.Signal(syscall.SIGKILL)
	p.session.WaitKilled(t, limit)
}

func (p *peer) take(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard++
	what, ok := strings.CutPrefix(line, "nuki/"+lockID+"/")
	if !ok || strings.HasPrefix(what, "hello") {
		return
	}
	p.orders = append(p.orders, what)
	action := what[strings.LastIndex(what, " ")+1:]
	moves := map[string][]string{"1": {"2", "3"}, "2": {"4", "1"}, "3": {"7", "5"}}[action]
	p.tell("lockActionEvent", action+",172,0,0,0")
	for _, state := range moves {
		p.tell("state", state)
		p.bolt = state
	}
	p.tell("commandResponse", "0")
}

func (p *peer) tell(what, payload string) { _, _ = fmt.Fprintln(p.out[what], payload) }

// turn is a turn that nobody in the house asked for; who is what the lock announces, empty for a key.
func (p *peer) turn(t *testing.T, state, who string) {
	t.Helper()
	if who != "" {
		p.say(t, lockID, "lockActionEvent", who, false)
	}
	p.mu.Lock()
	p.bolt = state
	p.mu.Unlock()
	p.say(t, lockID, "state", state, true)
}

func (p *peer) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.orders)
}
