package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/edits"
)

// edited has the built binary be edited from all sides, be killed in the middle of it, and edited again.
func (l *lived) edited(t *testing.T, random *rand.Rand) {
	t.Helper()
	l.edits = edits.NewHouse(t, 3, random)
	v := newVolume(t, l.disk, "edits")
	mark := marker(v)
	l.edits.Note = func(editor, page int) error {
		return mark(promise{What: "edits", ID: fmt.Sprint(editor), Seq: int64(page)})
	}
	l.edits.HostNote = func(page int) error { return mark(promise{What: "edits", ID: hostPage, Seq: int64(page)}) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(mark(promise{What: "start"}))
	q := lab.Start(t, e2e.Options{State: v.Path, Config: l.edits.Config(), Binary: lab.Binary(t)})
	l.name = q.Bridge(t).DeviceID
	must(mark(promise{What: "house", Done: true, Install: "as found", ID: l.name}))
	for life := range 3 {
		if life > 0 {
			must(mark(promise{What: "start"}))
			q = q.Again(t, nil)
			l.edits.Judge(t, q)
		}
		rest := make(chan struct{})
		time.AfterFunc(time.Second, func() {
			if life == 0 {
				q.Signal(9)
			}
			close(rest)
		})
		l.edits.Edit(t, q, rest)
		if life == 0 {
			q.Kill(t)
		} else {
			q.Stop(t)
		}
	}
	var err error
	l.log, err = v.Log()
	must(err)
}

// hostPage is whose pages are about calendars and stays.
const hostPage = "host"

// keptStays reads calendars and stays as they lie there, before anybody goes on with them.
func keptStays(h *house, v *verdict) edits.Kept {
	k := edits.Kept{Calendars: map[string]string{}, Stays: map[string]edits.KeptStay{}, Leaving: map[string]bool{}}
	rows, err := h.store.Space("stays").List("")
	if err != nil {
		v.add("calendars and stays: %v", err)
	}
	for key, value := range rows {
		kind, id, _ := strings.Cut(key, "/")
		var bad error
		switch kind {
		case "calendar":
			var r struct {
				Calendar feeds.Calendar `json:"calendar"`
			}
			bad = json.Unmarshal(value, &r)
			k.Calendars[id] = r.Calendar.Name
		case "stay":
			var s feeds.Stay
			bad = json.Unmarshal(value, &s)
			k.Stays[id] = edits.KeptStay{Calendar: s.Calendar, Name: s.Name, Person: s.Person, Code: s.Code, Leaves: s.Leaves.String(), Until: s.Window.To.String(),
				ByHand: s.ByHand, Told: s.Told, Cancelled: s.Cancelled}
		case "erase":
			k.Leaving[string(value)] = true
		default:
			bad = errors.New("nobody knows what that is")
		}
		if bad != nil {
			v.add("%s is damaged: %v", key, bad)
		}
	}
	return k
}

// today is a time that nobody has to rely on.
type today struct{}

func (today) Moment() access.Moment { return access.Moment{Now: time.Now(), Floor: time.Now()} }

// judgeEdits holds what each editor knew against the people and codes that are left.
func (l *lived) judgeEdits(h *house, b *books, state string, v *verdict) {
	space := h.store.Space("codes")
	sealer, err := seal.OpenFile(filepath.Join(state, "codes.key"), !ledger.Used(space))
	if err != nil {
		v.add("the key of the codes: %v", err)
		return
	}
	people, err := ledger.Open(space, sealer, today{}, 1)
	if err != nil {
		v.add("people and codes: %v", err)
		return
	}
	for key, err := range people.Damaged() {
		v.add("%s is damaged: %v", key, err)
	}
	var persons []api.Person
	for _, p := range people.People() {
		persons = append(persons, api.Person{ID: p.ID, Name: p.Name, Kind: string(p.Kind)})
	}
	var codes []api.Code
	for _, c := range people.Codes() {
		shown := api.Code{ID: c.ID, Person: c.Person, Doors: c.Doors, Revoked: c.Revoked}
		for _, w := range c.Windows {
			to := ""
			if !w.To.IsZero() {
				to = w.To.String()
			}
			shown.Windows = append(shown.Windows, api.Window{To: to})
		}
		codes = append(codes, shown)
		if _, ok := people.Whose(c.ID); !ok {
			v.add("code %s is nobody's", c.ID)
		}
	}
	known := func(pin string) bool {
		_, err := people.Find("home", seal.Secret{Keys: device.Keys(pin)})
		return err == nil
	}
	kept := keptStays(h, v)
	for editor, page := range b.pages {
		var err error
		if editor == hostPage {
			l.stays.Add(int64(len(kept.Stays)))
			l.calendars.Add(int64(len(kept.Calendars)))
			err = l.edits.JudgeHost(int(page), kept, persons, codes, known)
		} else {
			err = l.edits.JudgePage(int(page), persons, codes, known)
		}
		if err != nil {
			v.add("editor %s: %v", editor, err)
		}
	}
}

// TestEditsThroughPowerCuts opens what power cuts leave of a bridge that is edited.
func TestEditsThroughPowerCuts(t *testing.T) {
	images := int(number(t, "LOQUET_IMAGES", 150)) / 3
	seed := number(t, "LOQUET_SEED", rand.Uint64())
	random := rand.New(rand.NewPCG(seed, 9))
	l := &lived{disk: newDisk(t)}
	power := newPower(t)
	l.edited(t, random)
	l.asFound(t)
	var all tally
	all.real = l
	all.open(t, power, cuts("edits", l.log, images, random))
	asked, done, _ := l.edits.Counts()
	t.Logf("LOQUET_SEED=%d: %s; %d edits asked for, %d acknowledged; %d calendars and %d stays looked at", seed, all.String(), asked, done, l.calendars.Load(), l.stays.Load())
	if !t.Failed() && (done < 5 || l.calendars.Load() == 0 || l.stays.Load() == 0) {
		t.Errorf("this has shown too little: %d edits were acknowledged, %d calendars and %d stays were there", done, l.calendars.Load(), l.stays.Load())
	}
}
