package people

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/access/copies"
	"github.com/loquet/loquet/device"
)

// locks are a front door with unknown codes in its places, and an attic that does not answer.
type locks map[int]device.Keys

func (l locks) Found() (out []copies.Found) {
	for n := range l {
		out = append(out, copies.Found{Lock: "front", Slot: n, First: time.Unix(0, 0), Seen: time.Unix(0, 0)})
	}
	return out
}

func (l locks) Going() []copies.Copy {
	return []copies.Copy{{Code: "gone", Lock: "attic", Slot: 4, State: copies.Removing, Why: "the lock does not answer"}}
}

func (l locks) at(lock string, n int) error {
	if _, ok := l[n]; lock == "front" && !ok {
		return copies.ErrNothingFound
	} else if lock != "front" {
		return copies.ErrNoAnswer
	}
	return nil
}

func (l locks) Leave(lock string, n int) error { return l.at(lock, n) }

func (l locks) Reveal(_ context.Context, lock string, n int) (device.Keys, error) {
	switch err := l.at(lock, n); {
	case err != nil:
		return "", err
	case l[n] == "":
		return "", copies.ErrNotShown
	case l[n] == "off":
		return "", copies.ErrOff
	}
	return l[n], nil
}

func (l locks) Clear(_ context.Context, lock string, n int) error {
	switch err := l.at(lock, n); {
	case err != nil:
		return err
	case l[n] == "off":
		return copies.ErrNotCleared
	case l[n] == "":
		return copies.ErrOtherNow
	}
	delete(l, n)
	return nil
}

func TestUnknownCodes(t *testing.T) {
	p, anna := house(t, "Europe/Paris")
	if found, err := p.UnknownCodes(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("a house without such locks: %v, %v", found, err)
	}
	if err := p.ClearUnknownCode(t.Context(), "front", 1); err == nil {
		t.Error("nothing was cleared without locks")
	}
	p.Locks = locks{1: "739154", 2: "", 3: "off", 4: "111111", 5: "739154", 6: "518370"}
	for name, c := range map[string]struct {
		lock         string
		slot, status int
		code         string
	}{
		"nothing":         {"front", 9, 404, "not-found"},
		"not shown":       {"front", 2, 409, "not-shown"},
		"off":             {"front", 3, 409, "off"},
		"too easy":        {"front", 4, 422, "weak-pin"},
		"does not answer": {"attic", 1, 503, "lock-unavailable"},
	} {
		_, err := p.AdoptCode(t.Context(), c.lock, c.slot, anna.ID)
		if status, code := refusal(err); status != c.status || code != c.code {
			t.Errorf("%s: %d %s (%v)", name, status, code, err)
		}
	}
	if _, err := p.AdoptCode(t.Context(), "front", 1, "nobody"); err == nil {
		t.Error("nobody was given a code")
	}
	k, err := p.AdoptCode(t.Context(), "front", 1, anna.ID)
	if err != nil || k.PersonName != "Anna" || len(k.Doors) != 1 || k.Doors[0] != "front" || k.Length != 6 || k.Windows[0].Kind != "always" {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := p.AdoptCode(t.Context(), "front", 5, anna.ID); err == nil {
		t.Error("the same PIN is two codes")
	}
	for name, c := range map[string]struct {
		slot, status int
		code         string
	}{
		"another by now": {2, 409, "changed"},
		"it stays":       {3, 409, "not-cleared"},
	} {
		if status, code := refusal(p.ClearUnknownCode(t.Context(), "front", c.slot)); status != c.status || code != c.code {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	if err := p.ClearUnknownCode(t.Context(), "front", 6); err != nil {
		t.Error(err)
	}
	if err := p.LeaveUnknownCode(t.Context(), "front", 4); err != nil {
		t.Error(err)
	}
	if found, err := p.UnknownCodes(t.Context()); err != nil || len(found) != 6 || found[0].Lock != "front" || found[5].Going != "gone" || found[5].Slot != 4 || found[5].Why == "" {
		t.Errorf("%+v, %v", found, err)
	}
}
