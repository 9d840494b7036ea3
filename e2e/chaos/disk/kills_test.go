package disk

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/e2e/chaos/disk/forgetful"
)

// TestKilledRightAfterAnIntent opens what a process leaves that is killed the moment an intent was acknowledged,
// when the relay may have moved already: the machine lives, so the disk forgets nothing, and not one row may be
// missing, of those that had not reached journal.db either.
func TestKilledRightAfterAnIntent(t *testing.T) {
	newPower(t) // one boot for all
	log, _ := record(t, newVolume(t, newDisk(t), "killed"), nil, load{commands: 40, changes: 5, rows: 20})
	dir := inMemory(t)
	replay := forgetful.NewReplay(log, 0)
	kills := 0
	for i, op := range log.Ops {
		var p promise
		if op.Kind != forgetful.Mark {
			continue
		}
		if err := json.Unmarshal([]byte(op.Name), &p); err != nil {
			t.Fatal(err)
		}
		if p.What != "row" || p.Kind != device.EntryIntent.String() {
			continue
		}
		kills++
		replay.Advance(i + 1)
		image := replay.Image(uint64(forgetful.All))
		b, err := readBooks(log, i+1)
		if err != nil {
			t.Fatal(err)
		}
		for seq := range b.rows {
			b.due[seq] = true
		}
		state, run := filepath.Join(dir, "k", "state"), filepath.Join(dir, "k", "run")
		if err := layOut(image, filepath.Dir(state), state, run); err != nil {
			t.Fatal(err)
		}
		h, v := open(t.Context(), state, run, b)
		if h != nil {
			unfinished := h.store.Unfinished()
			if len(unfinished) != 1 || unfinished[0].Row.Seq != p.Seq || unfinished[0].Started {
				v.add("unfinished are %+v", unfinished)
			}
			if err := h.close(t.Context()); err != nil {
				v.add("it does not close: %v", err)
			}
		}
		if len(v) > 0 {
			t.Errorf("killed at operation %d of %d:\n  %v", i+1, len(log.Ops), v)
		}
	}
	t.Logf("%d kills", kills)
	if kills < 30 {
		t.Errorf("%d kills have shown too little", kills)
	}
}
