package edits

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(mostHouses)) // they wait more than they work
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// mostHouses is how many bridges are hunted at the same time.
const mostHouses = 8

// TestKilledInAnEdit kills bridges that are edited from four sides.
func TestKilledInAnEdit(t *testing.T) {
	kills := 40
	if text := os.Getenv("LOQUET_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("LOQUET_KILLS=%q is not a number of kills", text)
		}
		kills = n
	}
	seed, began := rand.Uint64(), time.Now()
	t.Logf("%d kills, seed %d", kills, seed)
	var asked, done, writes atomic.Int64
	t.Run("houses", func(t *testing.T) {
		for k := range mostHouses {
			t.Run(strconv.Itoa(k), func(t *testing.T) {
				t.Parallel()
				h := hunt(t, (kills+k)/mostHouses, rand.New(rand.NewPCG(seed, uint64(k))))
				a, d, w := h.Counts()
				asked.Add(int64(a))
				done.Add(int64(d))
				writes.Add(int64(w))
			})
		}
	})
	t.Logf("%d kills in %v: %d edits asked for, %d acknowledged with those of calendars, %d writes to locks", kills, time.Since(began).Round(time.Second),
		asked.Load(), done.Load(), writes.Load())
	enough := int64(3 * kills)
	if kills < 1000 { // a push is judged on a machine that does other things too
		enough = int64(kills)
	}
	if !t.Failed() && done.Load() < enough {
		t.Errorf("this has shown too little: %d edits were acknowledged", done.Load())
	}
}

// hunt kills one bridge n times.
func hunt(t *testing.T, n int, random *rand.Rand) *House {
	h := NewHouse(t, 3, random)
	q := lab.Start(t, e2e.Options{Config: h.Config(), State: filepath.Join(e2e.TempDir(t), "state"), Binary: lab.Binary(t)})
	for range n {
		after := time.AfterFunc(time.Duration(random.IntN(700))*time.Millisecond, func() { q.Signal(syscall.SIGKILL) })
		h.Edit(t, q, nil)
		after.Stop()
		q.Signal(syscall.SIGKILL)
		q.WaitKilled(t, patience)
		if t.Failed() {
			t.FailNow()
		}
		q = q.Again(t, nil)
		h.Judge(t, q)
	}
	h.Converge(t)
	q.Stop(t)
	return h
}
