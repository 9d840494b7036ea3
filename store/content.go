package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// content is all of loquet.db in memory: it is small, and reading it whole at the start is what lets a
// damaged value be told from one that was never written.
type content struct {
	install    string
	generation int64
	spaces     map[string]*spaceRows
	// loose: it is not proved that a space which is not here was never written.
	loose bool
}

// spaceRows is one space. It is never changed once it can be seen: a change makes a new one.
type spaceRows struct {
	precious bool
	rows     map[string][]byte
	damaged  map[string]bool // keys whose value is not what was written
	// holes: keys were written that are not here any more, nobody knows which.
	holes bool
}

func emptySpace(precious bool) *spaceRows {
	return &spaceRows{precious: precious, rows: map[string][]byte{}}
}

func (s *spaceRows) whole() bool { return !s.holes && len(s.damaged) == 0 }

// with returns the space after the changes.
func (s *spaceRows) with(changes map[string][]byte) *spaceRows {
	next := &spaceRows{precious: s.precious, rows: maps.Clone(s.rows), damaged: maps.Clone(s.damaged), holes: s.holes}
	for key, value := range changes {
		delete(next.damaged, key)
		if value == nil {
			delete(next.rows, key)
			continue
		}
		next.rows[key] = bytes.Clone(value)
	}
	return next
}

// rowSum covers a row of kv: a value under another key or in another space is damaged too.
func rowSum(space, key string, value []byte) uint32 {
	return castagnoli(frame([]byte(space), []byte(key), value))
}

// frame joins parts so that no two lists of parts give the same bytes.
func frame(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

// spaceSum is one row of the table spaces.
type spaceSum struct {
	space    string
	precious bool
	count    int64
	sum      int64
	holes    bool
}

// sums counts a space. Addition does not depend on the order of the rows.
func (s *spaceRows) sums(space string) spaceSum {
	out := spaceSum{space: space, precious: s.precious, holes: !s.whole()}
	for key, value := range s.rows {
		out.count++
		out.sum += int64(rowSum(space, key, value))
	}
	return out
}

func (s spaceSum) crc() uint32 {
	return castagnoli(fmt.Appendf(nil, "space %q %t %d %d %t", s.space, s.precious, s.count, s.sum, s.holes))
}

// head is the one row that covers all spaces.
type head struct {
	install    string
	generation int64
	spaces     int64
	sum        int64
}

func (h head) crc() uint32 {
	return castagnoli(fmt.Appendf(nil, "head %q %d %d %d", h.install, h.generation, h.spaces, h.sum))
}

func (c *content) head() head {
	h := head{install: c.install, generation: c.generation}
	for name, s := range c.spaces {
		h.spaces++
		h.sum += int64(s.sums(name).crc())
	}
	if c.loose {
		h.sum = -1 // looseness lasts: nothing sums up to less than nothing
	}
	return h
}

// load reads the database. An error means that the database as a whole cannot be believed; single
// damaged records are in the content. fresh means that nothing was ever written to it.
func load(ctx context.Context, q querier, path string) (c *content, fresh bool, err error) {
	var h head
	var crc int64
	var rows int
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM head").Scan(&rows); err != nil {
		return nil, false, err
	}
	if rows == 0 {
		return nil, true, nil
	}
	err = q.QueryRowContext(ctx, "SELECT install, generation, spaces, sum, crc FROM head").
		Scan(&h.install, &h.generation, &h.spaces, &h.sum, &crc)
	if err != nil {
		return nil, false, err
	}
	if int64(h.crc()) != crc || h.install == "" {
		return nil, false, damaged(path, "its first record", nil)
	}
	c = &content{install: h.install, generation: h.generation, spaces: map[string]*spaceRows{}}
	sums, err := loadSums(ctx, q)
	if err != nil {
		return nil, false, err
	}
	if err := c.loadRows(ctx, q); err != nil {
		return nil, false, err
	}
	c.judge(sums, h)
	return c, false, nil
}

// loadSums returns the rows of the table spaces that can be believed.
func loadSums(ctx context.Context, q querier) (map[string]spaceSum, error) {
	rows, err := q.QueryContext(ctx, "SELECT space, precious, count, sum, holes, crc FROM spaces")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells what it would
	sums := map[string]spaceSum{}
	for rows.Next() {
		var s spaceSum
		var precious, holes, crc int64
		if err := rows.Scan(&s.space, &precious, &s.count, &s.sum, &holes, &crc); err != nil {
			return nil, err
		}
		s.precious, s.holes = precious == 1, holes == 1
		if int64(s.crc()) == crc {
			sums[s.space] = s
		}
	}
	return sums, rows.Err()
}

func (c *content) loadRows(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, "SELECT space, key, value, crc FROM kv")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err tells what it would
	for rows.Next() {
		var space, key string
		var value []byte
		var crc int64
		if err := rows.Scan(&space, &key, &value, &crc); err != nil {
			return err
		}
		s := c.spaces[space]
		if s == nil {
			s = emptySpace(false)
			c.spaces[space] = s
		}
		if value == nil {
			value = []byte{}
		}
		if int64(rowSum(space, key, value)) == crc {
			s.rows[key] = value
			continue
		}
		if s.damaged == nil {
			s.damaged = map[string]bool{}
		}
		s.damaged[key] = true
	}
	return rows.Err()
}

// judge compares what was read with what was counted when it was written.
func (c *content) judge(sums map[string]spaceSum, h head) {
	for name, want := range sums {
		s := c.spaces[name]
		if s == nil {
			s = emptySpace(false)
			c.spaces[name] = s
		}
		s.precious = want.precious
		got := s.sums(name)
		s.holes = want.holes || got.count != want.count || got.sum != want.sum
	}
	total := head{}
	for name, s := range c.spaces {
		want, known := sums[name]
		if !known {
			s.holes = true
			continue
		}
		total.spaces++
		total.sum += int64(want.crc())
	}
	c.loose = total.spaces != h.spaces || total.sum != h.sum
}

// identity returns the precious spaces as the next generation of the identity files.
func (c *content) identity() *identity {
	id := &identity{Install: c.install, Generation: c.generation, Spaces: map[string]map[string][]byte{}}
	for name, s := range c.spaces {
		if s.precious {
			id.Spaces[name] = s.rows
			if !s.whole() {
				id.Holes = append(id.Holes, name)
			}
		}
	}
	slices.Sort(id.Holes)
	return id
}

// contentOf is what an identity alone can serve.
func contentOf(id *identity) *content {
	c := &content{install: id.Install, generation: id.Generation, spaces: map[string]*spaceRows{}, loose: true}
	for name, rows := range id.Spaces {
		c.spaces[name] = &spaceRows{precious: true, rows: rows, holes: slices.Contains(id.Holes, name)}
	}
	return c
}

// with returns the content with one space replaced.
func (c *content) with(name string, s *spaceRows) *content {
	next := *c
	next.spaces = maps.Clone(c.spaces)
	next.spaces[name] = s
	return &next
}

// validName reports whether a name of a space or a key can be kept exactly: in the database and in the
// identity file.
func validName(name string) bool {
	return name != "" && len(name) <= 512 && utf8.ValidString(name) && !strings.ContainsRune(name, 0)
}
