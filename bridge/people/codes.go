package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// Codes implements api.Ledger.
func (p *People) Codes(context.Context) ([]api.Code, error) {
	l, err := p.open()
	if err != nil {
		return nil, err
	}
	var out []api.Code
	for _, c := range l.Codes() {
		out = append(out, p.codeOf(l, c))
	}
	return out, nil
}

func (p *People) codeOf(l *ledger.Ledger, c access.Code) api.Code {
	person, _ := l.Whose(c.ID)
	out := api.Code{ID: c.ID, Person: c.Person, PersonName: person.Name, Kind: string(c.Kind), Length: c.Length, Doors: c.Doors,
		Windows: []api.Window{}, Revoked: c.Revoked, Groups: c.Groups, Duress: c.Duress, Both: c.Both}
	for _, w := range c.Windows {
		out.Windows = append(out.Windows, windowOf(w))
	}
	if p.Copies != nil {
		out.Copies = p.Copies(c.ID)
	}
	if c.Counted() {
		if used := p.uses(c.ID); used.Known {
			out.Used = &used.Count
		}
	}
	switch {
	case c.InReserve():
		out.Spare = "waiting"
	case c.Spare:
		out.Spare = "given"
	}
	if c.Grace > 0 {
		out.Grace = c.Grace.String()
	}
	if !c.Created.IsZero() {
		out.Created = c.Created.In(p.Zone())
	}
	return out
}

// AddCode implements api.Ledger.
func (p *People) AddCode(_ context.Context, r api.CodeRequest) (api.NewCode, error) {
	l, err := p.open()
	if err != nil {
		return api.NewCode{}, err
	}
	c := access.Code{Person: r.Person, Doors: doors(r.Doors), Groups: r.Groups, Duress: r.Duress, Both: r.Both}
	if len(c.Groups) > 0 && r.Doors == nil {
		c.Doors = []string{}
	}
	if c.Windows, err = p.windows(r.Windows); err == nil {
		c.Grace, err = grace(r.Grace)
	}
	if err != nil {
		return api.NewCode{}, explain(err)
	}
	secret, made, err := p.secret(l, r)
	if err != nil {
		return api.NewCode{}, explain(err)
	}
	added, err := l.AddCode(c, p.Group, secret)
	if err != nil {
		return api.NewCode{}, explain(err)
	}
	return api.NewCode{Code: p.codeOf(l, added), PIN: made}, nil
}

// secret is what the person will hold out; made is a PIN that nobody knows yet.
func (p *People) secret(l *ledger.Ledger, r api.CodeRequest) (secret seal.Secret, made string, err error) {
	switch {
	case r.PIN != "":
		return seal.Secret{Keys: device.Keys(r.PIN)}, "", access.CheckPIN(device.Keys(r.PIN))
	case r.Card != "":
		card, err := access.ParseCard(r.Card)
		return seal.Secret{Card: &card}, "", err
	}
	digits := r.Digits
	if digits == 0 && p.Digits != nil {
		digits = p.Digits()
	}
	keys, err := l.GeneratePIN(p.Group, digits)
	return seal.Secret{Keys: keys}, string(keys), err
}

// ChangeCode implements api.Ledger.
func (p *People) ChangeCode(_ context.Context, id string, change api.CodeChange) (api.Code, error) {
	l, err := p.open()
	if err != nil {
		return api.Code{}, err
	}
	all := l.Codes()
	i := slices.IndexFunc(all, func(c access.Code) bool { return c.ID == id })
	if i < 0 {
		return api.Code{}, explain(access.ErrUnknownCode)
	}
	c := all[i]
	if change.Doors != nil {
		c.Doors = doors(change.Doors)
	}
	if change.Windows != nil {
		c.Windows, err = p.windows(*change.Windows)
	}
	if err == nil && change.Grace != nil {
		c.Grace, err = grace(*change.Grace)
	}
	if err != nil {
		return api.Code{}, explain(err)
	}
	if change.Revoked != nil {
		c.Revoked = *change.Revoked
	}
	if change.Both != nil {
		c.Both = *change.Both
	}
	if change.Duress != nil {
		c.Duress = *change.Duress
	}
	if change.Groups != nil {
		if c.Groups = *change.Groups; len(c.Groups) > 0 && c.Doors == nil {
			c.Doors = []string{}
		}
	}
	if err := l.ChangeCode(c); err != nil {
		return api.Code{}, explain(err)
	}
	return p.codeOf(l, c), nil
}

// RemoveCode implements api.Ledger.
func (p *People) RemoveCode(_ context.Context, id string) error {
	l, err := p.open()
	if err != nil {
		return err
	}
	return explain(l.RemoveCode(id))
}

// doors are the doors of a code; nil: all that its keypad opens.
func doors(asked *[]string) []string {
	if asked == nil || slices.Equal(*asked, []string{api.AllDoors}) {
		return nil
	}
	return append([]string{}, *asked...)
}

func grace(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%w: the grace is a time as 2h", access.ErrCode)
	}
	return d, nil
}

// ExplainCode implements api.Ledger.
func (p *People) ExplainCode(_ context.Context, q api.ExplainRequest) (api.Explanation, error) {
	l, err := p.open()
	if err != nil {
		return api.Explanation{}, err
	}
	at := p.Clock.Moment()
	if !q.At.IsZero() {
		at = access.Moment{Now: q.At, Trust: access.Trusted, Floor: q.At}
	}
	id := q.CodeID
	if q.Code != "" {
		m, err := l.Find(p.Group, secretOf(q.Code))
		switch {
		case errors.Is(err, access.ErrUnknownCode):
			return api.Explanation{Reason: "unknown-code", Why: []string{"there is no such code"}}, nil
		case err != nil:
			return api.Explanation{}, explain(err)
		}
		id = m.Code.ID
	}
	d, err := l.Explain(id, q.Door, at, p.uses(id))
	if err != nil {
		return api.Explanation{}, explain(err)
	}
	out := api.Explanation{Allowed: d.Allowed, Reason: string(d.Reason), Why: d.Why, At: at.Now.In(p.Zone()), Zone: zoneName(p.Zone())}
	if q.At.IsZero() {
		out.Trust = trustWord(at.Trust)
	}
	switch code, _ := l.Code(id); {
	case !out.Allowed || p.Opens(q.Door):
	case code.Kind == access.PIN && p.Sent != nil && p.Sent(q.Door):
		out.Why = append(out.Why, "no keypad opens "+q.Door+": it opens when Matter sends the PIN with the command")
	default:
		out.Allowed, out.Reason = false, "no-keypad"
		out.Why = append(out.Why, "but no keypad opens "+q.Door)
	}
	if out.Allowed && p.tooLong(l, id, q.Door) {
		out.Allowed, out.Reason = false, "too-long"
		out.Why = append(out.Why, "but every keypad that opens "+q.Door+" takes a code before its last digit: length in the configuration")
	}
	return out, nil
}

// zoneName is the zone of the house; empty if nobody said which.
func zoneName(zone *time.Location) string {
	if zone == time.Local {
		return ""
	}
	return zone.String()
}

func trustWord(t access.Trust) string {
	switch t {
	case access.Trusted:
		return "trusted"
	case access.TrustHoldover:
		return "holdover"
	case access.TrustFloor:
	}
	return "floor"
}

// tooLong reports whether a code cannot be typed to its end where a door is opened.
func (p *People) tooLong(l *ledger.Ledger, id, door string) bool {
	return p.Takes != nil && slices.ContainsFunc(l.Codes(), func(c access.Code) bool {
		return c.ID == id && c.Kind == access.PIN && !p.Takes(door, c.Length)
	})
}

// secretOf is what was typed, or the card that is described.
func secretOf(text string) seal.Secret {
	if card, err := access.ParseCard(text); err == nil {
		return seal.Secret{Card: &card}
	}
	return seal.Secret{Keys: device.Keys(text)}
}
