package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// Load reads and parses a file. See Parse.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), data)
}

// Parse reads a configuration: the YAML, its fields, and the kinds of their values. The rules of a
// house stand in Check. Name is the file's name in messages. An error is of type Errors.
func Parse(name string, data []byte) (*Config, error) {
	c, found := parse(name, data)
	if err := found.errors(); err != nil {
		return nil, err
	}
	return c, nil
}

// Read loads a file and checks it against what this build can do. All that is wrong is in the one
// error, of type Errors unless the file could not be read; warnings come with and without it.
func Read(path string, catalog Catalog) (*Config, []Finding, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	return ReadBytes(filepath.Base(path), data, catalog)
}

// ReadBytes is Read for a text that is in memory already.
func ReadBytes(name string, data []byte, catalog Catalog) (*Config, []Finding, error) {
	c, found := parse(name, data)
	if c == nil {
		return nil, nil, found.errors()
	}
	c.bad = make(map[string]bool)
	for _, f := range found {
		c.bad[f.Path] = true
	}
	found = append(found, c.check(catalog)...)
	found.sort()
	if err := found.errors(); err != nil {
		return nil, found.warnings(), err
	}
	return c, found.warnings(), nil
}

// parse returns what could be understood along with everything that could not. The configuration
// is nil when the YAML itself is broken.
func parse(name string, data []byte) (*Config, findings) {
	src := newSource(name, data)
	root, found := parseTree(src)
	if root == nil {
		return nil, found
	}
	c := &Config{src: src, root: root}
	d := decoder{src: src, found: found}
	d.decode(root, reflect.ValueOf(c).Elem(), "")
	d.found.sort()
	return c, d.found
}

// readFile reads at most a byte more than is allowed, whatever the path leads to.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 2*maxSize))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return data, nil
}
