package garadget

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// boardWords in the environment make this binary a board.
const boardWords = "GARADGET_BOARD"

// Be makes this process what it was started as, a board (StartBoard) or a sandbox (TimeServed), and reports
// whether it was one; it then is at its end. Call it first in TestMain.
func Be() bool {
	if os.Getenv(sandboxed) != "" {
		_ = os.Unsetenv(sandboxed)
		_, _ = fmt.Fprintln(os.Stderr, forbidClock(os.Args[1:]))
		return true
	}
	words := os.Getenv(boardWords)
	if words == "" {
		return false
	}
	if err := beBoard(words, os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
	}
	return true
}

// Limit is far above what anything here takes, for a machine that is busy.
const Limit = mqtt.Limit

// Travel is how long the real door takes, from end to end; the board is set to a little more (the firmware
// takes no less than 5 s, which tests would only wait for).
const (
	Travel    = 2500 * time.Millisecond
	setTravel = 3000
	setScan   = 200
)

// beBoard is the board's process: it obeys words on in, and tells what a person would see.
func beBoard(words string, in io.Reader, out io.Writer) error {
	var o emulator.Options
	if err := json.Unmarshal([]byte(words), &o); err != nil {
		return err
	}
	o.Door = emulator.NewDoor(Travel)
	b := emulator.New(o)
	off := func() {}
	on := func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.Run(ctx)
		}()
		off = func() {
			cancel()
			<-done
		}
	}
	on()
	stuck, obstructed := false, false
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		word, value, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "power":
			off()
			if off = func() {}; value == "on" {
				on()
			}
		case "mute":
			b.Mute()
		case "wall":
			o.Door.Wall()
		case "put":
			at, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return err
			}
			o.Door.Put(at)
		case "stick":
			stuck = value == "on"
			o.Door.Trouble(stuck, obstructed)
		case "obstruct":
			obstructed = value == "on"
			o.Door.Trouble(stuck, obstructed)
		case "look":
			world, err := json.Marshal(struct {
				emulator.World
				Refused int `json:"refused"`
				Reboots int `json:"reboots"`
			}{o.Door.Look(), b.Refused(), b.Reboots()})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(out, "%s\n", world); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// Board is a board with a door, in a process of its own.
type Board struct {
	*e2e.Process
	mu   sync.Mutex
	said *lines
}

// lines collects what a process says, line by line.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
	out chan string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(b)
	for {
		line, err := l.buf.ReadString('\n')
		if err != nil {
			l.buf.WriteString(line)
			return len(b), nil
		}
		l.out <- line
	}
}

// StartBoard starts one on a host.
func StartBoard(t testing.TB, host *e2e.Host, o emulator.Options) *Board {
	t.Helper()
	o.Settings.Scan, o.Settings.Travel = setScan, setTravel
	words, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &Board{said: &lines{out: make(chan string, 64)}}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b.Process = e2e.Start(t, e2e.Command{Host: host, Name: self, Env: []string{boardWords + "=" + string(words)}, Stdout: b.said})
	return b
}

// Do says something to the board or to its door: power on|off, wall, put 0..1, stick on|off,
// obstruct on|off, mute (the next order is obeyed, and the connection is gone before anybody hears of it). It is done
// when Do returns: an order over the network must not be there before a word that was said earlier.
func (b *Board) Do(t testing.TB, words string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.say(t, words)
	b.look(t) // words are obeyed one after another
}

func (b *Board) say(t testing.TB, words string) {
	t.Helper()
	if _, err := fmt.Fprintln(b.Stdin(), words); err != nil {
		t.Fatal(err)
	}
}

// World is what a person would see, how often the broker refused the board, and how often that was told to start
// anew.
type World struct {
	emulator.World
	Refused int `json:"refused"`
	Reboots int `json:"reboots"`
}

// Look asks the process.
func (b *Board) Look(t testing.TB) World {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.look(t)
}

// look is called with mu held.
func (b *Board) look(t testing.TB) World {
	t.Helper()
	b.say(t, "look")
	select {
	case line := <-b.said.out:
		var w World
		if err := json.Unmarshal([]byte(line), &w); err != nil {
			t.Fatal(err)
		}
		return w
	case <-time.After(Limit):
		t.Fatal("the board's process does not answer")
	}
	return World{}
}

// WantClicks requires that the relay has clicked n times.
func (b *Board) WantClicks(t testing.TB, n int) {
	t.Helper()
	if got := b.Look(t).Clicks; got != n {
		t.Errorf("the relay clicked %d times, want %d", got, n)
	}
}
