package homekit

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/homekit/haptest"
)

// storeWith makes the records of a server with so many pairings, the first of an admin.
func storeWith(t *testing.T, pairings int) (*haptest.Memory, string) {
	t.Helper()
	h := newHouse(t, nil, definitions(1), nil)
	for i := range pairings {
		h.enrol(haptest.NewController(), i == 0)
	}
	return h.store, h.DeviceID()
}

// reopen makes a server of damaged records. It must be the same server or none, and never pairable.
func reopen(t *testing.T, what string, store *haptest.Memory, id string, pairings int) {
	t.Helper()
	before := maps.Clone(store.Records)
	s, err := New(Config{Name: "x", Model: "x", Storage: store, Log: zerolog.Nop()})
	if errors.Is(err, ErrDamaged) {
		if !maps.EqualFunc(before, store.Records, bytes.Equal) {
			t.Errorf("%s: refused, but records were changed", what)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if s.DeviceID() != id {
		t.Errorf("%s: another identity", what)
	}
	if len(s.Damaged()) == 0 {
		t.Errorf("%s: not noticed", what)
	}
	if s.Pairable() || !s.Paired() || s.SetupCode() != "" || slices.Contains(s.Advertisement().TXT, "sf=1") {
		t.Errorf("%s: pairable", what)
	}
	if n := len(s.Pairings()); n < pairings-1 && !strings.HasPrefix(what, keyState) {
		t.Errorf("%s: %d of %d pairings are served", what, n, pairings)
	}
	// Serving writes c# and the port. That must not heal an unpaired server into a pairable one.
	if err := s.SetAccessories(definitions(2)); err != nil {
		t.Error(what, err)
	}
	if err := s.vault.setPort(portInfo{0, 40001}); pairings == 0 && err == nil && strings.HasPrefix(what, keyPort) {
		t.Errorf("%s: the port was written over damage", what)
	}
	again, err := New(Config{Name: "x", Model: "x", Storage: store, Log: zerolog.Nop()})
	if err != nil || again.Pairable() || again.DeviceID() != id {
		t.Errorf("%s: pairable after a second start (%v)", what, err)
	}
}

// Every record cut at every length, emptied, removed, reported as damaged and flipped in every byte: never pairable,
// never another identity.
func TestDamagedRecords(t *testing.T) {
	mutations := 0
	for _, pairings := range []int{0, 1, 3} {
		store, id := storeWith(t, pairings)
		for key, record := range store.Records {
			try := func(what string, change func(*haptest.Memory)) {
				m := store.Clone()
				change(m)
				reopen(t, fmt.Sprintf("%s %s, %d pairings", key, what, pairings), m, id, pairings)
				mutations++
			}
			for n := range record {
				try(fmt.Sprintf("cut to %d bytes", n), func(m *haptest.Memory) { m.Records[key] = record[:n] })
				for _, mask := range []byte{1, 0x80, 0xff} {
					try(fmt.Sprintf("flipped at %d", n), func(m *haptest.Memory) { m.Records[key][n] ^= mask })
				}
				try(fmt.Sprintf("zeroed from %d", n), func(m *haptest.Memory) {
					if rest := m.Records[key][n:]; len(bytes.Trim(rest, "\x00")) > 0 {
						clear(rest)
					} else {
						m.Records[key] = append(m.Records[key], 0)
					}
				})
			}
			try("removed", func(m *haptest.Memory) { delete(m.Records, key) })
			try("longer", func(m *haptest.Memory) { m.Records[key] = append(m.Records[key], 0) })
			try("unreadable", func(m *haptest.Memory) { m.Damaged[key] = true })
			for other := range store.Records {
				if other != key {
					try("replaced by "+other, func(m *haptest.Memory) { m.Records[key] = m.Records[other] })
				}
			}
		}
	}
	t.Logf("%d mutations", mutations)
}

// Good pairings go on working beside a broken one, and what they change hides no damage.
func TestDamageStays(t *testing.T) {
	store, _ := storeWith(t, 3)
	var broken string
	for key := range store.Records {
		if strings.HasPrefix(key, keyPairing) && store.Records[key][1] == 0 { // of a user
			broken = key
		}
	}
	store.Records[broken] = nil
	h := newHouse(t, store, definitions(1), nil)
	if len(h.Pairings()) != 2 || !slices.Equal(h.Damaged(), []string{broken}) {
		t.Fatalf("%d pairings, damage %v", len(h.Pairings()), h.Damaged())
	}
	h.enrol(haptest.NewController(), false)
	h = newHouse(t, store.Clone(), definitions(1), nil)
	if len(h.Pairings()) != 3 || len(h.Damaged()) != 1 {
		t.Errorf("after adding one: %d pairings, damage %v", len(h.Pairings()), h.Damaged())
	}
	if err := h.Unpair(); err != nil {
		t.Fatal(err)
	}
	h = newHouse(t, h.store.Clone(), definitions(1), nil)
	if !h.Pairable() || len(h.Damaged()) != 0 || len(h.Pairings()) != 0 {
		t.Errorf("after unpairing: pairable %v, damage %v", h.Pairable(), h.Damaged())
	}
}

// An unreadable state is not written anew by a change of pairings: the next start must still know that some may lack.
func TestDamagedStateStays(t *testing.T) {
	store, _ := storeWith(t, 2)
	store.Records[keyState] = []byte("x")
	h := newHouse(t, store, definitions(1), nil)
	h.enrol(haptest.NewController(), false)
	if h = newHouse(t, store, definitions(1), nil); len(h.Pairings()) != 3 || !slices.Contains(h.Damaged(), keyState) {
		t.Errorf("%d pairings, damage %v", len(h.Pairings()), h.Damaged())
	}
}

func TestFreshIdentity(t *testing.T) {
	one, two := newHouse(t, nil, definitions(0), nil), newHouse(t, nil, definitions(0), nil)
	if one.DeviceID() == two.DeviceID() || one.SetupCode() == two.SetupCode() {
		t.Error("two servers are alike")
	}
	if !validSetupCode(one.SetupCode()) || !one.Pairable() || len(one.DeviceID()) != 17 || one.DeviceID() != strings.ToUpper(one.DeviceID()) {
		t.Errorf("code %s, id %s", one.SetupCode(), one.DeviceID())
	}
	again := newHouse(t, one.store, definitions(0), nil)
	if again.DeviceID() != one.DeviceID() || again.SetupCode() != one.SetupCode() || again.SetupURI() != one.SetupURI() {
		t.Error("a restart changed the identity")
	}
	// A storage that cannot be listed is not an empty one.
	m := haptest.NewMemory()
	m.Damaged["something"] = true
	if _, err := New(Config{Name: "x", Model: "x", Storage: m}); !errors.Is(err, ErrDamaged) || len(m.Records) != 0 {
		t.Errorf("unreadable storage: %v, %d records", err, len(m.Records))
	}
	m = haptest.NewMemory()
	m.Full = true
	if _, err := New(Config{Name: "x", Model: "x", Storage: m}); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("full storage: %v", err)
	}
}

func TestSetupVectors(t *testing.T) {
	for _, v := range []struct {
		code, id string
		flags    byte
		want     string
	}{
		{"518-08-582", "7OSX", setupFlagIP, "X-HM://0071WK4SM7OSX"},
		{"518-08-582", "7OSX", setupFlagBLE, "X-HM://0076CDMX27OSX"},
		{"", "0000", setupFlagIP, "X-HM://00711PP1C0000"},
		{"", "0000", setupFlagIP | setupFlagPaired, "X-HM://00739MG3K0000"},
	} {
		if got := setupPayload(v.code, v.id, v.flags, 7); got != v.want {
			t.Errorf("%+v gives %s", v, got)
		}
	}
	for device, want := range map[string]string{"E1:91:1A:70:85:AA": "yf4bzw==", "C8:D8:58:C6:63:F5": "712Omw=="} {
		if got := setupHash("7OSX", device); got != want {
			t.Errorf("%s gives %s, want %s", device, got, want)
		}
	}
}

func TestSetupCodes(t *testing.T) {
	for _, bad := range []string{"000-00-000", "111-11-111", "999-99-999", "123-45-678", "876-54-321", "12345678", "123-4-5678", "abc-de-fgh", ""} {
		if validSetupCode(bad) {
			t.Errorf("%q is allowed", bad)
		}
	}
	// A source that gives a trivial code first: the next one is taken.
	source := bytes.NewReader(append(bytes.Repeat([]byte{3}, 8+4), 1, 2, 3, 4, 5, 6, 7, 9, 0, 1, 2, 3))
	s, err := newSetup(source)
	if err != nil || s.code != "123-45-679" || s.id != "0123" {
		t.Errorf("%v %+v", err, s)
	}
	// Bytes beyond the last whole multiple of ten would favour small digits.
	if got, err := draw(bytes.NewReader([]byte{255, 250, 249, 7}), 2, setupIDChars[:10]); err != nil || got != "97" {
		t.Errorf("%v %q", err, got)
	}
}
