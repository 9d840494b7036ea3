package bridge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw/sim"
)

// pads is a keypad for the villa with its studio.
const pads = `
keypads:
  studio-pad: {driver: wiegand, d0: "sim:studio-pad/d0", d1: "sim:studio-pad/d1", led: "sim:studio-pad/led", beeper: "sim:studio-pad/beeper", opens: [studio]}
`

func (r *residence) types(digits string) {
	r.t.Helper()
	if err := r.world.Event("studio-pad", sim.Event{Name: sim.Keypad, Digits: digits}); err != nil {
		r.t.Fatal(err)
	}
}

// listens waits until the keypad does.
func (r *residence) listens(is bool) {
	r.t.Helper()
	r.await(fmt.Sprint("keypad listens: ", is), func() bool {
		d, ok := r.Device("studio-pad")
		return ok && d.Kind == api.KindKeypad && d.Available == is
	})
}

func (r *residence) person(name, kind string) api.Person {
	r.t.Helper()
	p, err := r.ledger().AddPerson(r.t.Context(), api.PersonRequest{Name: name, Kind: kind})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *residence) code(req api.CodeRequest) api.NewCode {
	r.t.Helper()
	c, err := r.ledger().AddCode(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *residence) strikes() int {
	r.t.Helper()
	s, err := r.world.Status("studio")
	if err != nil {
		r.t.Fatal(err)
	}
	return s.PulsesTotal
}

// refusals are the reasons in the keypad's history, the oldest first.
func (r *residence) refusals() []string {
	r.t.Helper()
	rows, err := r.History(r.t.Context(), api.HistoryQuery{Device: "studio-pad", OldestFirst: true, Limit: 500})
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, row := range rows {
		if row.Kind == "refused" {
			out = append(out, row.Code)
		}
	}
	return out
}

func (r *residence) refused(n int) []string {
	r.t.Helper()
	r.await(fmt.Sprint(n, " refusals"), func() bool { return len(r.refusals()) >= n })
	return r.refusals()
}

func TestACodeOpensTheStudio(t *testing.T) {
	r := newResidence(t, villa+studio+pads)
	r.start()
	r.listens(true)
	anna := r.person("Anna", "owner")
	made := r.code(api.CodeRequest{Person: anna.ID})
	if len(made.PIN) != 6 || made.Length != 6 {
		t.Fatalf("a PIN of %d digits", len(made.PIN))
	}
	r.await("studio known", func() bool { return r.position("studio") == "secured" })
	r.types("12*" + made.PIN + "#")
	r.await("the strike", func() bool { return r.strikes() == 1 })
	r.await("its cause", func() bool {
		d, _ := r.Device("studio")
		return d.State.Cause.Name == "Anna" && d.State.Cause.Place == "studio-pad" && d.State.Cause.Actor == made.ID
	})
	r.await("the light", func() bool {
		s, err := r.world.Status("studio-pad")
		return err == nil && s.Lamp.Edges == 1 && s.Beeper.Edges == 1
	})
	rows, err := r.History(t.Context(), api.HistoryQuery{Device: "studio", Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	named := false
	for _, row := range rows {
		named = named || row.Kind == "intent" && row.Cause.Kind == "code" && row.Cause.Name == "Anna"
	}
	if !named {
		t.Errorf("%+v", rows)
	}
	if got := r.refusals(); len(got) != 0 {
		t.Errorf("refused: %v", got)
	}
	if e, err := r.ledger().ExplainCode(t.Context(), api.ExplainRequest{Door: "studio", Code: made.PIN}); err != nil || !e.Allowed || e.Reason != "permanent" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := r.ledger().ExplainCode(t.Context(), api.ExplainRequest{Door: "front", CodeID: made.ID}); err != nil || e.Allowed || e.Reason != "no-keypad" {
		t.Errorf("%+v, %v", e, err)
	}
	var refusal *device.Refusal
	if _, err := r.command("studio-pad", device.ActionUnlock); !errors.As(err, &refusal) || refusal.Code != device.RefusedUnsupported {
		t.Errorf("%v", err)
	}
	r.canary(made.PIN)
}

// canary fails if a PIN is anywhere but in the memory of this test.
func (r *residence) canary(pins ...string) {
	r.t.Helper()
	r.stop()
	for _, pin := range pins {
		if strings.Contains(r.log.String(), pin) {
			r.t.Error("the log holds a PIN")
		}
		err := filepath.WalkDir(r.opts.StateDir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), pin) {
				r.t.Errorf("%s holds a PIN", path)
			}
			return err
		})
		if err != nil {
			r.t.Error(err)
		}
	}
}

// Five wrong codes close the keypad, for everybody, also after a restart; and the history holds no digits.
func TestGuessingClosesTheKeypad(t *testing.T) {
	r := newResidence(t, villa+studio+pads)
	r.start()
	r.listens(true)
	anna := r.person("Anna", "owner")
	r.code(api.CodeRequest{Person: anna.ID, PIN: "739154"})
	for i := range 5 {
		r.types(fmt.Sprintf("40287%d#", i))
		r.refused(i + 1)
	}
	r.await("the warning", func() bool { _, ok := r.problem(health.KeypadGuessed, "studio-pad"); return ok })
	r.types("739154#")
	if got := r.refused(6); got[4] != "wrong-code" || got[5] != "keypad-locked" {
		t.Errorf("%v", got)
	}
	r.stop()
	r.start()
	r.listens(true)
	r.types("739154#")
	if got := r.refused(7); got[6] != "keypad-locked" || r.strikes() != 0 {
		t.Errorf("%v, %d strikes", got, r.strikes())
	}
	r.canary("739154", "40287")
}

// A keypad whose wires are not there keeps the house from nothing, and is back when they are.
func TestKeypadThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	text := villa + studio + strings.ReplaceAll(pads, "studio-pad: {driver: wiegand, d0: \"sim:studio-pad/d0\", d1: \"sim:studio-pad/d1\", led: \"sim:studio-pad/led\", beeper: \"sim:studio-pad/beeper\"",
		"studio-pad: {driver: osdp, port: "+filepath.Join(dir, "none"))
	r := newResidence(t, text)
	r.start()
	r.listens(false)
	if detail, ok := r.problem(health.DeviceUnavailable, "studio-pad"); !ok || detail == "" {
		t.Errorf("%q, %v", detail, ok)
	}
	i, err := r.keypads.InstallKeypad(t.Context(), "studio-pad")
	if err != nil || time.Until(i.Until) < 9*time.Minute || time.Until(i.Until) > 10*time.Minute {
		t.Errorf("%+v, %v", i, err)
	}
	r.write(villa + studio + pads)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.listens(true)
	if _, err := r.keypads.InstallKeypad(t.Context(), "studio-pad"); err == nil {
		t.Error("a reader on two wires gets a key")
	}
	if _, err := r.keypads.InstallKeypad(t.Context(), "attic"); !errors.Is(err, api.ErrNotFound) {
		t.Errorf("%v", err)
	}
	r.write(villa + studio)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Device("studio-pad"); ok {
		t.Error("a keypad that was removed is there")
	}
	if _, ok := r.problem(health.DeviceUnavailable, "studio-pad"); ok {
		t.Error("and it is told that it does not answer")
	}
}

// Without its key file nobody comes in by a code, everything else goes on, and the file is not made anew.
func TestCodesWithoutTheirKey(t *testing.T) {
	r := newResidence(t, villa+studio+pads)
	r.start()
	anna := r.person("Anna", "owner")
	r.code(api.CodeRequest{Person: anna.ID, PIN: "739154"})
	r.stop()
	file := filepath.Join(r.opts.StateDir, "codes.key")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	r.start()
	if _, ok := r.problem(health.CodesUnreadable, ""); !ok {
		t.Error("nobody is told")
	}
	var refused *api.Error
	if _, err := r.ledger().People(t.Context()); !errors.As(err, &refused) || refused.Status != 503 || refused.Remedy == "" {
		t.Errorf("%v", err)
	}
	r.listens(false)
	if _, err := r.command("studio", device.ActionUnlock); err != nil {
		t.Error(err)
	}
	r.stop()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error("another key was made")
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.listens(true)
	if people, err := r.ledger().People(t.Context()); err != nil || len(people) != 1 || people[0].Codes != 1 {
		t.Errorf("%+v, %v", people, err)
	}
}

// A keypad whose codes have a length takes them at their last digit; new PINs get it, and one that is too long for it
// is explained.
func TestAKeypadWithALength(t *testing.T) {
	r := newResidence(t, villa+studio+strings.Replace(pads, "opens:", "length: 5, opens:", 1))
	r.start()
	r.listens(true)
	anna := r.person("Anna", "owner")
	made := r.code(api.CodeRequest{Person: anna.ID})
	if len(made.PIN) != 5 {
		t.Fatalf("a PIN of %d digits", len(made.PIN))
	}
	long := r.code(api.CodeRequest{Person: anna.ID, PIN: "73915482"})
	e, err := r.ledger().ExplainCode(t.Context(), api.ExplainRequest{Door: "studio", CodeID: long.ID})
	if err != nil || e.Allowed || e.Reason != "too-long" {
		t.Errorf("%+v, %v", e, err)
	}
	if !r.keypads.Takes("studio", 5) || r.keypads.Takes("studio", 6) || !r.keypads.Takes("front", 8) { // the last has no keypad
		t.Error("what can be typed where")
	}
	r.await("studio known", func() bool { return r.position("studio") == "secured" })
	r.types("73915482#") // five digits that are no code, then three that are too few for one
	if got := r.refused(1); got[0] != "wrong-code" {
		t.Errorf("%v", got)
	}
	r.types(made.PIN)
	r.await("the strike", func() bool { return r.strikes() == 1 })
}
