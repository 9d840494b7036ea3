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
	"github.com/loquet/loquet/hw/garadget/emulator"
)

var lab *e2e.Lab

// boardWords in the environment make this binary a board.
const boardWords = "GARADGET_BOARD"

func TestMain(m *testing.M) {
	if words := os.Getenv(boardWords); words != "" {
		if err := beBoard(words, os.Stdin, os.Stdout); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = 60 * time.Second

// travel is how long the real door takes, from end to end.
const travel = 4 * time.Second

// beBoard is the board's process: it obeys words on in, and tells what a person would see.
func beBoard(words string, in io.Reader, out io.Writer) error {
	var o emulator.Options
	if err := json.Unmarshal([]byte(words), &o); err != nil {
		return err
	}
	o.Door = emulator.NewDoor(travel)
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
			}{o.Door.Look(), b.Refused()})
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

// board is such a process.
type board struct {
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

func startBoard(t *testing.T, host *e2e.Host, o emulator.Options) *board {
	t.Helper()
	o.Settings.Scan, o.Settings.Travel = 200, 5000
	words, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &board{said: &lines{out: make(chan string, 64)}}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b.Process = e2e.Start(t, e2e.Command{Host: host, Name: self, Env: []string{boardWords + "=" + string(words)}, Stdout: b.said})
	return b
}

func (b *board) do(t *testing.T, words string) {
	t.Helper()
	if _, err := fmt.Fprintln(b.Stdin(), words); err != nil {
		t.Fatal(err)
	}
}

// world is what a person would see, and how often the broker refused the board.
type world struct {
	emulator.World
	Refused int `json:"refused"`
}

func (b *board) look(t *testing.T) world {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.do(t, "look")
	select {
	case line := <-b.said.out:
		var w world
		if err := json.Unmarshal([]byte(line), &w); err != nil {
			t.Fatal(err)
		}
		return w
	case <-time.After(limit):
		t.Fatal("the board's process does not answer")
	}
	return world{}
}

func (b *board) wantClicks(t *testing.T, n int) {
	t.Helper()
	if got := b.look(t).Clicks; got != n {
		t.Errorf("the relay clicked %d times, want %d", got, n)
	}
}
