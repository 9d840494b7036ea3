package forgetful

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Style is how a power cut forgets.
type Style uint8

// Styles.
const (
	Nothing Style = iota // of what is not durable, nothing is left
	All                  // everything is left: the process was killed, the power stayed
	Ordered              // the first operations are left, and a part of the next
	Pages                // any content that a page has had since, page by page
	Sectors              // the same by sectors: pages are torn
	styles
)

func (s Style) String() string {
	return [...]string{"nothing", "all", "ordered", "pages", "sectors"}[s]
}

// StyleOf is the style of the image of a seed.
func StyleOf(seed uint64) Style { return Style(seed % uint64(styles)) }

const (
	sector = 512
	page   = 4096
)

// Image is what a disk may hold after a power cut: files by their path, and folders.
type Image struct {
	files map[string]content
	dirs  []string
}

type content struct {
	data []byte
	size int64
}

// Image returns what the disk may hold if the power is cut now. The seed decides: the same one gives the
// same image.
func (r *Replay) Image(seed uint64) *Image {
	cut := cutter{random: rand.New(rand.NewPCG(seed, uint64(r.at))), style: StyleOf(seed)}
	if cut.style == Ordered {
		cut.upto = r.first() + cut.random.IntN(r.at-r.first()+1)
	}
	out := &Image{files: map[string]content{}}
	r.collect(out, &cut, r.log.Root, "")
	return out
}

// first is the oldest operation that is not durable.
func (r *Replay) first() int {
	first := r.at
	for _, f := range r.files {
		if len(f.pending) > 0 {
			first = min(first, f.pending[0].at)
		}
	}
	for _, d := range r.dirs {
		if len(d.pending) > 0 {
			first = min(first, d.pending[0].at)
		}
	}
	return first
}

func (r *Replay) collect(out *Image, cut *cutter, folder uint64, path string) {
	names := cut.names(r.dirs[folder])
	for _, name := range sorted(names) {
		inode, full := names[name], filepath.Join(path, name)
		if r.dirs[inode] != nil {
			out.dirs = append(out.dirs, full)
			r.collect(out, cut, inode, full)
		} else if f := r.files[inode]; f != nil {
			out.files[full] = cut.file(f)
		}
	}
}

// cutter decides for one image what is left.
type cutter struct {
	random *rand.Rand
	style  Style
	upto   int // of Ordered: operations before it are left
}

// names returns the names that a folder holds.
func (c *cutter) names(d *dir) map[string]uint64 {
	names := d.clone()
	for _, p := range d.pending {
		keep, how := true, done
		switch c.style {
		case Nothing:
			keep = false
		case Ordered:
			keep = p.at < c.upto
		case Pages, Sectors:
			keep = c.random.IntN(2) == 0
			if c.random.IntN(4) == 0 {
				how = half
			}
		}
		if keep {
			p.enter(names, how)
		}
	}
	return names
}

// file returns what is left of a file.
func (c *cutter) file(f *file) content {
	switch c.style {
	case Nothing:
		return content{slices.Clone(f.data), f.size}
	case All:
		return f.after(len(f.pending))
	case Ordered:
		n := 0
		for n < len(f.pending) && f.pending[n].at < c.upto {
			n++
		}
		left := f.after(n)
		if n < len(f.pending) && f.pending[n].at == c.upto && f.pending[n].Kind == Write {
			left = c.torn(left, f.pending[n])
		}
		return left
	case Pages:
		return c.mixed(f, page)
	}
	return c.mixed(f, sector)
}

// after is the content after so many of the operations that are not durable.
func (f *file) after(n int) content {
	out := content{slices.Clone(f.data), f.size}
	for _, p := range f.pending[:n] {
		out.data, out.size = p.apply(out.data, out.size)
	}
	return out
}

// torn carries out a part of a write: some of its sectors.
func (c *cutter) torn(was content, p change) content {
	for from := p.Off; from < p.Off+int64(len(p.Data)); {
		to := min((from/sector+1)*sector, p.Off+int64(len(p.Data)))
		if c.random.IntN(2) == 0 {
			was.data, was.size = write(was.data, was.size, from, p.Data[from-p.Off:to-p.Off])
		}
		from = to
	}
	return was
}

// mixed takes for each unit of the file one of the contents that it has had since it was durable, and for
// the file one of its lengths. Where the file was cut shorter, that has happened or it has not: what was
// taken away is not back in parts, and what came later is not there before.
func (c *cutter) mixed(f *file, unit int64) content {
	begin, end := c.age(f)
	if end == 0 {
		return content{slices.Clone(f.data), f.size}
	}
	units := map[int64]bool{}
	for _, p := range f.pending[:end] {
		if p.Kind == Write {
			for u := p.Off / unit; u*unit < p.Off+int64(len(p.Data)); u++ {
				units[u] = true
			}
		}
	}
	out := content{data: slices.Clone(f.data)}
	for _, p := range f.pending[:begin] {
		if p.Kind == Truncate {
			out.data, _ = truncate(out.data, p.Off)
		}
	}
	for _, u := range sorted(units) {
		out.data, _ = write(out.data, 0, u*unit, f.unit(u*unit, (u+1)*unit, c.random.IntN(end+1), begin))
	}
	out.size = f.length(begin + c.random.IntN(end-begin+1))
	out.data, _ = truncate(out.data, out.size)
	return out
}

// age chooses how many of the cuts of a file have happened. Of the operations that are not durable, those
// before begin lead to the last of them, and those from end on come after the next.
func (c *cutter) age(f *file) (begin, end int) {
	bounds := []int{0}
	size := f.size
	for i, p := range f.pending {
		if p.Kind == Truncate {
			if p.Off < size {
				bounds = append(bounds, i+1)
			}
			size = p.Off
		}
		size = max(size, p.Off+int64(len(p.Data)))
	}
	n := c.random.IntN(len(bounds))
	if n == len(bounds)-1 {
		return bounds[n], len(f.pending)
	}
	return bounds[n], bounds[n+1] - 1
}

// unit is a part of the file after n operations, and after the cuts before another one.
func (f *file) unit(from, to int64, n, cuts int) []byte {
	out := make([]byte, to-from)
	if from < int64(len(f.data)) {
		copy(out, f.data[from:])
	}
	for i, p := range f.pending[:max(n, cuts)] {
		if p.Kind == Truncate {
			if p.Off < to {
				clear(out[max(p.Off, from)-from:])
			}
			continue
		}
		begin, end := max(p.Off, from), min(p.Off+int64(len(p.Data)), to)
		if begin < end && i < n {
			copy(out[begin-from:end-from], p.Data[begin-p.Off:])
		}
	}
	return out
}

// length is how long the file is after so many operations.
func (f *file) length(n int) int64 {
	size := f.size
	for _, p := range f.pending[:n] {
		if p.Kind == Truncate {
			size = p.Off
		} else {
			size = max(size, p.Off+int64(len(p.Data)))
		}
	}
	return size
}

// Write lays the image out in a folder, which must be empty.
func (i *Image) Write(folder string) error {
	for _, path := range i.dirs {
		if err := os.Mkdir(filepath.Join(folder, path), 0o700); err != nil {
			return err
		}
	}
	for path, c := range i.files {
		full := filepath.Join(folder, path)
		if err := errors.Join(os.WriteFile(full, c.data, 0o600), os.Truncate(full, c.size)); err != nil {
			return fmt.Errorf("the image: %w", err)
		}
	}
	return nil
}

// Files returns the paths of the image's files with their lengths.
func (i *Image) Files() map[string]int64 {
	out := map[string]int64{}
	for path, c := range i.files {
		out[path] = c.size
	}
	return out
}
