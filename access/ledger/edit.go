package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// newID returns an id that nobody guesses or meets twice.
func newID() string { return strings.ToLower(rand.Text()[:16]) }

// Watch lets f hear of every change, once it can be seen. f must not block, and is set before the first change.
func (l *Ledger) Watch(f func()) { l.changed = f }

// done ends an edit and tells of it, also of one that was refused: to look is cheap.
func (l *Ledger) done() {
	l.edit.Unlock()
	if l.changed != nil {
		l.changed()
	}
}

// whole is nil if every record is known: only then can a change be judged.
func (l *Ledger) whole() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lost
}

// SavePerson adds a person, or changes the one of that id; without an id it gets one.
func (l *Ledger) SavePerson(p access.Person) (access.Person, error) {
	l.edit.Lock()
	defer l.done()
	return l.savePerson(p)
}

// ChangePerson changes a person who is there, and nobody who was removed meanwhile: ErrNobody. The other errors are
// those of SavePerson.
func (l *Ledger) ChangePerson(id string, change func(*access.Person)) (access.Person, error) {
	l.edit.Lock()
	defer l.done()
	l.mu.RLock()
	p, known := l.people[id]
	l.mu.RUnlock()
	if !known {
		return access.Person{}, ErrNobody
	}
	change(&p)
	p.ID = id
	return l.savePerson(p)
}

// savePerson is SavePerson for whoever holds edit.
func (l *Ledger) savePerson(p access.Person) (access.Person, error) {
	if p.ID == "" {
		p.ID = newID()
	}
	if err := p.Check(); err != nil {
		return p, err
	}
	if p.Kind == access.Owner {
		for _, c := range l.Codes() {
			if c.Person == p.ID && !c.Permanent() {
				return p, fmt.Errorf("%w: an owner's code opens always, and code %s of %s has dates", access.ErrPerson, c.ID, p.Name)
			}
		}
	}
	value, err := json.Marshal(p)
	if err != nil {
		return p, err
	}
	if err := l.space.Apply(map[string][]byte{personKeys + p.ID: value}); err != nil {
		return p, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.people[p.ID] = p
	delete(l.damaged, personKeys+p.ID)
	return p, nil
}

// RemovePerson removes a person and every code that is theirs, at once.
func (l *Ledger) RemovePerson(id string) error {
	l.edit.Lock()
	defer l.done()
	if err := l.whole(); err != nil {
		return err
	}
	l.mu.RLock()
	_, known := l.people[id]
	gone := []record{}
	for _, r := range l.codes {
		if r.Code.Person == id {
			gone = append(gone, r)
		}
	}
	known = known || l.damaged[personKeys+id] != nil
	l.mu.RUnlock()
	if !known {
		return ErrNobody
	}
	changes := map[string][]byte{personKeys + id: nil}
	for _, r := range gone {
		changes[codeKeys+r.Code.ID], changes[tagKey(r.tag)] = nil, nil
	}
	if err := l.space.Apply(changes); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.people, id)
	delete(l.damaged, personKeys+id)
	for _, r := range gone {
		delete(l.codes, r.Code.ID)
		delete(l.ids, r.tag)
	}
	return nil
}

func tagKey(tag seal.Tag) string { return tagKeys + hex.EncodeToString(tag[:]) }

// AddCode gives a person a code: person, windows, doors and grace are the caller's, the rest is filled in.
// Errors wrap access.ErrCode, access.ErrWeak, access.ErrTaken, ErrNobody or ErrDamaged, and hold no digits.
func (l *Ledger) AddCode(c access.Code, group string, secret seal.Secret) (access.Code, error) {
	return l.addCode("", c, group, secret)
}

// ReplaceCode gives a person a code in the place of another one of theirs: afterwards there is the new one, or, where
// that fails, the old one still, and never both or neither. It has another id, so that every copy of the old one is
// taken back. Errors are those of AddCode, and ErrUnknown.
func (l *Ledger) ReplaceCode(id string, c access.Code, group string, secret seal.Secret) (access.Code, error) {
	return l.addCode(id, c, group, secret)
}

// addCode adds a code and removes the one of an id, if that is not empty.
func (l *Ledger) addCode(old string, c access.Code, group string, secret seal.Secret) (access.Code, error) {
	l.edit.Lock()
	defer l.done()
	c.ID, c.Kind, c.Length, c.Revoked = newID(), secret.Kind(), secret.Length(), false
	if at := l.clock.Moment(); at.Trust != access.TrustFloor {
		c.Created = at.Now.UTC()
	}
	if err := l.judge(c, group, old); err != nil {
		return c, err
	}
	tag, err := l.sealer.Tag(group, secret)
	if err != nil {
		return c, err
	}
	if err := l.free(group, secret, tag, old); err != nil {
		return c, err
	}
	r := record{Code: c, Group: group, tag: tag}
	r.ends, _ = c.Ends()
	if r.Sealed, err = l.sealer.Seal(c.ID, secret); err != nil {
		return c, err
	}
	if old == "" {
		return c, l.save(r)
	}
	l.mu.RLock()
	was, ok := l.codes[old]
	l.mu.RUnlock()
	if !ok {
		return c, ErrUnknown
	}
	return c, l.save(r, was)
}

// ChangeCode changes windows, doors, grace and whether a code is revoked; its secret and its person stay.
func (l *Ledger) ChangeCode(c access.Code) error { return l.changeCode(c, false) }

// GiveCode is ChangeCode, and gives the code to the person whom it names: from then on its uses are theirs, and it goes
// with them. Errors are those of ChangeCode, and ErrNobody.
func (l *Ledger) GiveCode(c access.Code) error { return l.changeCode(c, true) }

func (l *Ledger) changeCode(c access.Code, give bool) error {
	l.edit.Lock()
	defer l.done()
	l.mu.RLock()
	r, ok := l.codes[c.ID]
	l.mu.RUnlock()
	if !ok {
		return ErrUnknown
	}
	was := r.Code
	if !give {
		c.Person = was.Person
	}
	c.Kind, c.Length, c.Created = was.Kind, was.Length, was.Created
	if err := l.judge(c, r.Group, ""); err != nil {
		return err
	}
	r.Code = c
	r.ends, _ = c.Ends()
	return l.save(r)
}

// RemoveCode removes a code; its PIN is free again. One that cannot be read is removed as well.
func (l *Ledger) RemoveCode(id string) error {
	l.edit.Lock()
	defer l.done()
	if err := l.whole(); err != nil {
		return err
	}
	changes := map[string][]byte{codeKeys + id: nil}
	l.mu.RLock()
	for tag, of := range l.ids {
		if of == id {
			changes[tagKey(tag)] = nil
		}
	}
	_, known := l.codes[id]
	known = known || l.damaged[codeKeys+id] != nil
	l.mu.RUnlock()
	if !known {
		return ErrUnknown
	}
	if err := l.space.Apply(changes); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for tag, of := range l.ids {
		if of == id {
			delete(l.ids, tag)
		}
	}
	delete(l.codes, id)
	delete(l.damaged, codeKeys+id)
	return nil
}

// save writes a record, and removes others at the same moment.
func (l *Ledger) save(r record, gone ...record) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	changes := map[string][]byte{}
	for _, old := range gone {
		changes[codeKeys+old.Code.ID], changes[tagKey(old.tag)] = nil, nil
	}
	changes[codeKeys+r.Code.ID], changes[tagKey(r.tag)] = value, []byte(r.Code.ID)
	if !l.marked {
		changes[markKey] = []byte(l.mark())
	}
	if err := l.space.Apply(changes); err != nil {
		return err
	}
	l.marked = true
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, old := range gone {
		delete(l.codes, old.Code.ID)
		delete(l.ids, old.tag)
	}
	l.codes[r.Code.ID], l.ids[r.tag] = r, r.Code.ID
	return nil
}

// judge reports whether the code may be, beside all others but the one that goes for it.
func (l *Ledger) judge(c access.Code, group, goes string) error {
	if err := l.whole(); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	person, ok := l.people[c.Person]
	if !ok {
		return ErrNobody
	}
	if person.Kind == access.Owner && !c.Permanent() {
		return fmt.Errorf("%w: an owner's code opens always: without a clock, one with dates would lock the owner out", access.ErrCode)
	}
	for _, g := range c.Groups {
		if _, ok := l.groups[g]; !ok {
			return fmt.Errorf("%w: there is no group of doors %.64q", access.ErrCode, g)
		}
	}
	crowd := access.Crowd{Keypads: l.keypads}
	floor := l.clock.Moment().Floor
	for _, other := range l.codes {
		if other.Group == group && other.Code.ID != c.ID && other.Code.ID != goes && other.Code.Kind == access.PIN && !other.ended(floor) {
			crowd.Lengths[other.Code.Length]++
		}
	}
	if c.Kind != access.PIN || c.Revoked {
		return nil
	}
	crowd.Lengths[c.Length]++
	return crowd.Check()
}

var errPrefix = fmt.Errorf("%w: another PIN begins as this one does: choose another one", access.ErrTaken)

// free reports whether a new secret can be told from all others of the group, but that of the code that goes for it.
func (l *Ledger) free(group string, secret seal.Secret, tag seal.Tag, goes string) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	taken := func(tag seal.Tag) bool {
		id, ok := l.ids[tag]
		return ok && (goes == "" || id != goes) // of a damaged record it may be empty
	}
	if taken(tag) {
		return fmt.Errorf("%w: choose another one", access.ErrTaken)
	}
	if secret.Kind() != access.PIN {
		return nil
	}
	if err := access.CheckPIN(secret.Keys); err != nil {
		return err
	}
	for n := access.MinDigits; n < len(secret.Keys); n++ {
		begin, err := l.sealer.Tag(group, seal.Secret{Keys: secret.Keys[:n]})
		if err != nil {
			return err
		}
		if taken(begin) {
			return errPrefix
		}
	}
	for id, r := range l.codes {
		if id == goes || r.Group != group || r.Code.Kind != access.PIN || r.Code.Length <= len(secret.Keys) {
			continue
		}
		other, err := l.sealer.Open(id, r.Sealed)
		if err != nil {
			return fmt.Errorf("%w: code %s: %w", ErrDamaged, id, err)
		}
		if strings.HasPrefix(string(other.Keys), string(secret.Keys)) {
			return errPrefix
		}
	}
	return nil
}

// Reveal returns the secret of a code, for an owner who has to tell it again.
func (l *Ledger) Reveal(codeID string) (seal.Secret, error) {
	l.mu.RLock()
	r, ok := l.codes[codeID]
	l.mu.RUnlock()
	if !ok {
		return seal.Secret{}, ErrUnknown
	}
	return l.sealer.Open(codeID, r.Sealed)
}

// Mark is a word that digits make and no others, with the key of the codes: who reads it learns nothing of them.
func (l *Ledger) Mark(keys device.Keys) string {
	tag, err := l.sealer.Tag("copies", seal.Secret{Keys: keys})
	if err != nil {
		return ""
	}
	return hex.EncodeToString(tag[:])
}

// crowd are all PINs.
func (l *Ledger) crowd() access.Crowd {
	l.mu.RLock()
	defer l.mu.RUnlock()
	crowd := access.Crowd{Keypads: l.keypads}
	for _, r := range l.codes {
		if r.Code.Kind == access.PIN {
			crowd.Lengths[r.Code.Length]++
		}
	}
	return crowd
}

// GeneratePIN returns a random PIN that is free in the group: with that many digits, or, if 0, six, or
// more where there are many codes already. It fits every family of locks that is named.
func (l *Ledger) GeneratePIN(group string, digits int, families ...access.Family) (device.Keys, error) {
	if err := l.whole(); err != nil {
		return "", err
	}
	if digits == 0 {
		digits = l.crowd().Suggest()
		for _, f := range families {
			digits = min(max(digits, f.Min), f.Max)
		}
	}
	if digits < access.MinDigits || digits > access.MaxDigits {
		return "", fmt.Errorf("%w: it has %d to %d digits", access.ErrWeak, access.MinDigits, access.MaxDigits)
	}
	space := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	for range 100 {
		n, err := rand.Int(rand.Reader, space)
		if err != nil {
			return "", err
		}
		secret := seal.Secret{Keys: device.Keys(fmt.Sprintf("%0*d", digits, n))}
		tag, err := l.sealer.Tag(group, secret)
		if err != nil {
			return "", err
		}
		if l.free(group, secret, tag, "") == nil && fits(secret.Keys, families) == nil {
			return secret.Keys, nil
		}
	}
	return "", fmt.Errorf("%w: hardly any PIN of %d digits is free", access.ErrTaken, digits)
}

func fits(keys device.Keys, families []access.Family) error {
	for _, f := range families {
		if err := f.Check(keys); err != nil {
			return err
		}
	}
	return nil
}

// SealText and OpenText keep a text under a name with the key of the codes.
func (l *Ledger) SealText(name, text string) ([]byte, error) { return l.sealer.SealText(name, text) }

// OpenText is the reverse. The error wraps seal.ErrSealed.
func (l *Ledger) OpenText(name string, sealed []byte) (string, error) {
	return l.sealer.OpenText(name, sealed)
}

// Code is one code; false if there is none, or none that can be read.
func (l *Ledger) Code(id string) (access.Code, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r, ok := l.codes[id]
	return r.Code, ok
}
