package gpiolab

import (
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// modulePath is where the guest finds its module.
const modulePath = "/mods/i2c-stub.ko"

// Kinds of files in an archive, with their permissions.
const (
	modeDir  = 0o040755
	modeFile = 0o100755
	modeNode = 0o020600
)

// writeInitramfs packs a cpio archive of the kind "newc" (Linux, Documentation/driver-api/early-userspace).
func writeInitramfs(to string, files map[string][]byte) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	a := archive{w: z}
	dirs := map[string]bool{"dev": true, "proc": true, "sys": true, "tmp": true}
	for name := range files {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) { // a folder comes before what is in it
		a.entry(dir, modeDir, nil, 0, 0)
	}
	a.entry("dev/console", modeNode, nil, 5, 1)
	a.entry("dev/null", modeNode|0o066, nil, 1, 3)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		a.entry(name, modeFile, files[name], 0, 0)
	}
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	if a.err != nil {
		return a.err
	}
	return z.Close()
}

type archive struct {
	w   io.Writer
	ino int
	err error
}

func (a *archive) entry(name string, mode int, data []byte, major, minor int) {
	a.ino++
	var h strings.Builder
	h.WriteString("070701")
	for _, v := range []int{a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0} {
		fmt.Fprintf(&h, "%08x", v)
	}
	h.WriteString(name + "\x00")
	for _, part := range [][]byte{[]byte(h.String()), data} {
		pad := make([]byte, (4-len(part)%4)%4)
		if _, err := a.w.Write(append(part[:len(part):len(part)], pad...)); err != nil {
			a.err = err
		}
	}
}
