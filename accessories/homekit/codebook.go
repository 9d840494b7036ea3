package homekit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// Ledger is people and codes as the whole house has them. The errors of AddCode and ReplaceCode wrap access.ErrTaken
// or access.ErrWeak where the PIN is to blame, those of Find access.ErrUnknownCode where there is none.
type Ledger interface {
	People() []access.Person
	SavePerson(p access.Person) (access.Person, error)
	RemovePerson(id string) error
	Codes() []access.Code
	House() access.House
	Damaged() map[string]error
	Find(group string, secret seal.Secret) (access.Match, error)
	Reveal(codeID string) (seal.Secret, error)
	AddCode(c access.Code, group string, secret seal.Secret) (access.Code, error)
	ChangeCode(c access.Code) error
	ReplaceCode(id string, c access.Code, group string, secret seal.Secret) (access.Code, error)
	RemoveCode(id string) error
}

// Register says whose PINs open doors.
type Register struct {
	Ledger func() (Ledger, error) // an error says why people and codes cannot be read
	Group  string                 // of the keypads that know the codes
	// Opens decides about a code that is typed at a door now: at a keypad, or on a lock that keeps codes. Uses are not
	// counted.
	Opens func(c access.Code, device string) access.Decision
	// Digits is the least and the most that can be typed where that door is opened, as far as it is known; 0: not.
	Digits func(device string) (least, most int)
}

// Bounds of the codes of one door.
const (
	maxShownCodes = 100
	// leastDigits is what Home is told to take at least: a guess at random must hardly ever hit, with as many codes as
	// it can make. It is less where a keypad takes no more.
	leastDigits = 6
)

// Keys of the space of numbers.
const (
	bookKeys = "door/"
	madeKeys = "made/" // people whom Home made
)

// codeBook is the codes of one door as Home knows them: by a number each. The numbers and the count of changes are on
// the disk before they are shown.
type codeBook struct {
	house  *House
	device string

	page   *codePage // nil until it could be read; guarded by House.coding
	state  atomic.Uint32
	limits atomic.Pointer[codeLimits]
}

// codePage is what is stored of it.
type codePage struct {
	State uint16           `json:"state"` // grows with each change, and begins anew after the last number there is
	Last  uint8            `json:"last"`  // the number that was given last: none is used again soon
	Codes map[uint8]string `json:"codes"` // ids of the ledger
}

func (p *codePage) clone() *codePage {
	c := *p
	c.Codes = maps.Clone(p.Codes)
	return &c
}

// numberOf is the number of a code; 0 for none.
func (p *codePage) numberOf(code string) uint8 {
	for n, id := range p.Codes {
		if id == code {
			return n
		}
	}
	return 0
}

// give gives a code the next number that nobody has; there are more numbers than codes.
func (p *codePage) give(code string) uint8 {
	for {
		p.Last++
		if _, taken := p.Codes[p.Last]; p.Last > 0 && !taken {
			p.Codes[p.Last] = code
			return p.Last
		}
	}
}

var errNoCodes = errors.New("people and codes cannot be read")

// bookOf returns the book of a door, the same one for as long as the house stands.
func (h *House) bookOf(id string) *codeBook {
	h.coding.Lock()
	defer h.coding.Unlock()
	if b := h.books[id]; b != nil {
		return b
	}
	b := &codeBook{house: h, device: id}
	b.limits.Store(&codeLimits{leastDigits, access.MaxDigits})
	h.books[id] = b
	if err := b.read(); err != nil {
		h.opts.Log.Error().Err(err).Str("device", id).Msg("the numbers of codes cannot be read")
	}
	return b
}

// read reads the page. One that is damaged is not taken for none: its numbers would be given anew.
func (b *codeBook) read() error {
	if b.page != nil {
		return nil
	}
	if err := b.house.readMade(); err != nil {
		return err
	}
	p := &codePage{}
	raw, ok, err := b.house.opts.Codes.Get(bookKeys + b.device)
	if err == nil && ok {
		err = json.Unmarshal(raw, p)
	}
	if _, zero := p.Codes[0]; err == nil && (zero || len(p.Codes) > maxShownCodes) {
		err = errors.New("there are codes that cannot be")
	}
	if err != nil {
		return fmt.Errorf("codes of %s: %w", b.device, err)
	}
	if p.Codes == nil {
		p.Codes = map[uint8]string{}
	}
	b.page = p
	b.state.Store(uint32(p.State))
	return nil
}

// readMade reads whom Home made.
func (h *House) readMade() error {
	if h.made != nil {
		return nil
	}
	all, err := h.opts.Codes.List(madeKeys)
	if err != nil {
		return err
	}
	h.made = map[string]bool{}
	for key := range all {
		h.made[strings.TrimPrefix(key, madeKeys)] = true
	}
	return nil
}

// open returns the ledger, and the page brought up to date with it. House.coding is held.
func (b *codeBook) open() (Ledger, error) {
	if err := b.read(); err != nil {
		return nil, errors.Join(errNoCodes, err)
	}
	r := b.register()
	if r == nil {
		return nil, errNoCodes
	}
	l, err := r.Ledger()
	if err != nil {
		return nil, errors.Join(errNoCodes, err)
	}
	limits := r.limits(b.device)
	b.limits.Store(&limits)
	if len(l.Damaged()) > 0 { // what seems to be gone may be there: nothing is taken from Home
		return l, nil
	}
	return l, b.settle(l)
}

func (b *codeBook) register() *Register {
	if b.house.opts.Register == nil {
		return nil
	}
	return b.house.opts.Register()
}

func (r *Register) limits(id string) codeLimits {
	least, most := r.Digits(id)
	l := codeLimits{max(leastDigits, least), access.MaxDigits}
	if most > 0 {
		l.most = min(l.most, most)
	}
	l.least = min(l.least, l.most)
	return l
}

// settle gives codes that came a number, and takes those of codes that went.
func (b *codeBook) settle(l Ledger) error {
	next := b.page.clone()
	open := map[string]bool{}
	house := l.House()
	for _, c := range l.Codes() {
		if b.shows(c, house) {
			open[c.ID] = true
		}
	}
	maps.DeleteFunc(next.Codes, func(_ uint8, id string) bool { return !open[id] })
	for _, id := range slices.Sorted(maps.Keys(open)) {
		if next.numberOf(id) == 0 && len(next.Codes) < maxShownCodes { // the others open all the same
			next.give(id)
		}
	}
	if maps.Equal(next.Codes, b.page.Codes) {
		return nil
	}
	return b.keep(next, nil)
}

// shows reports whether Home can be told of a code: it knows a PIN that opens by itself as often as one likes, and no
// times. One with times is shown for as long as it opens, as on a lock that knows no times either.
func (b *codeBook) shows(c access.Code, house access.House) bool {
	if c.Kind != access.PIN || c.Revoked || c.Both || c.Counted() || !c.Reaches(b.device, house.Groups...) {
		return false
	}
	d := b.register().Opens(c, b.device)
	switch {
	case d.Reason == access.ReasonDoor, d.Reason == access.ReasonDamaged:
		return false
	case c.Permanent(): // also in a holiday, which ends
		return true
	case d.Reason == access.ReasonClock: // nobody knows the time: it stays as it is
		return b.page.numberOf(c.ID) > 0
	}
	return d.Allowed
}

// keep stores a page with the next state, and other records with it; then it counts. House.coding is held.
func (b *codeBook) keep(p *codePage, also map[string][]byte) error {
	if p.State++; p.State == 0 {
		p.State = 1
	}
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	changes := maps.Clone(also)
	if changes == nil {
		changes = map[string][]byte{}
	}
	changes[bookKeys+b.device] = raw
	if err := b.house.opts.Codes.Apply(changes); err != nil {
		return fmt.Errorf("codes of %s: %w", b.device, err)
	}
	b.page = p
	b.state.Store(uint32(p.State))
	return nil
}

// secretOf is a PIN as the ledger takes it.
func secretOf(pin device.Keys) seal.Secret { return seal.Secret{Keys: pin} }
