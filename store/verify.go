package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
)

// Proof is what the chain of the journal proves, and what it does not.
type Proof struct {
	Rows   int64 // rows that were gone through
	First  int64 // their first number
	Last   int64 // and the last
	Hash   string
	Anchor int64 // up to this row nothing can have been cut off at the end; 0: no anchor
	// Dropped days, for which a signed stub stands; zero if there is none.
	DroppedRows int64
	DroppedUpto int64
	DroppedAt   time.Time
	Gaps        []Row    // rows in which the journal itself says that something is missing
	Breaks      []Break  // where the chain is broken; empty if all is well
	Limits      []string // what is not proved, in words for the owner
}

// Break is a place at which the journal is not what was written.
type Break struct {
	Seq  int64
	What string
}

// OK reports whether nothing contradicts the chain.
func (p *Proof) OK() bool { return len(p.Breaks) == 0 }

// Verify goes through the whole journal and proves that its rows are those that were written, in their
// order, without one missing in between. The error is that the journal could not be read; a broken
// chain is in the proof.
func (j *Journal) Verify(ctx context.Context) (*Proof, error) {
	if j.closed.Load() {
		return nil, ErrClosed
	}
	if j.readers == nil {
		return nil, j.state.refuse()
	}
	if err := j.settled(ctx); err != nil {
		return nil, err
	}
	mark := j.anchorMark()
	// One connection, one transaction: the rows must not be dropped or added to while they are read.
	tx, err := j.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	v := &verifier{j: j, proof: &Proof{}, mark: mark}
	if err := v.begin(ctx, tx); err != nil {
		return nil, err
	}
	if err := v.rows(ctx, tx); err != nil {
		return nil, err
	}
	v.end()
	return v.proof, nil
}

type verifier struct {
	j     *Journal
	proof *Proof
	mark  anchor
	prev  digest
	upto  int64 // of the stub
	found bool  // the anchor's row was met
}

func (v *verifier) broken(seq int64, what string) {
	const most = 1000 // a journal of somebody else breaks at every row
	if len(v.proof.Breaks) < most {
		v.proof.Breaks = append(v.proof.Breaks, Break{seq, what})
	}
}

func (v *verifier) begin(ctx context.Context, q querier) error {
	v.prev = genesis(v.j.seal.install)
	var s stub
	err := readStub(ctx, q, &s)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	v.prev, v.upto = s.Hash, s.Upto
	v.proof.DroppedRows, v.proof.DroppedUpto, v.proof.DroppedAt = s.Rows, s.Upto, s.At
	if v.j.seal.key == nil {
		v.proof.Limits = append(v.proof.Limits, "the signature for dropped days: its key is lost")
	} else if !v.j.seal.verify(s.message(v.j.seal.install), s.Sig) {
		v.broken(s.Upto, "the signature for dropped days does not match")
	}
	return nil
}

func (v *verifier) rows(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, selectRow+"ORDER BY seq")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r, written, err := scanRow(rows)
		if err != nil {
			v.broken(r.Seq, "the row cannot be read: "+err.Error())
			continue
		}
		v.row(&r, written)
	}
	if err := rows.Err(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.broken(v.proof.Last, "the rows after it cannot be read: "+err.Error())
	}
	return nil
}

func (v *verifier) row(r *Row, written string) {
	p := v.proof
	switch {
	case p.Rows == 0 && v.upto == 0 && v.mark.Seq > 0 && v.mark.Seq < r.Seq && !isGap(r):
		v.broken(r.Seq, "the rows before it are missing") // without an anchor there may have been none: numbers leap
	case r.Seq <= v.upto:
		v.broken(r.Seq, "it should have been dropped")
	}
	if p.Rows == 0 {
		p.First = r.Seq
	}
	p.Rows, p.Last = p.Rows+1, r.Seq
	if r.Prev != v.prev.hex() {
		v.broken(r.Seq, "the row before it is missing or was changed")
	}
	prev, err := hex.DecodeString(r.Prev)
	own, err2 := hex.DecodeString(r.Hash)
	if err != nil || err2 != nil || len(prev) != len(v.prev) || len(own) != len(v.prev) {
		v.broken(r.Seq, "its place in the chain cannot be read")
		return
	}
	if link(digest(prev), r) != digest(own) || written != utc(r.At) {
		v.broken(r.Seq, "it was changed")
	}
	v.prev = digest(own)
	p.Hash = r.Hash
	if r.Seq == v.mark.Seq {
		v.found = true
		if !bytes.Equal(own, v.mark.Hash) {
			v.broken(r.Seq, "it is not the row that was there when the anchor was written")
		}
	}
	if isGap(r) {
		p.Gaps = append(p.Gaps, *r)
	}
}

func isGap(r *Row) bool { return r.is(device.EntryNote) && strings.HasPrefix(r.Detail, "gap:") }

func (v *verifier) end() {
	p, mark := v.proof, v.mark
	if mark.Seq > 0 {
		switch {
		case v.j.seal.key == nil:
			p.Limits = append(p.Limits, "the signature of the anchor: its key is lost")
		case !v.j.seal.verify(mark.message(v.j.seal.install), mark.Sig):
			v.broken(mark.Seq, "the signature of the anchor does not match")
		}
		if !v.found && mark.Seq > v.upto {
			v.broken(mark.Seq, "the row that the anchor names is missing: the end was cut off")
		}
		p.Anchor = mark.Seq
	}
	p.Limits = append(p.Limits,
		fmt.Sprintf("that no rows after number %d were cut off: only a hash that was kept elsewhere proves that", p.Anchor),
		"anything against somebody who could read the state folder and write it: the key is in it")
	if len(p.Gaps) > 0 {
		p.Limits = append(p.Limits, "the rows that the journal itself says are missing")
	}
}

// readStub returns sql.ErrNoRows when nothing was ever dropped.
func readStub(ctx context.Context, q querier, s *stub) error {
	var hash []byte
	var at int64
	err := q.QueryRowContext(ctx, "SELECT upto, rows, hash, at, sig FROM stub").Scan(&s.Upto, &s.Rows, &hash, &at, &s.Sig)
	if err != nil {
		return err
	}
	if len(hash) != len(s.Hash) {
		return damaged(fileJournal, "the record of dropped days", nil)
	}
	s.Hash, s.At = digest(hash), time.Unix(0, at).UTC()
	return nil
}
