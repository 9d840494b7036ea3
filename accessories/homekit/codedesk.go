package homekit

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// carryOut does what an order asks for, and returns the answer. An error is one of the house, not of the order: then
// nobody knows anything of codes. House.coding is held.
func (b *codeBook) carryOut(o codeOrder) ([]byte, error) {
	l, err := b.open()
	if err != nil {
		return nil, err
	}
	var out []codeResponse
	switch {
	case o.operation < codeList || o.operation > codeRemove:
		out = []codeResponse{{status: codeInvalid}}
	case o.operation == codeList, o.operation == codeRead && len(o.requests) == 0:
		for _, n := range slices.Sorted(maps.Keys(b.page.Codes)) {
			out = append(out, b.show(l, n))
		}
	case len(o.requests) == 0:
		out = []codeResponse{{status: codeInvalid}}
	}
	if out != nil || o.operation == codeList {
		return o.answer(out), nil
	}
	for _, r := range o.requests {
		response, why := b.one(l, o.operation, r)
		if response.status != codeDone { // no error holds digits
			b.house.opts.Log.Info().Err(why).Str("device", b.device).Uint8("status", byte(response.status)).Msg("Home's wish about a code was refused")
		}
		out = append(out, response)
	}
	return o.answer(out), nil
}

// one does one request. The error says for the log why it was not done.
func (b *codeBook) one(l Ledger, operation byte, r codeRequest) (codeResponse, error) {
	out := codeResponse{number: r.number, hasNumber: r.hasNumber, status: codeInvalid}
	known := r.hasNumber && r.number <= 0xFF && b.page.Codes[uint8(r.number)] != ""
	n := uint8(r.number)
	switch {
	case r.bad:
		return out, nil
	case operation == codeAdd && !known: // a number that Home thinks of is not its to give
		out.hasNumber = false
		return b.add(l, r, out)
	case !r.hasNumber:
		return out, nil
	case !known:
		out.status = codeNotThere
		return out, nil
	case operation == codeRead:
		return b.show(l, n), nil
	case operation == codeRemove:
		return b.remove(l, n)
	case !r.hasPIN:
		return out, nil
	}
	return b.update(l, n, r.pin) // Home says add where it means update
}

// show is one code as Home reads it.
func (b *codeBook) show(l Ledger, n uint8) codeResponse {
	out := codeResponse{number: uint64(n), hasNumber: true}
	secret, err := l.Reveal(b.page.Codes[n])
	if err != nil {
		out.status = codeUnknown
		return out
	}
	out.pin = secret.Keys
	return out
}

// blame is the one place where an error of the ledger becomes a status.
func blame(err error) codeStatus {
	switch {
	case err == nil:
		return codeDone
	case errors.Is(err, access.ErrTaken):
		return codeTaken
	case errors.Is(err, access.ErrWeak): // it is no line on the keypad: there are too many codes of so few digits
		return codeTooShort
	}
	return codeUnknown
}

// vet says what is wrong with a new PIN.
func (b *codeBook) vet(pin device.Keys) (codeStatus, error) {
	if s := b.limits.Load().check(pin); s != codeDone {
		return s, nil
	}
	if err := access.CheckPIN(pin); err != nil {
		return codeInvalid, err
	}
	return codeDone, nil
}

// find returns the code that has a PIN already; ok is false if none has.
func (b *codeBook) find(l Ledger, pin device.Keys) (m access.Match, ok bool, err error) {
	m, err = l.Find(b.register().Group, secretOf(pin))
	if errors.Is(err, access.ErrUnknownCode) && !errors.Is(err, access.ErrDamaged) {
		return m, false, nil
	}
	return m, err == nil, err
}

// add makes a person with a code for this door. A PIN that Home gave somebody at another door is the same code: Home
// gives a guest one PIN for all locks, one after the other.
func (b *codeBook) add(l Ledger, r codeRequest, out codeResponse) (codeResponse, error) {
	out.pin = r.pin
	var err error
	if out.status, err = b.vet(r.pin); out.status != codeDone {
		return out, err
	}
	m, found, err := b.find(l, r.pin)
	switch {
	case err != nil:
		out.status = codeUnknown
		return out, err
	case found && !b.shared(m):
		n := b.page.numberOf(m.Code.ID)
		out.number, out.hasNumber, out.status = uint64(n), n > 0, codeTaken
		return out, nil
	case len(b.page.Codes) >= maxShownCodes:
		out.status = codeFull
		return out, nil
	}
	next := b.page.clone()
	id := m.Code.ID
	n := next.give(id)
	if found {
		m.Code.Doors = append(slices.Clone(m.Code.Doors), b.device)
		err = l.ChangeCode(m.Code)
	} else {
		id, err = b.make(l, fmt.Sprintf("Home code %d", n), r.pin)
	}
	if err != nil {
		out.status = blame(err)
		return out, err
	}
	next.Codes[n] = id
	if err := b.keep(next, nil); err != nil { // it opens, and is shown when it can be kept
		out.status = codeUnknown
		return out, err
	}
	out.number, out.hasNumber, out.status = uint64(n), true, codeDone
	return out, nil
}

// make adds a person of Home's with a PIN for this door. That Home made it is kept first: what is forgotten by a power
// cut can be removed by Home all the same.
func (b *codeBook) make(l Ledger, name string, pin device.Keys) (code string, err error) {
	person, err := l.SavePerson(access.Person{Name: name, Kind: access.Resident})
	if err != nil {
		return "", err
	}
	if err := b.house.setMade(person.ID, true); err != nil {
		return "", errors.Join(err, l.RemovePerson(person.ID))
	}
	c, err := l.AddCode(access.Code{Person: person.ID, Windows: []access.Window{{Kind: access.Always}}, Doors: []string{b.device}}, b.register().Group, secretOf(pin))
	if err != nil {
		return "", errors.Join(err, l.RemovePerson(person.ID), b.house.setMade(person.ID, false))
	}
	return c.ID, nil
}

func (h *House) setMade(person string, made bool) error {
	var mark []byte
	if made {
		mark = []byte("{}")
	}
	if err := h.opts.Codes.Apply(map[string][]byte{madeKeys + person: mark}); err != nil {
		return err
	}
	if made {
		h.made[person] = true
	} else {
		delete(h.made, person)
	}
	return nil
}

// shared reports whether a code is one that Home gave at other doors only, and that can open this one as well.
func (b *codeBook) shared(m access.Match) bool {
	return b.mine(m.Person, m.Code) && !slices.Contains(m.Code.Doors, b.device) && !m.Code.Revoked && !m.Code.Both && m.Code.Permanent()
}

// mine reports whether Home may change a code at a door: it made it, and the owner gave it no more since. A code of an
// owner, or one for all doors, must not be lost because somebody cleans up one lock.
func (b *codeBook) mine(p access.Person, c access.Code) bool {
	return b.house.made[p.ID] && p.Kind != access.Owner && c.Doors != nil && len(c.Groups) == 0
}

var errOwnersCode = errors.New("the owner of the house made this code, or gave it more doors: it is changed on the page or the command line")

// own returns the code of a number, if Home may change it.
func (b *codeBook) own(l Ledger, n uint8) (access.Code, codeStatus, error) {
	codes, people := l.Codes(), l.People()
	i := slices.IndexFunc(codes, func(c access.Code) bool { return c.ID == b.page.Codes[n] })
	if i < 0 {
		return access.Code{}, codeUnknown, access.ErrDamaged
	}
	j := slices.IndexFunc(people, func(p access.Person) bool { return p.ID == codes[i].Person })
	if j < 0 || !b.mine(people[j], codes[i]) {
		return codes[i], codeInvalid, errOwnersCode
	}
	return codes[i], codeDone, nil
}

// update gives the code of a number another PIN, at this door only.
func (b *codeBook) update(l Ledger, n uint8, pin device.Keys) (codeResponse, error) {
	out := codeResponse{number: uint64(n), hasNumber: true, pin: pin}
	var err error
	if out.status, err = b.vet(pin); out.status != codeDone {
		return out, err
	}
	c, status, err := b.own(l, n)
	if out.status = status; status != codeDone {
		return out, err
	}
	m, found, err := b.find(l, pin)
	switch {
	case err != nil:
		out.status = codeUnknown
		return out, err
	case found && m.Code.ID == c.ID:
		return out, nil // the PIN it has
	case found && !b.shared(m):
		out.status = codeTaken
		return out, nil
	}
	next := b.page.clone()
	if next.Codes[n], err = b.exchange(l, c, m, found, pin); err == nil {
		err = b.keep(next, nil)
	}
	out.status = blame(err)
	return out, err
}

// exchange puts another code in the place of c at this door, and returns its id.
func (b *codeBook) exchange(l Ledger, c access.Code, other access.Match, found bool, pin device.Keys) (string, error) {
	switch {
	case found:
		other.Code.Doors = append(slices.Clone(other.Code.Doors), b.device)
		if err := l.ChangeCode(other.Code); err != nil {
			return "", err
		}
		return other.Code.ID, b.withdraw(l, c)
	case len(c.Doors) == 1:
		fresh, err := l.ReplaceCode(c.ID, c, b.register().Group, secretOf(pin))
		return fresh.ID, err
	}
	fresh := c
	fresh.Doors = []string{b.device}
	fresh, err := l.AddCode(fresh, b.register().Group, secretOf(pin))
	if err != nil {
		return "", err
	}
	return fresh.ID, b.withdraw(l, c)
}

// remove takes this door from a code of Home's.
func (b *codeBook) remove(l Ledger, n uint8) (codeResponse, error) {
	out := b.show(l, n)
	c, status, err := b.own(l, n)
	if out.status = status; status != codeDone {
		return out, err
	}
	next := b.page.clone()
	delete(next.Codes, n)
	if err = b.withdraw(l, c); err == nil {
		err = b.keep(next, nil)
	}
	out.status = blame(err)
	return out, err
}

// withdraw takes this door from a code; with the last door the code goes, and with the last code the person.
func (b *codeBook) withdraw(l Ledger, c access.Code) error {
	if left := slices.DeleteFunc(slices.Clone(c.Doors), func(d string) bool { return d == b.device }); len(left) > 0 {
		c.Doors = left
		return l.ChangeCode(c)
	}
	if slices.ContainsFunc(l.Codes(), func(o access.Code) bool { return o.Person == c.Person && o.ID != c.ID }) {
		return l.RemoveCode(c.ID)
	}
	if err := l.RemovePerson(c.Person); err != nil {
		return err
	}
	return b.house.setMade(c.Person, false)
}
