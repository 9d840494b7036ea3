package store

import (
	"bytes"
	"fmt"
	"strings"
)

// Space is a durable map from keys to values. It is safe for use by several goroutines.
type Space struct {
	name string
	d    *database
}

// Option changes what a space promises.
type Option func(*spaceOptions)

type spaceOptions struct{ precious bool }

// Precious mirrors the space, whole, in the identity files before a change is acknowledged. When
// loquet.db is lost, such a space is still served. It is meant for what is small, seldom changed and
// must never be lost: pairings, ids.
func Precious(o *spaceOptions) { o.precious = true }

// Space returns the space of that name; two calls return the same one. Once precious, a space stays
// precious. A precious space that is new is written at once; if that fails the store is degraded.
func (s *Store) Space(name string, options ...Option) *Space {
	var o spaceOptions
	for _, option := range options {
		option(&o)
	}
	space := &Space{name: name, d: s.database}
	c, _, err := s.database.content()
	if err != nil || !o.precious || s.state.refuse() != nil {
		return space
	}
	if have := c.spaces[name]; have == nil || !have.precious {
		err := s.database.submit(change{space: name, declare: true})
		if err != nil {
			s.log.Error().Err(err).Str("space", name).Msg("a precious space could not be written")
		}
	}
	return space
}

// Get returns the value of a key. ok is false only if the key is known not to be there; a value that
// was damaged, or that may have been lost, is an error.
func (s *Space) Get(key string) (value []byte, ok bool, err error) {
	c, lost, err := s.d.content()
	if err != nil {
		return nil, false, err
	}
	rows, err := s.rows(c, lost)
	if err != nil {
		return nil, false, err
	}
	if value, ok := rows.rows[key]; ok {
		return bytes.Clone(nonNil(value)), true, nil
	}
	if rows.damaged[key] || rows.holes {
		return nil, false, s.damage(key)
	}
	return nil, false, nil
}

// List returns every key that begins with the prefix, with its value. It is an error if one of them is
// damaged or may have been lost: what it returns is everything.
func (s *Space) List(prefix string) (map[string][]byte, error) {
	c, lost, err := s.d.content()
	if err != nil {
		return nil, err
	}
	rows, err := s.rows(c, lost)
	if err != nil {
		return nil, err
	}
	if !rows.whole() {
		return nil, s.damage(prefix)
	}
	out := map[string][]byte{}
	for key, value := range rows.rows {
		if strings.HasPrefix(key, prefix) {
			out[key] = bytes.Clone(nonNil(value))
		}
	}
	return out, nil
}

// Apply makes all changes or none; a nil value deletes. When it returns nil they are on the disk. An
// error wraps ErrDegraded when the disk is the reason.
func (s *Space) Apply(changes map[string][]byte) error {
	if !validName(s.name) {
		return fmt.Errorf("space %q: this is not a name", s.name)
	}
	own := make(map[string][]byte, len(changes))
	for key, value := range changes {
		if !validName(key) {
			return fmt.Errorf("space %s: %q is not a key", s.name, key)
		}
		own[key] = bytes.Clone(value)
	}
	if len(own) == 0 {
		return nil
	}
	return s.d.submit(change{space: s.name, changes: own})
}

// AcceptLoss gives up what was lost from a damaged space: what is left is everything from then on. Only
// an owner may want that.
func (s *Space) AcceptLoss() error { return s.d.submit(change{space: s.name, accept: true}) }

// rows returns the space's rows, or why it is not known whether there are any.
func (s *Space) rows(c *content, lost error) (*spaceRows, error) {
	rows := c.spaces[s.name]
	switch {
	case rows != nil:
		return rows, nil
	case lost != nil:
		return nil, fmt.Errorf("space %s: %w", s.name, lost)
	case c.loose:
		return nil, s.damage("")
	}
	return emptySpace(false), nil
}

func (s *Space) damage(key string) error {
	what := "the records of " + s.name
	if key != "" {
		what = "the record " + s.name + "/" + key
	}
	return damaged(s.d.path, what, nil)
}

func nonNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}
