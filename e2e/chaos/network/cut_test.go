package network

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
)

// back is how soon a phone gets through again after the network is whole.
const back = 5 * time.Second

// again opens a new session, as a phone does that has lost its own, and requires that it takes no longer.
func (h *home) again(t *testing.T) *haptest.Client {
	t.Helper()
	began := time.Now()
	for {
		client, err := h.try(t, &net.Dialer{Timeout: time.Second, KeepAlive: -1})
		if err == nil {
			return client
		}
		if time.Since(began) > back+patience {
			t.Fatalf("the phone does not get through: %v", err)
		}
	}
}

func (h *home) try(t *testing.T, d *net.Dialer) (*haptest.Client, error) {
	t.Helper()
	addr := h.addr(t)
	var conn net.Conn
	var failed error
	h.outside.Do(t, func() error {
		conn, failed = d.Dial("tcp", addr)
		return nil
	})
	if failed != nil {
		return nil, failed
	}
	return h.first.Verify(conn)
}

// unanswered is how long a phone waits for an answer.
const unanswered = 3 * time.Second

// asked is one write and what became of it.
type asked struct {
	done bool
	err  error
}

// send sends a write without waiting.
func (h *home) send(client *haptest.Client, item haptest.Put, pid uint64) <-chan asked {
	out := make(chan asked, 1)
	client.Timeout = unanswered
	go func() {
		results, err := client.PutTimed(pid, item)
		out <- asked{err == nil && results == nil, err}
	}()
	return out
}

// TestCutInAWrite pulls the cable while a write is on its way there or back: the door opens once or not at
// all, once if the phone was told so, and the phone that asks again does not make it twice.
func TestCutInAWrite(t *testing.T) {
	t.Parallel()
	lab.NeedNetworks(t)
	const cuts = 8
	h := build(t, "--doors", fmt.Sprint(cuts), "--locks", "1")
	client := h.session(t, h.first)
	opened, told := 0, 0
	for i := range cuts {
		name, id := fmt.Sprintf("Door %d", i+1), fmt.Sprintf("door-%d", i+1)
		item, pid, err := h.first.Put(client, name, "open")
		if err != nil {
			t.Fatal(err)
		}
		answer := h.send(client, item, pid)
		e2e.Apart(t, time.Duration(rand.IntN(4000))*time.Microsecond)
		h.outside.Down(t)
		gone := time.Duration(200+rand.IntN(800)) * time.Millisecond
		if i%2 == 1 {
			gone = unanswered + 500*time.Millisecond // longer than the phone waits
		}
		e2e.Apart(t, gone)
		h.outside.Up(t)
		began := time.Now()
		got := <-answer
		_ = client.Close()
		client = h.again(t)
		if took := time.Since(began); took > back+unanswered {
			t.Errorf("the phone got through after %v", took)
		}
		pulses := h.truth(t, id).PulsesTotal
		if pulses > 1 || got.done && pulses != 1 {
			t.Fatalf("%s: %d pulses, the phone was told %+v", id, pulses, got)
		}
		if got.done {
			told++
		}
		if _, err := h.first.Write(client, name, "open"); err != nil {
			t.Fatal(err)
		}
		if again := h.truth(t, id).PulsesTotal; again != 1 {
			t.Fatalf("%s: %d pulses after the phone asked again, %d before", id, again, pulses)
		}
		opened += pulses
	}
	t.Logf("%d cuts: %d doors had opened, %d phones were told", cuts, opened, told)
}

// TestLossyNetwork drops three packets in ten, both ways: what is told to be done was done once.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	lab.NeedNetworks(t)
	e2e.NeedCommand(t, "iptables", "apt-get install iptables")
	const n = 10
	h := build(t, "--doors", fmt.Sprint(n), "--locks", "1")
	client := h.session(t, h.first)
	rule := []string{"netns", "exec", h.outside.Name, "iptables", "-A", "INPUT", "-m", "statistic", "--mode", "random", "--probability", "0.3", "-j", "DROP"}
	if out, status := e2e.Output(t, e2e.Command{Name: "ip", Args: rule}, patience); status != 0 {
		e2e.Skip(t, "this kernel drops no packets at random: "+strings.TrimSpace(out))
	}
	rule[5] = "OUTPUT"
	e2e.Run(t, e2e.Command{Name: "ip", Args: rule}, patience)
	told := 0
	for i := range n {
		name, id := fmt.Sprintf("Door %d", i+1), fmt.Sprintf("door-%d", i+1)
		item, pid, err := h.first.Put(client, name, "open")
		got := asked{err: err}
		if err == nil {
			got = <-h.send(client, item, pid)
		}
		if got.err != nil { // as a phone: a new session, and nothing is sent again
			_ = client.Close()
			client = h.again(t)
		}
		if got.done {
			told++
		}
		if pulses := h.truth(t, id).PulsesTotal; pulses > 1 || got.done && pulses != 1 {
			t.Fatalf("%s: %d pulses, the phone was told %+v", id, pulses, got)
		}
		client.Timeout = patience
	}
	e2e.Run(t, e2e.Command{Name: "ip", Args: []string{"netns", "exec", h.outside.Name, "iptables", "-F"}}, patience)
	_ = client.Close()
	client = h.again(t)
	defer client.Close()
	for i := range n {
		if _, err := h.first.Write(client, fmt.Sprintf("Door %d", i+1), "open"); err != nil {
			t.Fatal(err)
		}
		if pulses := h.truth(t, fmt.Sprintf("door-%d", i+1)).PulsesTotal; pulses != 1 {
			t.Errorf("door-%d has had %d pulses", i+1, pulses)
		}
	}
	t.Logf("%d of %d writes were answered in the lossy network", told, n)
}

// TestHalfOpenSessionsMakeRoom fills the bridge with sessions whose phones are gone without a word: after a
// minute of silence they make room for phones that are there.
func TestHalfOpenSessionsMakeRoom(t *testing.T) {
	if os.Getenv("LOQUET_LONG") == "" {
		t.Skip("it takes more than a minute: make chaos-network")
	}
	t.Parallel()
	lab.NeedNetworks(t)
	h := build(t, "--doors", "1", "--locks", "1")
	gone := net.IPv4(192, 0, 2, 50)
	address := func(verb string) {
		e2e.Run(t, e2e.Command{Name: "ip", Args: []string{"-n", h.outside.Name, "address", verb, gone.String() + "/24", "dev", h.outside.Device}}, patience)
	}
	address("add")
	const most = 64
	for i := range most {
		client, err := h.first.Verify(h.dial(t, gone))
		if err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		defer client.Close()
	}
	address("del") // nothing that they say arrives any more, not even their end
	if client, err := h.try(t, dialer(nil)); err == nil {
		_ = client.Close()
		t.Error("a phone came in although all places were taken a moment ago")
	}
	took := e2e.Until(t, 2*time.Minute, func() string {
		client, err := h.try(t, dialer(nil))
		if err != nil {
			return "a place: " + err.Error()
		}
		_ = client.Close()
		return ""
	})
	t.Logf("a phone came in after %v", took.Round(time.Second))
}
