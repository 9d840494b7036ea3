package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// stillCopyMost is how large a database may be to be copied into the runtime folder, which is memory.
const stillCopyMost = 64 << 20

// stillPath returns a path under which a database on a disk that cannot be written can be read without
// locks and without a log. One whose log holds something is copied into the runtime folder and the log
// worked in there; without a runtime folder, what is in the log is not seen.
func stillPath(ctx context.Context, path, runtime string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	log, err := os.Stat(path + "-wal")
	if err != nil || log.Size() == 0 || runtime == "" {
		return path, ignoreMissing(err)
	}
	dir := filepath.Join(runtime, fmt.Sprintf("still-%08x", castagnoli([]byte(path))))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	to := filepath.Join(dir, filepath.Base(path))
	for _, tail := range []string{"", "-wal"} {
		if err := copyFile(path+tail, to+tail); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	db, conn, err := openWriter(ctx, to)
	if err != nil {
		return "", err
	}
	_, err = checkpoint(ctx, conn, "TRUNCATE")
	return to, errors.Join(err, conn.Close(), db.Close())
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, stillCopyMost))
	if err == nil && n == stillCopyMost {
		err = errors.New("it is too large to be read while the disk cannot be written")
	}
	return errors.Join(err, out.Close())
}
