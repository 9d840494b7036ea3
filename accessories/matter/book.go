package matter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
)

// book is the users of one lock: people of the ledger, under the indexes that controllers know them by. What a controller
// makes is a person with a code for this lock only. People whom the owner made are shown, and stay the owner's: a
// controller does not change them.
type book struct {
	house *House
	lock  string
	came  func(came, went []uint16) // users that somebody else made or removed

	mu    *sync.Mutex // shared by all books: a PIN can be one at several locks
	table *table      // nil until it could be read

	// For actors, which must not wait for mu.
	marks    atomic.Pointer[map[string]mark]
	required atomic.Bool
}

var _ doorlock.Book = (*book)(nil)

// errOwner is returned for a change of what the owner of the house made.
var errOwner = fmt.Errorf("accessories/matter: the owner made this person, and changes it on the page or the command line: %w", model.Failure)

// bookOf returns the book of a lock, the same one for as long as the house stands. Where nobody can read whether a PIN is
// needed, one is.
func (h *House) bookOf(lock string) *book {
	h.writing.Lock()
	defer h.writing.Unlock()
	if b := h.books[lock]; b != nil {
		return b
	}
	b := &book{house: h, lock: lock, mu: &h.writing, came: func(_, _ []uint16) {}}
	h.books[lock] = b
	if _, _, err := b.open(); err != nil && b.table == nil {
		b.required.Store(true)
	}
	return b
}

// watch lets tell hear of users that come and go.
func (b *book) watch(tell func(came, went []uint16)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came = tell
}

// requiresPIN says whether commands need a PIN. It never waits.
func (b *book) requiresPIN() bool { return b.required.Load() }

func (b *book) requirePIN(on bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, t, err := b.open()
	if err != nil {
		return err
	}
	t.RequirePIN = on
	return b.keep(t)
}

// open returns the ledger and a table that is up to date with it. The caller holds mu.
func (b *book) open() (Ledger, *table, error) {
	if b.table == nil {
		t, err := readTable(b.house.c.Storage, b.lock)
		if err != nil {
			b.house.c.Log.Error().Err(err).Str("device", b.lock).Msg("the users of a lock cannot be read")
			return nil, nil, errors.Join(model.Failure, err)
		}
		b.table = t
		b.mark()
	}
	l, err := b.house.c.Register.Ledger()
	if err != nil {
		return nil, nil, errors.Join(model.Failure, err)
	}
	next := b.table.clone()
	came, went := next.settle(b.lock, l.People(), slices.DeleteFunc(l.Codes(), access.Code.InReserve), l.House())
	if len(came)+len(went) > 0 || !maps.Equal(next.codes(), b.table.codes()) {
		if err := b.keep(next); err != nil {
			return nil, nil, err
		}
		b.came(came, went)
	}
	return l, b.table.clone(), nil
}

// keep stores a table, and then it counts. The caller holds mu.
func (b *book) keep(t *table) error {
	record, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := b.house.c.Storage.Apply(map[string][]byte{tableKeys + b.lock: record}); err != nil {
		return fmt.Errorf("matter: keep the users of %s: %w", b.lock, err)
	}
	b.table = t
	b.mark()
	return nil
}

func (b *book) mark() {
	marks := b.table.codes()
	b.marks.Store(&marks)
	b.required.Store(b.table.RequirePIN)
}

// who is the user and the credential of a code, 0 where they are not known. It never waits.
func (b *book) who(code string) (user, pin uint16) {
	if marks := b.marks.Load(); marks != nil {
		m := (*marks)[code]
		return m.user, m.pin
	}
	return 0, 0
}

// settle brings the book up to date with the ledger.
func (b *book) settle() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _, err := b.open()
	return err
}

// Users implements doorlock.Users.
func (b *book) Users() (map[uint16]doorlock.User, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return nil, err
	}
	people, codes := map[string]access.Person{}, map[string]access.Code{}
	for _, p := range l.People() {
		people[p.ID] = p
	}
	for _, c := range l.Codes() {
		codes[c.ID] = c
	}
	out := map[uint16]doorlock.User{}
	for i, e := range t.Users {
		out[i] = b.user(i, e, people[e.Person], codes)
	}
	return out, nil
}

// user is an entry as a controller sees it.
func (b *book) user(i uint16, e *entry, p access.Person, codes map[string]access.Code) doorlock.User {
	u := doorlock.User{Name: shownName(i, p.Name), UniqueID: doorlock.NoUniqueID, Status: doorlock.UserEnabled,
		Creator: b.house.fabricIndex(e.Creator), Modifier: b.house.fabricIndex(e.Modifier)}
	var own []access.Code
	for _, n := range slices.Sorted(maps.Keys(e.PINs)) {
		own = append(own, codes[e.PINs[n].Code])
		u.Credentials = append(u.Credentials, doorlock.Credential{Index: n, Creator: b.house.fabricIndex(e.PINs[n].Creator), Modifier: b.house.fabricIndex(e.PINs[n].Modifier)})
	}
	if !e.Made {
		shapeOf(&u, own, limits())
		return u
	}
	u.UniqueID, u.Type, u.WeekDays, u.YearDays = e.Unique, e.Type, e.WeekDays, e.YearDays
	if e.Disabled {
		u.Status = doorlock.UserDisabled
	}
	if codes != nil && b.changedSince(u, own) {
		u.WeekDays, u.YearDays = nil, nil
		shapeOf(&u, own, limits())
	}
	return u
}

// changedSince reports whether the owner has given the codes of a user other times than the controller had, or has taken
// them back: then those are shown.
func (b *book) changedSince(u doorlock.User, own []access.Code) bool {
	windows, revoked, err := windowsOf(u, b.house.c.Register.Zone())
	return err == nil && slices.ContainsFunc(own, func(c access.Code) bool {
		return c.Revoked != revoked || !reflect.DeepEqual(c.Windows, windows)
	})
}

// maxUserName is what a user's name may have in octets (section 5.2.10.34).
const maxUserName = 10

// placeholder is the name of a person for whom a controller gave none.
func placeholder(i uint16) string { return fmt.Sprintf("User %d", i) }

func shownName(i uint16, name string) string {
	if name == placeholder(i) {
		return ""
	}
	return cut(name, maxUserName)
}

// fabricIndex is the index of a fabric that the node is a member of, else 0.
func (h *House) fabricIndex(id string) uint8 {
	f, ok := h.fabric(func(f *fabric.Fabric) bool { return fabricID(f) == id })
	if !ok || id == "" {
		return 0
	}
	return f.Index
}

func (h *House) fabricOf(index uint8) string {
	f, ok := h.fabric(func(f *fabric.Fabric) bool { return f.Index == index })
	if !ok {
		return ""
	}
	return fabricID(f)
}
