package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
)

// identityFormat is the version of the identity file. The file is one line
//
//	loquet identity 1 crc32c=89abcdef length=1234
//
// and then length bytes of JSON: the install id, the generation, and every precious space with its keys
// and its values in base64. The checksum (Castagnoli) covers the format number, as text, and the JSON;
// later formats keep this line, so that a newer file is told from a damaged one.
const identityFormat = 1

const identityLine = "loquet identity %d crc32c=%08x length=%d\n"

// maxIdentity bounds what is read: a file beyond it was not written by us.
const maxIdentity = 16 << 20

// identity is one generation of what must never be lost.
type identity struct {
	Install    string                       `json:"install"`
	Generation int64                        `json:"generation"`
	Begun      bool                         `json:"begun,omitempty"` // the folder is being made: nothing was acknowledged yet
	Holes      []string                     `json:"holes,omitempty"` // spaces of which records were lost
	Spaces     map[string]map[string][]byte `json:"spaces"`
}

func castagnoli(data ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the library keeps this one
	sum := uint32(0)
	for _, d := range data {
		sum = crc32.Update(sum, table, d)
	}
	return sum
}

func (id *identity) encode() ([]byte, error) {
	body, err := json.MarshalIndent(id, "", " ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	line := fmt.Appendf(nil, identityLine, identityFormat, identitySum(identityFormat, body), len(body))
	return append(line, body...), nil
}

// decodeIdentity reads an identity file. Whatever is not exactly as it was written is an error.
func decodeIdentity(path string, data []byte) (*identity, error) {
	line, body, found := bytes.Cut(data, []byte("\n"))
	var format, length int
	var sum uint32
	_, err := fmt.Sscanf(string(line)+"\n", identityLine, &format, &sum, &length)
	if !found || err != nil {
		return nil, damaged(path, "its first line is not that of an identity", nil)
	}
	if length != len(body) {
		return nil, damaged(path, fmt.Sprintf("%d bytes instead of %d", len(body), length), nil)
	}
	if identitySum(format, body) != sum {
		return nil, damaged(path, "its checksum does not match", nil)
	}
	if format > identityFormat {
		return nil, newer(path, format, identityFormat)
	}
	id := &identity{}
	if err := json.Unmarshal(body, id); err != nil {
		return nil, damaged(path, "its text cannot be read", err)
	}
	if id.Install == "" || id.Generation < 1 || id.Spaces == nil {
		return nil, damaged(path, "it names no install", nil)
	}
	for name, rows := range id.Spaces {
		if rows == nil {
			id.Spaces[name] = map[string][]byte{}
		}
	}
	return id, nil
}

func identitySum(format int, body []byte) uint32 {
	return castagnoli(strconv.AppendInt(nil, int64(format), 10), body)
}

// slot is one of the two files.
type slot struct {
	path string
	id   *identity // nil when missing or damaged
	err  error     // why it is damaged; nil when it is missing
}

// generations are the two identity files. They are written by one goroutine at a time.
type generations struct {
	disk  disk
	temp  string
	slots [2]slot
}

func readGenerations(d disk, dir string) *generations {
	g := &generations{disk: d, temp: filepath.Join(dir, fileIdentityT)}
	var text []byte // of the first: mostly the second says the same, and then it is read but not gone through again
	for i, name := range []string{fileIdentityA, fileIdentityB} {
		g.slots[i], text = readSlot(filepath.Join(dir, name), g.slots[0].id, text)
	}
	return g
}

// readSlot reads one file. same is what is known to be in a file with that text.
func readSlot(path string, same *identity, text []byte) (s slot, data []byte) {
	s = slot{path: path}
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil && st.Size() > maxIdentity {
		err = damaged(path, "it is too large", nil)
	}
	if err != nil {
		s.err = err
		return s, nil
	}
	data, err = os.ReadFile(path)
	if err != nil {
		s.err = damaged(path, "it cannot be read", err)
		return s, nil
	}
	if same != nil && bytes.Equal(data, text) {
		s.id = same
		return s, data
	}
	s.id, s.err = decodeIdentity(path, data)
	return s, data
}

// err returns why a file is damaged, if one is.
func (g *generations) err() error { return errors.Join(g.slots[0].err, g.slots[1].err) }

// newest returns the newest readable generation of an install; of any install when it is empty.
func (g *generations) newest(install string) *identity {
	var best *identity
	for _, s := range g.slots {
		if s.id == nil || (install != "" && s.id.Install != install) {
			continue
		}
		if best == nil || s.id.Generation > best.Generation {
			best = s.id
		}
	}
	return best
}

// prepare writes the next generation beside the two files, where it does not count yet.
func (g *generations) prepare(id *identity) error {
	data, err := id.encode()
	if err != nil {
		return err
	}
	return g.disk.writeTemp(g.temp, data)
}

// publish makes the prepared generation count, in place of the older one.
func (g *generations) publish(id *identity) error {
	s := &g.slots[g.oldest(id.Install)]
	if err := g.disk.publish(g.temp, s.path); err != nil {
		return err
	}
	s.id, s.err = id, nil
	return nil
}

// oldest says which file is the less worth keeping for an install.
func (g *generations) oldest(install string) int {
	worth := func(s slot) int64 {
		if s.id == nil || s.id.Install != install {
			return 0
		}
		return s.id.Generation
	}
	if worth(g.slots[1]) < worth(g.slots[0]) {
		return 1
	}
	return 0
}

// write makes both files say the same. It is what an acknowledged change is followed by, so that the
// loss of either file loses nothing.
func (g *generations) write(id *identity) error {
	for range g.slots {
		if g.level(id.Install, id.Generation) {
			break
		}
		if err := g.prepare(id); err != nil {
			return err
		}
		if err := g.publish(id); err != nil {
			return err
		}
	}
	return nil
}

// level reports whether both files hold this generation.
func (g *generations) level(install string, generation int64) bool {
	for _, s := range g.slots {
		if s.id == nil || s.id.Install != install || s.id.Generation != generation {
			return false
		}
	}
	return true
}

// discard removes a prepared generation that will not count.
func (g *generations) discard() error { return ignoreMissing(g.disk.remove(g.temp)) }
