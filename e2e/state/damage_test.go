package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// pageSize is that of the databases.
const pageSize = 4096

// hurt is a golden folder to which something has happened.
type hurt struct {
	golden *golden
	name   string
	files  folder
	// lost: nothing of the identity is left, so that the bridge must not start.
	lost bool
	// wait: the bridge is left alone for a while first, as what it does beside the work comes later.
	wait bool
}

func (h hurt) String() string { return h.golden.name + ": " + h.name }

// change is one thing that can happen to a file.
type change struct {
	name       string
	do         func(f file) (file, bool) // false: the file is gone
	headerOnly bool                      // of a database: what it says is whole, and how it is to be used is not
}

// headerSize is that of a database (sqlite.org/fileformat2.html, 1.3).
const headerSize = 100

func gone() change {
	return change{name: "missing", do: func(file) (file, bool) { return file{}, false }}
}

func emptied() change {
	return change{name: "emptied", do: func(file) (file, bool) { return file{}, true }}
}

func overwritten() change {
	return change{name: "overwritten with text", do: func(file) (file, bool) {
		return file{data: []byte(strings.Repeat("all work and no play\n", 500))}, true
	}}
}

func replacedByFolder() change {
	return change{name: "replaced by a folder", do: func(file) (file, bool) { return file{dir: true}, true }}
}

func cutAt(n int) change {
	return change{name: fmt.Sprintf("cut to %d bytes", n), do: func(f file) (file, bool) {
		return file{data: f.data[:min(n, len(f.data))]}, true
	}}
}

func flipped(bit int) change {
	return change{name: fmt.Sprintf("bit %d of byte %d flipped", bit%8, bit/8), headerOnly: bit < 8*headerSize, do: func(f file) (file, bool) {
		data := slices.Clone(f.data)
		data[bit/8] ^= 1 << (bit % 8)
		return file{data: data}, true
	}}
}

func zeroed(from, to int) change {
	return change{name: fmt.Sprintf("bytes %d to %d zeroed", from, to), do: func(f file) (file, bool) {
		data := slices.Clone(f.data)
		clear(data[from:min(to, len(data))])
		return file{data: data}, true
	}}
}

// cuts are the lengths that hurt: next to nothing, inside of headers and pages, all but one byte.
func cuts(size int) []change {
	lengths := []int{1, 16, 100, 512, size / 4, size / 2, size - 1}
	for page := pageSize; page < size; page += pageSize {
		lengths = append(lengths, page, page+100)
	}
	slices.Sort(lengths)
	var all []change
	for _, n := range slices.Compact(lengths) {
		if n > 0 && n < size {
			all = append(all, cutAt(n))
		}
	}
	return all
}

// flips are n different bits of a file, a quarter of them in its first 160 bytes, where headers are.
func flips(random *rand.Rand, size, n int) []change {
	bits := map[int]bool{}
	for len(bits) < min(n, size*8) {
		within := size
		if len(bits) < n/4 {
			within = min(size, 160)
		}
		if len(bits) == within*8 {
			break
		}
		bits[random.IntN(within*8)] = true
	}
	all := make([]change, 0, len(bits))
	for _, bit := range slices.Sorted(maps.Keys(bits)) {
		all = append(all, flipped(bit))
	}
	return all
}

// zeroedPages are up to n pages, the first among them.
func zeroedPages(random *rand.Rand, size, n int) []change {
	pages := (size + pageSize - 1) / pageSize
	chosen := random.Perm(pages)
	slices.SortFunc(chosen, func(a, b int) int { // the first page is always tried
		return min(a, 1) - min(b, 1)
	})
	var all []change
	for _, p := range chosen[:min(n, pages)] {
		all = append(all, zeroed(p*pageSize, (p+1)*pageSize))
	}
	return all
}

// changes are all that is tried on one file.
func changes(random *rand.Rand, name string, f file, many int) []change {
	if f.socket {
		return []change{gone(), emptied(), replacedByFolder()}
	}
	all := []change{gone(), overwritten(), replacedByFolder()}
	if len(f.data) == 0 {
		return all
	}
	all = append(all, emptied())
	if name == "reserve" {
		return append(all, cutAt(1), cutAt(len(f.data)/2))
	}
	all = append(all, cuts(len(f.data))...)
	all = append(all, zeroedPages(random, len(f.data), 4)...)
	return append(all, flips(random, len(f.data), many)...)
}

// one applies a change to one file of a golden folder.
func (g *golden) one(name string, c change) hurt {
	h := hurt{golden: g, name: name + " " + c.name, files: maps.Clone(g.files)}
	h.apply(name, c)
	return h
}

func (h *hurt) apply(name string, c change) {
	changed, there := c.do(h.files[name])
	if there {
		h.files[name] = changed
	} else {
		delete(h.files, name)
	}
}

// several applies a change to each of some files.
func (g *golden) several(what string, c change, names ...string) hurt {
	h := hurt{golden: g, name: what + " " + c.name, files: maps.Clone(g.files)}
	for _, name := range names {
		h.apply(name, c)
	}
	return h
}

// Files that belong together.
func databaseFiles() []string { return []string{"loquet.db", "loquet.db-wal"} }
func journalFiles() []string  { return []string{"journal.db", "journal.db-wal", "journal.db-shm"} }
func identityFiles() []string { return []string{"identity.a", "identity.b"} }

// together returns the cases in which more than one file is hurt.
func (g *golden) together() []hurt {
	var all []hurt
	add := func(lost bool, what string, names ...[]string) {
		for _, c := range []change{gone(), emptied(), overwritten(), flipped(8*700 + 3)} {
			var there []string
			for _, name := range slices.Concat(names...) {
				f, ok := g.files[name]
				if ok && !f.socket && (len(f.data) > 1000 || c.name == gone().name) {
					there = append(there, name)
				}
			}
			h := g.several(what, c, there...)
			h.lost = lost && c.name != flipped(8*700+3).name
			all = append(all, h)
		}
	}
	add(false, "both identities", identityFiles())
	add(false, "database", databaseFiles())
	add(false, "journal", journalFiles())
	add(false, "database and identity.a", databaseFiles(), []string{"identity.a"})
	add(false, "database and identity.b", databaseFiles(), []string{"identity.b"})
	add(false, "database and journal", databaseFiles(), journalFiles())
	add(false, "journal and both identities", journalFiles(), identityFiles())
	add(false, "all but identity.a", databaseFiles(), journalFiles(), []string{"identity.b", "reserve"})
	add(false, "all but identity.b", databaseFiles(), journalFiles(), []string{"identity.a", "reserve"})
	add(true, "database and both identities", databaseFiles(), identityFiles())
	add(true, "all but the journal", databaseFiles(), identityFiles(), []string{"reserve"})
	add(true, "all but the reserve", databaseFiles(), identityFiles(), journalFiles())
	return all
}

// pairs are n draws of two files with a change each, of which one is a whole database or identity.
func (g *golden) pairs(random *rand.Rand, n int) []hurt {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		if f := g.files[name]; !f.socket && len(f.data) > 0 && name != "reserve" {
			names = append(names, name)
		}
	}
	all := make([]hurt, n)
	for i := range all {
		h := hurt{golden: g, files: maps.Clone(g.files)}
		for k, at := range random.Perm(len(names))[:2] {
			name := names[at]
			these := changes(random, name, g.files[name], 8)
			c := these[random.IntN(len(these))]
			h.apply(name, c)
			if k > 0 {
				h.name += ", "
			}
			h.name += name + " " + c.name
		}
		all[i] = h
	}
	return all
}

// matrix is all damage that is tried: many flips a file, and as many pairs.
func (g *golden) matrix(random *rand.Rand, many int) []hurt {
	var all []hurt
	for _, name := range slices.Sorted(maps.Keys(g.files)) {
		for _, c := range changes(random, name, g.files[name], many) {
			h := g.one(name, c)
			h.wait = strings.HasSuffix(name, ".db") && c.headerOnly
			all = append(all, h)
		}
	}
	all = append(all, g.together()...)
	return append(all, g.pairs(random, many/2)...)
}
