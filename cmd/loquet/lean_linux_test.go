package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const smaps = `00400000-00d2e000 r-xp 00000000 fe:00 100 /usr/bin/loquet
Rss:                8380 kB
Private_Clean:      8000 kB
Private_Dirty:       380 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
00d2e000-01500000 r--p 0092e000 fe:00 100 /usr/bin/loquet
Private_Dirty:         4 kB
Anonymous:             4 kB
01500000-01580000 rw-p 01100000 fe:00 100 /usr/bin/loquet
Private_Dirty:         0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Private_Dirty:      4096 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 101 /usr/bin/loquet-other
Private_Dirty:         0 kB
7f0000002000-7f0000003000 r--s 00000000 fe:00 100 /usr/bin/loquet
Private_Dirty:         0 kB
7f0000004000-7f0000005000 r--p 00004000 fe:00 100 /usr/bin/loquet
Private_Dirty:         0 kB
Anonymous:             0 kB
`

// TestOnlyWhatTheFileHasIsLetGoOf: pages with something of their own would be lost.
func TestOnlyWhatTheFileHasIsLetGoOf(t *testing.T) {
	got := untouched(strings.NewReader(smaps), "/usr/bin/loquet")
	want := []span{{0x400000, 0xd2e000}, {0x7f0000004000, 0x7f0000005000}}
	if !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := untouched(strings.NewReader("nothing\n\nof: the kind\n1-2\n"), "/usr/bin/loquet"); len(got) > 0 {
		t.Errorf("%x", got)
	}
}

// TestTheProgramGoesOn without what it had of its file.
func TestTheProgramGoesOn(t *testing.T) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if got := untouched(f, exe); len(got) < 2 {
		t.Errorf("%d mappings of %s, at least its code and its constants are expected", len(got), exe)
	}
	forgetStart()
	if !strings.Contains(strings.Repeat("as before ", 3), "before as") {
		t.Error("it is not the same any more")
	}
}
