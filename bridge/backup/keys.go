package backup

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// keyName is what key files are called: that for PINs, and those of readers on encrypted lines. Without the
// first, no code in the database opens anything.
func keyName(name string) bool {
	return regexp.MustCompile(`^(codes|reader-[a-z0-9-]{1,32})\.key$`).MatchString(name)
}

const (
	codesKey = "codes.key"
	mostKey  = 4 << 10
	mostKeys = 10_000
)

// keysIn lists the key files of a folder, sorted.
func keysIn(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range paths {
		if name := filepath.Base(path); keyName(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// copyKeys copies the key files. One that goes meanwhile was replaced or taken away: it is left out.
func copyKeys(from, to string) error {
	names, err := keysIn(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
