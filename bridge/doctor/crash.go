package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/loquet/loquet/health"
)

// Notes keeps the note that the program runs. It may refuse it: a disk that takes nothing is told elsewhere.
type Notes interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// NotesSpace is the name of the space of the store that keeps the note.
const NotesSpace = "run"

const runKey = "run"

// crashShown is for how long a crash is told.
const crashShown = 24 * time.Hour

// run is one life of the program. It is noted at its start and deleted at its orderly end: who finds the
// note of the same boot follows a crash, who finds that of another boot a power cut.
type run struct {
	Boot  string    `json:"boot"`
	Since time.Time `json:"since"`
}

func thisBoot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// begin notes that the program runs, and tells of the one before if that crashed.
func (d *Doctor) begin(boot string) {
	var before run
	text, ok, err := d.Runs.Get(runKey)
	if err == nil && ok && json.Unmarshal(text, &before) == nil && before.Boot == boot && boot != "" {
		d.Board.Raise(health.ProgramRestarted, "", fmt.Sprintf("the last run began %s", before.Since.In(d.Zone()).Format(time.RFC3339)))
	}
	if text, err = json.Marshal(run{boot, d.started.UTC()}); err == nil {
		err = d.Runs.Apply(map[string][]byte{runKey: text})
	}
	if err != nil {
		d.Log.Debug().Err(err).Msg("that the program runs is not noted")
	}
}

// end notes that the program was stopped.
func (d *Doctor) end() {
	if err := d.Runs.Apply(map[string][]byte{runKey: nil}); err != nil {
		d.Log.Debug().Err(err).Msg("that the program was stopped is not noted")
	}
}
