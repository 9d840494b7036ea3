package matter

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// TestPINsOfALock gives a lock a user with a PIN as an ecosystem does, unlocks with it, guesses until nobody is listened to, and
// finds the person in the house's own list.
func TestPINsOfALock(t *testing.T) {
	home, elsewhere := lab.Pair(t)
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--speed", "20"}})
	p := startPhone(t, elsewhere, filepath.Join(e2e.TempDir(t), "phone"))
	add(t, q, p)
	front := p.named(t, "Front door", doorLock, lockState)
	order := func(command string, fields map[string]any) (map[string]any, error) {
		t.Helper()
		raw, err := p.do(t, "invoke", map[string]any{"endpoint": front, "cluster": "DoorLock", "command": command, "fields": fields})
		if err != nil {
			return nil, err
		}
		var answer map[string]any
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatalf("%s: %v: %s", command, err, raw)
		}
		return answer, nil
	}
	if _, err := order("setUser", map[string]any{"operationType": 0, "userIndex": 1, "userName": "Ana", "userUniqueId": nil, "userStatus": 1, "userType": 0, "credentialRule": 0}); err != nil {
		t.Fatal(err)
	}
	pin := map[string]any{"operationType": 0, "credential": map[string]any{"credentialType": 1, "credentialIndex": 1}, "credentialData": "739154",
		"userIndex": 1, "userStatus": nil, "userType": nil}
	if answer, err := order("setCredential", pin); err != nil || answer["status"] != float64(0) {
		t.Fatalf("%v, %v", answer, err)
	}
	if user, err := order("getUser", map[string]any{"userIndex": 1}); err != nil || user["userName"] != "Ana" {
		t.Errorf("%v, %v", user, err)
	}
	var people []struct{ Name string }
	q.Do(t, "GET", "/api/v1/people", nil, &people)
	if len(people) != 1 || people[0].Name != "Ana" {
		t.Errorf("people of the house: %+v", people)
	}
	if _, err := order("unlockDoor", map[string]any{"pinCode": "739154"}); err != nil {
		t.Fatal(err)
	}
	p.told(t, front, doorLock, "lockState", lockOpen)
	if err := p.lock(t, front, "lockDoor"); err != nil {
		t.Fatal(err)
	}
	p.told(t, front, doorLock, "lockState", lockLocked)
	before := q.Sim(t, "front").PulsesTotal
	for range 5 {
		if _, err := order("unlockDoor", map[string]any{"pinCode": "111222"}); err == nil {
			t.Fatal("a wrong PIN opened")
		}
	}
	if _, err := order("unlockDoor", map[string]any{"pinCode": "739154"}); err == nil {
		t.Error("the right PIN right after five wrong ones was taken")
	}
	if got := q.Sim(t, "front").PulsesTotal; got != before {
		t.Errorf("%d pulses of wrong PINs", got-before)
	}
	if strings.Contains(q.Log(), "739154") {
		t.Error("the log holds a PIN")
	}
	p.must(t, "end", nil)
}
