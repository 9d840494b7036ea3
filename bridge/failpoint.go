//go:build failpoints

package bridge

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/loquet/loquet/device"
)

// failpoints kill the process at the n-th passage of a named point, as a power cut or the kernel would:
// LOQUET_FAILPOINT=after-intent:3. Only test builds hold them.
type failpoints struct {
	name string
	left atomic.Int64
}

func newFailpoints() *failpoints {
	name, count, _ := strings.Cut(os.Getenv("LOQUET_FAILPOINT"), ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		n = 1
	}
	f := &failpoints{name: name}
	f.left.Store(n)
	return f
}

func (f *failpoints) hit(name string) {
	if name != "" && f.name == name && f.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing more may happen
	}
}

// journal marks the points around the rows of a move.
func (f *failpoints) journal(j device.Journal) device.Journal { return &failingJournal{j, f} }

type failingJournal struct {
	device.Journal
	points *failpoints
}

func (j *failingJournal) Record(ctx context.Context, e device.Entry) (int64, error) {
	before, after := map[device.EntryKind]string{
		device.EntryIntent: "before-intent", device.EntryStarted: "before-started", device.EntryReleased: "before-released",
		device.EntryWarning: "before-warning",
	}, map[device.EntryKind]string{
		device.EntryIntent: "after-intent", device.EntryStarted: "after-started", device.EntryReleased: "after-released",
		device.EntryWarning: "after-warning",
	}
	j.points.hit(before[e.Kind])
	seq, err := j.Journal.Record(ctx, e)
	j.points.hit(after[e.Kind])
	return seq, err
}

func (f *failpoints) answered() { f.hit("after-answer") }
