package gpio

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/internal/gpiolab"
)

// Names of children, as their first argument.
const (
	guardChild = "guard-child"
	pulseChild = "pulse-child"
)

// What the pulse child does in its pulse.
const (
	pulseWaits  = "waits"
	pulsePanics = "panics"
)

// times are how long the child's pulse is, and its cap. On a busy host the test must get there in between.
func times() (pulse, limit time.Duration) {
	if gpiolab.Virtual() {
		return 800 * time.Millisecond, time.Second
	}
	return 3 * time.Second, 4 * time.Second
}

// busyHost is how long a host that has other things to do may keep the whole kernel waiting. In virtual
// time it keeps nobody waiting.
const busyHost = 3 * time.Second

// watched is an Env whose guard is a child of this test binary; up is called when the guard is there.
func watched(guarded bool, up func(detail string, on bool)) *hw.Env {
	env := hw.NewEnv(zerolog.Nop())
	if guarded {
		env.Guard = []string{"/proc/self/exe", guardChild}
	}
	env.Report = func(p hw.Problem, detail string, on bool) {
		if p == hw.GuardDown {
			up(detail, on)
		}
	}
	return env
}

// pulse is a daemon in small: it energises a line once its guard is there, says so, and then does what it
// is told to.
func pulse(args []string) int {
	line, low, guarded, does := args[0], args[1] == "low", args[2] == "guarded", args[3]
	pulseTime, capTime := times()
	orders := bufio.NewReader(os.Stdin)
	there := make(chan struct{})
	var once sync.Once
	env := watched(guarded, func(_ string, on bool) {
		if !on {
			once.Do(func() { close(there) })
		}
	})
	ctx := context.Background()
	board, err := hw.NewRegistry(BoardDriver()).Open(ctx, env, "gpio", nil)
	if err == nil {
		err = env.Add("gpio", board)
	}
	ref := hw.Ref("gpio:" + line)
	if low {
		ref = "!" + ref
	}
	var out hw.Output
	if err == nil {
		out, err = env.Output(ctx, ref, hw.OutputOptions{Cap: capTime})
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if guarded {
		<-there
	}
	fmt.Println("ready", board.(*Board).guard.pid())
	_, _ = orders.ReadString('\n')
	if err := out.Set(ctx, true, pulseTime); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("on")
	if does == pulsePanics {
		_, _ = orders.ReadString('\n')
		panic("a fault in the program, in the middle of a pulse")
	}
	select {}
}

// pid is the guard's process; 0 if none runs.
func (g *guard) pid() int {
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.link == nil {
		return 0
	}
	return g.link.cmd.Process.Pid
}

// daemon is a running pulse child.
type daemon struct {
	cmd   *exec.Cmd
	in    io.Writer
	guard int
	on    time.Time // when its line was energised
}

func startPulse(t *testing.T, c *gpiolab.Chip, offset int, low, guarded bool, does string) *daemon {
	t.Helper()
	polarity, with := "high", "alone"
	if low {
		polarity = "low"
	}
	if guarded {
		with = "guarded"
	}
	d := &daemon{cmd: exec.Command("/proc/self/exe", pulseChild, fmt.Sprintf("%s/%d", c.Label(), offset), polarity, with, does)}
	in, err := d.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.in = in
	said, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGCONT)
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	})
	lines := bufio.NewScanner(said)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "ready ") {
		t.Fatalf("the daemon says %q", lines.Text())
	}
	if d.guard, err = strconv.Atoi(strings.TrimPrefix(lines.Text(), "ready ")); err != nil {
		t.Fatal(err)
	}
	if c.High(offset) != low {
		t.Fatal("the line is not at rest before the pulse")
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	d.on = time.Now()
	if !lines.Scan() || lines.Text() != "on" || c.High(offset) == low {
		t.Fatalf("the daemon says %q, and the line is high %v", lines.Text(), c.High(offset))
	}
	return d
}

// rests waits until a line is at rest, for at most limit, and returns when it was.
func rests(c *gpiolab.Chip, offset int, low bool, limit time.Duration) (time.Time, bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; <-tick.C {
		high, err := c.Voltage(offset)
		now := time.Now()
		if err == nil && high == low {
			return now, true
		}
		if now.After(end) {
			return now, false
		}
	}
}

// ends are the ways in which a daemon leaves its pulse to others, and how long the line may then stay on:
// a process that is gone is seen at once, one that stands still at the end of its pulse.
func ends() map[string]struct {
	does string
	end  func(*daemon) error
} {
	type ending = struct {
		does string
		end  func(*daemon) error
	}
	return map[string]ending{
		"killed":  {pulseWaits, func(d *daemon) error { return d.cmd.Process.Kill() }},
		"stopped": {pulseWaits, func(d *daemon) error { return d.cmd.Process.Signal(syscall.SIGSTOP) }},
		"panics":  {pulsePanics, func(d *daemon) error { _, err := d.in.Write([]byte("\n")); return err }},
	}
}

// A kernel that keeps outputs as they were, as Raspberry Pi OS has it: however the daemon ends in its
// pulse, the line is at rest within the cap and 100 ms. Without the guard it stays energised.
func TestGuestGuardBoundsAPulse(t *testing.T) {
	gpiolab.Needs(t, gpiolab.Sticky)
	gpiolab.KeepOutputs(t)
	_, capTime := times()
	for name, how := range ends() {
		for _, low := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, active-low %v", name, low), func(t *testing.T) {
				c := gpiolab.Plug(t, "relays", 4, nil)
				d := startPulse(t, c, 2, low, true, how.does)
				if err := how.end(d); err != nil {
					t.Fatal(err)
				}
				limit := capTime + 100*time.Millisecond
				if !gpiolab.Virtual() {
					limit += busyHost
				}
				at, ok := rests(c, 2, low, limit-time.Since(d.on))
				if !ok {
					t.Fatalf("energised %v after the order", at.Sub(d.on))
				}
				t.Logf("at rest %v after the order", at.Sub(d.on))
				time.Sleep(50 * time.Millisecond) // the guard lets go of the line by then
				if c.High(2) != low {
					t.Error("it did not stay at rest")
				}
			})
			t.Run(fmt.Sprintf("%s, active-low %v, without the guard", name, low), func(t *testing.T) {
				c := gpiolab.Plug(t, "relays", 4, nil)
				d := startPulse(t, c, 2, low, false, how.does)
				if err := how.end(d); err != nil {
					t.Fatal(err)
				}
				if at, ok := rests(c, 2, low, capTime+100*time.Millisecond); ok {
					t.Errorf("at rest after %v, although nobody is there for it: the test proves nothing", at.Sub(d.on))
				}
			})
		}
	}
}

// The guard dies: the owner is told, another one comes, and nothing moves because of it. The line can be
// requested again at once when the daemon gives it back, although the guard had it, too.
func TestGuestGuardIsReplaced(t *testing.T) {
	gpiolab.Needs(t, gpiolab.Sticky)
	gpiolab.KeepOutputs(t)
	c := gpiolab.Plug(t, "relays", 4, nil)
	told := make(chan bool, 9)
	env := watched(true, func(_ string, on bool) { told <- on })
	defer env.Close()
	opened, err := hw.NewRegistry(BoardDriver()).Open(t.Context(), env, "gpio", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Add("gpio", opened); err != nil {
		t.Fatal(err)
	}
	const pulse = 5 * time.Second // a busy host has time to replace the guard in it
	out, err := env.Output(t.Context(), "gpio:relays/1", hw.OutputOptions{Cap: 2 * pulse})
	if err != nil {
		t.Fatal(err)
	}
	if <-told {
		t.Fatal("there is no guard")
	}
	began := time.Now()
	if err := out.Set(t.Context(), true, pulse); err != nil {
		t.Fatal(err)
	}
	g := opened.(*Board).guard
	before := g.pid()
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !<-told {
		t.Error("nobody was told that the guard is down")
	}
	if <-told {
		t.Error("it did not come back")
	}
	if !c.High(1) {
		t.Error("the line went to rest because its guard died")
	}
	if g.pid() == before {
		t.Error("it is the same process")
	}
	// The new one knows what is owed: with the daemon's own timers out of the way it does it.
	b := out.(interface{ Last() (hw.Level, bool) })
	if at, ok := rests(c, 1, false, 2*pulse); !ok || at.Sub(began) < pulse-100*time.Millisecond {
		t.Errorf("at rest after %v, %v", at.Sub(began), ok)
	}
	for level, _ := b.Last(); level.Active; level, _ = b.Last() {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if out, err = env.Output(t.Context(), "gpio:relays/1", hw.OutputOptions{Cap: time.Second}); err != nil {
			t.Fatalf("the guard keeps the line: %v", err)
		}
	}
	// One that stands still is replaced, too, and keeps no line.
	still := g.pid()
	if err := syscall.Kill(still, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if _, err := env.Output(t.Context(), "gpio:relays/1", hw.OutputOptions{Cap: time.Second}); err != nil {
		t.Errorf("a guard that stands still keeps the line: %v", err)
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(still, 0); err == nil {
		t.Error("a guard outlives its daemon")
	}
	if c.High(1) {
		t.Error("the line is energised at the end")
	}
}
