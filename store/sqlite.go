package store

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed schema
var schemas embed.FS

// dsn names a database file for the driver. Pragmas run in the order given.
func dsn(path string, query url.Values, pragmas ...string) string {
	for _, p := range pragmas {
		query.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return u.String()
}

// openWriter opens the one writing connection of a database, which is created where it is missing.
func openWriter(ctx context.Context, path string, pragmas ...string) (*sql.DB, *sql.Conn, error) {
	if err := createPrivate(path); err != nil {
		return nil, nil, err
	}
	all := append([]string{"busy_timeout(1000)", "trusted_schema(0)", "cell_size_check(1)", "cache_size(-1024)",
		"temp_store(MEMORY)"}, pragmas...)
	db, err := sql.Open("sqlite", dsn(path, url.Values{"mode": {"rw"}, "_defensive": {"1"}}, all...))
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	var mode string
	err = conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
	if err == nil && mode != "wal" {
		err = fmt.Errorf("the database does not take a write-ahead log: mode %s", mode)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close(), db.Close())
	}
	return db, conn, nil
}

// openReaders opens connections that only read. A still database lies on a disk that nobody writes and
// has no write-ahead log.
func openReaders(path string, still bool) (*sql.DB, error) {
	query := url.Values{"mode": {"ro"}}
	if still {
		query.Set("immutable", "1")
	}
	db, err := sql.Open("sqlite", dsn(path, query, "busy_timeout(3000)", "query_only(1)", "trusted_schema(0)",
		"cell_size_check(1)", "cache_size(-1024)", "temp_store(MEMORY)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(2)
	return db, nil
}

// look says whether there is a database at path, without SQLite, which would take a file of a few bytes
// for a new one. It must not run on a database that this process has open: closing the descriptor would
// drop SQLite's locks.
func look(path string) (missing bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	start := make([]byte, 512)
	n, err := io.ReadFull(f, start)
	switch {
	case errors.Is(err, io.EOF):
		return true, nil
	case errors.Is(err, io.ErrUnexpectedEOF), err == nil && !bytes.HasPrefix(start, []byte("SQLite format 3\x00")):
		return false, damaged(path, fmt.Sprintf("its first %d bytes are not those of a database", n), nil)
	}
	return false, err
}

// createPrivate makes the file before SQLite does, so that it and its companions are mode 0600. One
// that is there is not touched: see look.
func createPrivate(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// check asks SQLite whether the pages of the database hang together.
func check(ctx context.Context, conn querier, path string) error {
	var verdict string
	if err := conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return damaged(path, strings.ReplaceAll(verdict, "\n", " "), nil)
	}
	return nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

type execer interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// inTx runs do in one transaction that takes the writer's lock at once.
func inTx(ctx context.Context, conn *sql.Conn, do func() error) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err == nil {
		return nil
	}
	// SQLite may have rolled back by itself already; that it then refuses to is no news.
	_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	return err
}

// checkpoint moves the write-ahead log into the database and empties it. done is false when a reader
// was in the way.
func checkpoint(ctx context.Context, conn querier, mode string) (done bool, err error) {
	var busy, log, moved int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &log, &moved)
	return err == nil && busy == 0 && log == moved, err
}

// version returns the format of a database of ours: 0 when nothing was ever written to it.
func version(ctx context.Context, conn querier, path string, application int64) (int, error) {
	var v, tables int
	var id int64
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return 0, err
	}
	switch {
	case v == 0 && id == 0 && tables == 0:
		return 0, nil
	case v <= 0 || id != application:
		return 0, damaged(path, "it is not a database of loquet", nil)
	}
	return v, nil
}

// Application ids, at a fixed place in the file.
const (
	applicationDatabase = 0x4c714462 // "LqDb"
	applicationJournal  = 0x4c714a6e // "LqJn"
)

// migrate brings a database to the newest format this loquet knows, a transaction a step, forwards
// only. A format from a newer loquet is left alone when that one said that we can read it.
func migrate(ctx context.Context, conn *sql.Conn, path, schema string, application int64) error {
	steps, err := fs.Glob(schemas, "schema/"+schema+"/*.sql")
	if err != nil {
		return err
	}
	have, err := version(ctx, conn, path, application)
	if err != nil {
		return err
	}
	if have > len(steps) {
		return readable(ctx, conn, path, have, len(steps))
	}
	for n := have; n < len(steps); n++ {
		text, err := fs.ReadFile(schemas, steps[n])
		if err != nil {
			return err
		}
		err = inTx(ctx, conn, func() error {
			_, err := conn.ExecContext(ctx, string(text)+"\nPRAGMA user_version = "+strconv.Itoa(n+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", steps[n], err)
		}
	}
	return nil
}

// readable reports whether a database of a newer format said that this loquet can read it.
func readable(ctx context.Context, conn querier, path string, have, know int) error {
	text, err := meta(ctx, conn, "readable_by")
	if err != nil {
		return errors.Join(newer(path, have, know), err)
	}
	if oldest, err := strconv.Atoi(text); err == nil && oldest <= know {
		return nil
	}
	p := newer(path, have, know)
	if by, err := meta(ctx, conn, "written_by"); err == nil && by != "" {
		p.Detail += "; it was written by loquet " + by
	}
	return p
}

// sign notes which loquet wrote the database last.
func sign(ctx context.Context, conn execer, by string) error {
	was, err := meta(ctx, conn, "written_by")
	if err != nil || by == "" || was == by {
		return err
	}
	_, err = conn.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES ('written_by', ?)", by)
	return err
}

// meta returns a word of the table meta, empty if it is not there.
func meta(ctx context.Context, q querier, key string) (string, error) {
	var value string
	err := q.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, err
}
