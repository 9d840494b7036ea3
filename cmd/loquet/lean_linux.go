package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// span is a piece of this process's memory.
type span struct{ from, to uintptr }

// forgetStart lets go of the pages of the program file that the start has touched, which are most of it. What the
// house goes on with is mapped again when it is used, from memory. Only what nobody has written to is let go
// of: the file still has it.
func forgetStart() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, s := range untouched(f, exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, s.from, s.to-s.from, unix.MADV_DONTNEED) // it stays mapped then
	}
}

// untouched lists the mappings of a file that can be read only and hold nothing of their own (proc(5), smaps).
func untouched(smaps io.Reader, file string) []span {
	var all []span
	var s span
	ours, own := false, false
	end := func() {
		if ours && !own {
			all = append(all, s)
		}
		ours, own = false, false
	}
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		name, isValue := strings.CutSuffix(fields[0], ":")
		if !isValue {
			end()
			var from, to uint64
			n, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to)
			readOnly := len(fields) == 6 && (fields[1] == "r--p" || fields[1] == "r-xp")
			ours = err == nil && n == 2 && readOnly && fields[5] == file
			s = span{uintptr(from), uintptr(to)}
			continue
		}
		switch name {
		case "Anonymous", "Swap", "Locked": // a page that was written to is the process's own: anonymous
			own = own || len(fields) < 2 || fields[1] != "0"
		}
	}
	end()
	return all
}
