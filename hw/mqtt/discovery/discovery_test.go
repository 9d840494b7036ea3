package discovery_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/hw/mqtt/discovery"
)

var update = flag.Bool("update", false, "write the golden files anew")

// announcements are the fixtures: the first line is the topic, the rest the message.
func announcements(t testing.TB) map[string][2]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.msg")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	out := map[string][2]string{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		topic, message, _ := strings.Cut(string(data), "\n")
		out[file] = [2]string{topic, message}
	}
	return out
}

// accepted reports what the configuration says to a section.
func accepted(section string) error {
	_, _, err := config.ReadBytes("section", []byte("home: {name: Villa Rose}\nmqtt: {listen: \":1883\"}\n"+section), catalog.Of())
	return err
}

// filled reports what the configuration says to what the owner makes of a section: that of a relay is refused, for the
// one reason that auto_off is missing, until he fills that in.
func filled(c discovery.Candidate) error {
	if c.Kind != "relay" {
		return accepted(c.Section)
	}
	err := accepted(c.Section)
	var found config.Errors
	if !errors.As(err, &found) || len(found) != 1 || !strings.HasSuffix(found[0].Path, ".auto_off") {
		return fmt.Errorf("without auto_off: %w", err)
	}
	return accepted(strings.Replace(c.Section, "# auto_off: 1s", "auto_off: 1s", 1))
}

// What becomes of each announcement stands in its golden file: a section that the configuration takes, or why not.
func TestAnnouncements(t *testing.T) {
	for file, a := range announcements(t) {
		c, ok := discovery.Parse("homeassistant", a[0], []byte(a[1]))
		if !ok {
			t.Errorf("%s is nothing", file)
			continue
		}
		got := c.ID + " " + c.Kind + " " + c.Name + "\n" + c.Section
		if c.Section == "" {
			got += "refused: " + c.Why + "\ninstead: " + c.Remedy + "\n"
		} else if err := filled(c); err != nil {
			t.Errorf("%s: %v\n%s", file, err, c.Section)
		}
		golden := strings.TrimSuffix(file, ".msg") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || string(want) != got {
			t.Errorf("%s (%v):\n%s\nwant:\n%s", file, err, got, want)
		}
	}
}

// Topics that are none of it.
func TestTopics(t *testing.T) {
	for _, topic := range []string{"", "homeassistant/cover/a", "homeassistant/cover/config", "homeassistant/cover/a/b/c/config", "other/cover/a/config",
		"homeassistant/light/a/config", "homeassistant/cover/a b/config", "homeassistant/cover/" + strings.Repeat("a", 65) + "/config", "homeassistant/cover//config"} {
		if c, ok := discovery.Parse("homeassistant", topic, []byte("{}")); ok {
			t.Errorf("%s: %+v", topic, c)
		}
	}
}

// Whatever is announced, what comes out is a section that the configuration takes, or a reason with a remedy; it
// is short, and holds nothing but the one device.
func FuzzParse(f *testing.F) {
	for _, a := range announcements(f) {
		f.Add(strings.Split(a[0], "/")[1], []byte(a[1]))
	}
	f.Add("cover", []byte(strings.Repeat("[", 20_000)))
	f.Add("lock", []byte(`{"~":"a","cmd_t":"~/x\ny","stat_t":"~/s"}`))
	f.Fuzz(func(t *testing.T, component string, data []byte) {
		c, ok := discovery.Parse("homeassistant", "homeassistant/"+component+"/thing/config", data)
		if !ok {
			return
		}
		if c.Section == "" {
			if c.Why == "" || c.Remedy == "" || len(c.Why) > 600 {
				t.Errorf("%+v", c)
			}
			return
		}
		if !slices.Contains([]string{"door", "lock", "contact", "relay"}, c.Kind) || len(c.Section) > 16<<10 {
			t.Errorf("%+v", c)
		}
		if err := filled(c); err != nil {
			t.Errorf("%v\n%s", err, c.Section)
		}
	})
}
