package keys

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// From the command line to the strike: a code that an owner was given opens the studio once, the phone sees
// the lock move, and history names the person.
func TestACodeOpensTheStudio(t *testing.T) {
	s := newStudio(t)
	s.listens(t)
	p := s.pair(t)
	s.run(t, "", "people", "add", "Anna", "--kind", "owner")
	pin := strings.TrimSpace(s.run(t, "", "codes", "add", "--person", "Anna"))
	if len(pin) != 6 || strings.Trim(pin, "0123456789") != "" {
		t.Fatalf("the PIN that was made has %d characters", len(pin))
	}
	s.Await(t, "studio", "secured", limit)
	s.world.Type(t, "studio-pad", pin+"#")
	s.strikes(t, 1)
	p.hears(t, "0")
	p.hears(t, "1") // the strike falls shut by itself
	if text := s.run(t, "", "history", "--device", "studio"); !strings.Contains(text, "asked to unlock, code Anna at studio-pad") {
		t.Errorf("history:\n%s", text)
	}
	intents := 0
	for _, r := range s.History(t, "studio") {
		if r.Kind == "intent" {
			intents++
			if r.Cause.Kind != "code" || r.Cause.Name != "Anna" || r.Cause.Place != "studio-pad" {
				t.Errorf("%+v", r.Cause)
			}
		}
	}
	if intents != 1 {
		t.Errorf("%d intents for one code", intents)
	}
	e2e.Until(t, limit, func() string {
		if st := s.world.Status(t, "studio-pad"); st.Lamp.Edges != 1 || st.Beeper.Edges != 1 {
			return "one light and one beep"
		}
		return ""
	})

	// The same code again: one more pulse, for it is not a repeat but a person who stands there again.
	s.world.Type(t, "studio-pad", pin+"#")
	s.strikes(t, 2)

	// A guest whose days are over, and one whose days have not come.
	s.run(t, "", "people", "add", "Gus")
	s.run(t, "847362\n", "codes", "add", "--person", "Gus", "--pin", "--window", "2020-07-01T15:00/2020-07-05T11:00")
	s.world.Type(t, "studio-pad", "847362#")
	if got := s.refusals(t, 1); got[0] != "outside-window" && got[0] != "clock-unknown" {
		t.Errorf("%v", got)
	}
	if text := s.run(t, "847362\n", "codes", "explain", "--door", "studio", "--at", "2020-07-02T12:00:00Z"); !strings.HasPrefix(text, "It opens Studio.") {
		t.Errorf("explain: %s", text)
	}
	if text := s.run(t, "847362\n", "codes", "explain", "--door", "studio", "--at", "2020-08-02T12:00:00Z"); !strings.HasPrefix(text, "It does not open Studio.") {
		t.Errorf("explain: %s", text)
	}
	if _, errs, err := s.try(t, "111111\n", "codes", "add", "--person", "Gus", "--pin"); err == nil || !strings.Contains(errs, "nearly all digits are the same") {
		t.Errorf("a weak PIN: %v, %s", err, errs)
	}
	s.run(t, "", "people", "remove", "Anna")
	s.world.Type(t, "studio-pad", pin+"#")
	if got := s.refusals(t, 2); got[1] != "wrong-code" {
		t.Errorf("%v", got)
	}
	s.strikes(t, 2)
	s.Stop(t)
	s.canary(t, pin, "847362", "Anna", "Gus")
}

// canary looks for what must be nowhere: digits in the log and in the state, and names in history.
func (s *studio) canary(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		digits := strings.Trim(word, "0123456789") == ""
		if digits && strings.Contains(s.Log(), word) {
			t.Error("the log holds a PIN")
		}
		err := filepath.WalkDir(s.Options.State, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || !digits && filepath.Base(path) != "journal.db" {
				return err
			}
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), word) {
				t.Errorf("%s holds %q", filepath.Base(path), word)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// Whoever guesses is shut out, whatever they do to the power, and the owner still comes in by other ways.
func TestGuessing(t *testing.T) {
	s := newStudio(t)
	s.listens(t)
	s.run(t, "", "people", "add", "Anna", "--kind", "owner")
	s.run(t, "739154\n", "codes", "add", "--person", "Anna", "--pin")
	s.Await(t, "studio", "secured", limit)
	for i := range 5 {
		s.world.Type(t, "studio-pad", fmt.Sprintf("40287%d#", i))
		s.refusals(t, i+1)
	}
	s.world.Type(t, "studio-pad", "739154#")
	if got := s.refusals(t, 6); got[5] != "keypad-locked" {
		t.Errorf("%v", got)
	}
	s.Kill(t)
	s.Loquet = s.Again(t, nil)
	s.listens(t)
	s.world.Type(t, "studio-pad", "739154#")
	if got := s.refusals(t, 7); got[6] != "keypad-locked" {
		t.Errorf("after the power was cut: %v", got)
	}
	s.strikes(t, 0)
	s.Await(t, "studio", "secured", limit)
	s.run(t, "", "unlock", "studio")
	s.strikes(t, 1)
	s.Stop(t)
	s.canary(t, "739154", "40287")
}
