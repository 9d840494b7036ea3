package wire

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/loquet/loquet/config"
)

// section is the text of one device.
type section struct {
	group string // doors or locks
	id    string
	text  string // indented as an entry of the group
}

// named is what a device is called.
type named struct{ id, name string }

// sample stands for a device that has no name yet.
var sample = named{"new-door-0", "New door"}

func (t *talk) section(n named) section {
	s := section{group: "doors", id: n.id}
	lines := []string{
		"  " + n.id + ":",
		"    name: " + quoted(n.name),
		fmt.Sprintf("    opener: {driver: lines, relay: %q, pulse: %v}", t.relay, t.kind.pulse()),
		fmt.Sprintf("    closed: %q", t.contact),
	}
	if t.kind == strike {
		s.group = "locks"
		lines = lines[:2]
		lines = append(lines, fmt.Sprintf("    bolt: {driver: strike, relay: %q, hold: 5s}", t.relay))
		if t.contact != "" {
			lines = append(lines, fmt.Sprintf("    door: %q", t.contact))
		}
	}
	s.text = strings.Join(lines, "\n") + "\n"
	return s
}

// quoted is a name as YAML takes it, whatever is in it.
func quoted(name string) string { return fmt.Sprintf("%q", name) }

// write names the device and changes the file.
func (t *talk) write(ctx context.Context) error {
	var s section
	for {
		name, err := t.ask(ctx, "\nWhat is the door called? People say it to Siri: for example Garage.")
		if err != nil {
			return err
		}
		s = t.section(named{t.file.free(idOf(name)), name})
		if err := t.file.try(s); err != nil {
			t.say("That cannot be:\n%s", problems(err))
			continue
		}
		break
	}
	t.say("\nThis goes into %s:\n\n%s:\n%s", t.Path, s.group, s.text)
	for _, w := range t.file.warnings {
		t.say("  %s", w)
	}
	ok, err := t.yes(ctx, "Write it?")
	if err != nil || !ok {
		t.say("Nothing was written. The lines above are yours to copy.")
		return err
	}
	kept, err := t.file.write(s)
	if err != nil {
		return err
	}
	t.say("Written. %s", kept)
	t.say("\nWhat this could not find out: whether photo-eyes and edges work, whether the door is balanced, how the opener")
	t.say("takes a press while it moves, and whether it does all this tomorrow. The door opens from afar; it closes from afar")
	t.say("only if you add kind: and remote_close: (docs/configuration.md), which is for you to judge.")
	t.say("Then: loquet check %s, and start the bridge.", t.Path)
	return nil
}

// idOf makes an id of a name.
func idOf(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	id := strings.Trim(b.String(), "-")
	if len(id) > 24 {
		id = strings.TrimRight(id[:24], "-")
	}
	if id == "" {
		id = "door"
	}
	return id
}

// free is the id, or the first with a number behind it that no device has.
func (f *file) free(id string) string {
	ids := f.ids()
	for try, n := id, 2; ; n++ {
		if !slices.Contains(ids, try) {
			return try
		}
		try = fmt.Sprintf("%s-%d", id, n)
	}
}

func (f *file) ids() []string {
	if f.cfg == nil {
		return nil
	}
	var ids []string
	for _, d := range f.cfg.Doors {
		ids = append(ids, d.ID)
	}
	for _, l := range f.cfg.Locks {
		ids = append(ids, l.ID)
	}
	for _, c := range f.cfg.Contacts {
		ids = append(ids, c.ID)
	}
	for _, k := range f.cfg.Keypads {
		ids = append(ids, k.ID)
	}
	for _, b := range f.cfg.Boards {
		ids = append(ids, b.ID)
	}
	return ids
}

// only says that next is the configuration before with one device more, and nothing else.
func only(before, next *config.Config, s section) bool {
	if before == nil {
		return true
	}
	c := config.Diff(before, next)
	return len(c.Settings)+len(c.Restart) == 0 && len(c.Devices) == 1 && c.Devices[0].Kind == config.Added && c.Devices[0].Device == s.id
}
