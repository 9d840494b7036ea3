package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

const insertRow = `INSERT INTO events (seq, at, utc, trust, boot, mono, kind, device, action, cause, actor, place,
	intent, outcome, code, confirmed, detail, state, prev, hash)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// rowWriter writes rows by a statement of the driver itself: a door waits for it, and what package
// database/sql does around a statement of a connection that nobody else uses costs as much as the row.
// It belongs to whoever has the journal's turn, and must be closed before its connection.
type rowWriter struct {
	stmt interface {
		driver.Stmt
		driver.StmtExecContext
	}
	args [20]driver.NamedValue
}

func newRowWriter(ctx context.Context, conn *sql.Conn) (*rowWriter, error) {
	w := &rowWriter{}
	for i := range w.args {
		w.args[i].Ordinal = i + 1
	}
	err := conn.Raw(func(c any) error {
		p, ok := c.(driver.ConnPrepareContext)
		if !ok {
			return errors.ErrUnsupported
		}
		stmt, err := p.PrepareContext(ctx, insertRow)
		if err != nil {
			return err
		}
		if w.stmt, ok = stmt.(interface {
			driver.Stmt
			driver.StmtExecContext
		}); !ok {
			return errors.Join(errors.ErrUnsupported, stmt.Close())
		}
		return nil
	})
	return w, err
}

// write adds the row to events, in a transaction of its own where none is open.
func (w *rowWriter) write(ctx context.Context, r *Row, prev, hash digest) error {
	for i, v := range [...]driver.Value{
		r.Seq, r.At.UnixNano(), utc(r.At), r.Trust, r.Boot, int64(r.Mono), r.Kind, r.Device,
		r.Action, r.Cause.Kind, r.Cause.Actor, r.Cause.Place, r.Intent, r.Outcome, r.Code, number(r.Confirmed),
		r.Detail, r.State, prev[:], hash[:],
	} {
		w.args[i].Value = v
	}
	_, err := w.stmt.ExecContext(ctx, w.args[:])
	return err
}

func (w *rowWriter) close() error { return w.stmt.Close() }
