package wire

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/loquet/loquet/config"
)

// file is the configuration that gets a section.
type file struct {
	path    string
	catalog config.Catalog
	text    string
	mode    fs.FileMode
	exists  bool
	cfg     *config.Config // nil while it describes no house

	warnings []string // of the last try
}

// empty is the beginning of a configuration where there is none.
const empty = "home: {name: Home}\n"

// readFile reads the configuration, which must be good: a file with mistakes is not written to.
func readFile(path string, catalog config.Catalog) (*file, error) {
	f := &file{path: path, catalog: catalog, text: empty, mode: 0o644}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		f.path = real // the file itself is replaced, not a link to it
	}
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no file", ErrFile, path)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	f.text, f.mode, f.exists = string(text), info.Mode().Perm(), true
	if f.cfg, _, err = config.ReadBytes(filepath.Base(path), text, catalog); err != nil && f.used() {
		return nil, fmt.Errorf("%w: mend it first: %w", ErrFile, err)
	}
	return f, nil
}

// used says whether the file describes any device yet. The file of a fresh install does not, and does not
// pass the checks for that alone.
func (f *file) used() bool {
	cfg, err := config.Parse(filepath.Base(f.path), []byte(f.text))
	return err != nil || len(cfg.Doors)+len(cfg.Locks)+len(cfg.Contacts)+len(cfg.Keypads) > 0
}

// try judges the configuration with a section more.
func (f *file) try(s section) error {
	_, err := f.with(s)
	return err
}

// with is the text of the file with a section more.
func (f *file) with(s section) (string, error) {
	text, err := insert(f.text, s)
	if err != nil {
		return "", err
	}
	next, warnings, err := config.ReadBytes(filepath.Base(f.path), []byte(text), f.catalog)
	if err != nil {
		return "", err
	}
	if !only(f.cfg, next, s) {
		return "", fmt.Errorf("%w: it is written in a way that nothing can be added to by itself", ErrFile)
	}
	f.warnings = nil
	for _, w := range warnings {
		if strings.Contains(w.Path, s.id) {
			f.warnings = append(f.warnings, w.What+": "+w.Remedy)
		}
	}
	return text, nil
}

// insert adds a section behind the last one of its group, and touches no other byte.
func insert(text string, s section) (string, error) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1]
	head := -1
	for i, line := range lines {
		if strings.HasPrefix(line, s.group+":") {
			head = i
		}
	}
	if head < 0 {
		return text + "\n" + s.group + ":\n" + s.text, nil
	}
	if rest, _, _ := strings.Cut(strings.TrimPrefix(lines[head], s.group+":"), "#"); strings.TrimSpace(rest) != "" {
		return "", fmt.Errorf("%w: %s: stands on one line; write each of them on lines of its own", ErrFile, s.group)
	}
	end, indent := head+1, ""
	for i := head + 1; i < len(lines); i++ {
		body := strings.TrimRight(lines[i], " \t\r\n")
		if body == "" || strings.HasPrefix(strings.TrimSpace(body), "#") {
			continue // it belongs to what follows
		}
		spaces := body[:len(body)-len(strings.TrimLeft(body, " "))]
		if spaces == "" {
			break
		}
		if indent == "" {
			indent = spaces
		}
		end = i + 1
	}
	added := s.text
	if indent != "" && indent != "  " {
		added = reindent(added, indent)
	}
	return strings.Join(lines[:end], "") + added + strings.Join(lines[end:], ""), nil
}

// reindent gives a section the indent that the others have.
func reindent(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(indent + strings.TrimPrefix(line, "  "))
	}
	return b.String()
}

// write replaces the file in one step and keeps the old one beside it. It says what it kept.
func (f *file) write(s section) (string, error) {
	text, err := f.with(s)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(f.path)
	next, err := f.temporary(folder, text)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(next) }()
	if !f.exists {
		if err := os.Link(next, f.path); err != nil { // which replaces nothing
			return "", fmt.Errorf("%w: %w", ErrFile, err)
		}
		return "It is a new file.", syncFolder(folder)
	}
	now, err := os.ReadFile(f.path)
	if err == nil && string(now) != f.text {
		err = errors.New(f.path + " was changed by somebody else meanwhile; nothing was written")
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrFile, err)
	}
	kept := f.path + ".before-" + time.Now().Format("20060102-150405")
	if err := os.Link(f.path, kept); err != nil {
		return "", fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := os.Rename(next, f.path); err != nil {
		return "", fmt.Errorf("%w: %w", ErrFile, err)
	}
	return "The file as it was is kept in " + kept + ".", syncFolder(folder)
}

// temporary writes the text to a new file in the folder, durably, with the mode and the owner of the old one.
func (f *file) temporary(folder, text string) (string, error) {
	out, err := os.CreateTemp(folder, ".loquet-*.yaml")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrFile, err)
	}
	_, err = out.WriteString(text)
	if info, stat := os.Stat(f.path); stat == nil {
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = out.Chown(int(s.Uid), int(s.Gid)) // only root may; else it is the writer's
		}
	}
	if err = errors.Join(err, out.Chmod(f.mode), out.Sync(), out.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("%w: %w", ErrFile, err), os.Remove(out.Name()))
	}
	return out.Name(), nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
