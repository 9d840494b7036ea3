package backup

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/loquet/loquet/store"
)

const (
	format       = 1
	manifestName = "manifest.json"
	configName   = "loquet.yaml"
	mostManifest = 64 << 10
	mostConfig   = 16 << 20
)

// Manifest is the first file of a backup: what is in it.
type Manifest struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	Loquet  string    `json:"loquet"` // the version that made it
	Host    string    `json:"host"`   // the machine's name, for people
	Install string    `json:"install"`
	Whole   bool      `json:"whole"` // false: some records were damaged already
	Last    int64     `json:"last"`  // the last row of history
	Files   []File    `json:"files"`
}

// File is one of the others.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// measure lists the files in dir.
func (m *Manifest) measure(dir string) error {
	keys, err := keysIn(dir)
	if err != nil {
		return err
	}
	for _, name := range append(append(store.Files(), keys...), configName) {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) && name == configName {
			continue
		}
		if err != nil {
			return err
		}
		h := sha256.New()
		size, err := io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		m.Files = append(m.Files, File{Name: name, Size: size, SHA256: hex.EncodeToString(h.Sum(nil))})
	}
	return nil
}

// write makes the archive.
func (m *Manifest) write(ctx context.Context, out io.Writer, dir string) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	// Speed before size: a small computer has doors to open meanwhile.
	packed, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packed)
	if err := archive.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(text)), ModTime: m.Created}); err != nil {
		return err
	}
	if _, err := archive.Write(text); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := m.add(ctx, archive, f, dir); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return errors.Join(archive.Close(), packed.Close())
}

func (m *Manifest) add(ctx context.Context, archive *tar.Writer, f File, dir string) error {
	in, err := os.Open(filepath.Join(dir, f.Name))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if err := archive.WriteHeader(&tar.Header{Name: f.Name, Mode: 0o600, Size: f.Size, ModTime: m.Created}); err != nil {
		return err
	}
	n, err := io.Copy(archive, &untilDone{ctx, in})
	if err == nil && n != f.Size {
		err = fmt.Errorf("%d bytes instead of %d", n, f.Size)
	}
	return err
}

// untilDone reads until the context ends.
type untilDone struct {
	ctx context.Context
	in  io.Reader
}

func (r *untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}

// unpack writes the files of an archive into dir. Nothing else is written, and each file is what the
// manifest says it is, or there is an error.
func unpack(ctx context.Context, in io.Reader, dir string) (m Manifest, err error) {
	packed, err := gzip.NewReader(&untilDone{ctx, in})
	if err != nil {
		return m, content(err)
	}
	archive := tar.NewReader(packed)
	if m, err = readManifest(archive); err != nil {
		return m, err
	}
	for _, f := range m.Files {
		head, err := archive.Next()
		if err != nil {
			return m, content(err)
		}
		if head.Name != f.Name || head.Typeflag != tar.TypeReg || head.Size != f.Size {
			return m, fmt.Errorf("%w: it has %s where %s should be", ErrContent, head.Name, f.Name)
		}
		if err := extract(archive, f, dir); err != nil {
			return m, err
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%w: it holds more than it says", ErrContent)
	}
	// To the end of the stream, which proves that nothing was cut off.
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return m, content(err)
	}
	_, err = io.Copy(io.Discard, in)
	return m, err
}

// content wraps errors of the archive; those of the file underneath say enough.
func content(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, tar.ErrHeader) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	return err
}

func readManifest(archive *tar.Reader) (m Manifest, err error) {
	head, err := archive.Next()
	if err != nil {
		return m, content(err)
	}
	if head.Name != manifestName || head.Size > mostManifest {
		return m, fmt.Errorf("%w: it does not say what is in it", ErrContent)
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return m, content(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrContent, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("%w: its format is %d, this loquet knows %d", ErrContent, m.Format, format)
	}
	return m, m.check()
}

// check wants the files of a house, each once and in their order: those of the store, keys, the configuration.
func (m *Manifest) check() error {
	var have []string
	for _, f := range m.Files {
		if f.Size < 0 || f.Name == configName && f.Size > mostConfig || keyName(f.Name) && f.Size > mostKey {
			return fmt.Errorf("%w: %s is %d bytes long", ErrContent, f.Name, f.Size)
		}
		have = append(have, f.Name)
	}
	rest, whole := have, len(have) <= mostKeys
	for _, name := range store.Files() {
		whole = whole && len(rest) > 0 && rest[0] == name
		rest = rest[min(1, len(rest)):]
	}
	if len(rest) > 0 && rest[len(rest)-1] == configName {
		rest = rest[:len(rest)-1]
	}
	for i, name := range rest {
		whole = whole && keyName(name) && (i == 0 || rest[i-1] < name)
	}
	if !whole {
		return fmt.Errorf("%w: its files are %.1000v", ErrContent, have)
	}
	return nil
}

func extract(in io.Reader, f File, dir string) error {
	out, err := os.OpenFile(filepath.Join(dir, f.Name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s is not what was put in", ErrContent, f.Name)
	}
	return nil
}
