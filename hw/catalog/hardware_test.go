package catalog_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/catalog"
)

const folder = "../../docs/hardware"

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each driver of this build has a row in the list of pages, and each page that the list names is there.
func TestEachDriverHasAPage(t *testing.T) {
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|(.*)$").FindAllStringSubmatch(page(t, "README.md"), -1) {
		rows[m[1]] = m[2]
	}
	var drivers []string
	drivers = slices.AppendSeq(drivers, all.Openers().Names())
	drivers = slices.AppendSeq(drivers, all.Bolts().Names())
	drivers = slices.AppendSeq(drivers, all.Sensors().Names())
	drivers = slices.AppendSeq(drivers, all.Boards().Names())
	drivers = slices.AppendSeq(drivers, all.Keypads().Names())
	for _, driver := range drivers {
		pages := regexp.MustCompile(`\]\(([a-z0-9]+\.md)\)`).FindAllStringSubmatch(rows[driver], -1)
		if len(pages) == 0 {
			t.Errorf("docs/hardware/README.md has no page for the driver %s: add a row", driver)
		}
		for _, p := range pages {
			if !strings.Contains(page(t, p[1]), "`"+driver+"`") && driver != catalog.Pins {
				t.Errorf("docs/hardware/%s does not name the driver %s", p[1], driver)
			}
		}
	}
	for driver := range rows {
		if !slices.Contains(drivers, driver) {
			t.Errorf("docs/hardware/README.md has a row for %s, which this build does not have", driver)
		}
	}
}

// Each page has a picture and a configuration that loquet takes, without a warning about what is in it.
func TestPages(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		text := page(t, name)
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(folder, link[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name == "README.md" {
			continue
		}
		if picture := "![Wiring](" + strings.TrimSuffix(name, ".md") + ".svg)"; name != "sim.md" && !strings.Contains(text, picture) {
			t.Errorf("%s has no picture", name)
		}
		configurations(t, name, text)
	}
	configurations(t, "homeassistant.md", page(t, "../homeassistant.md"))
}

// configurations requires that loquet takes each one in a page.
func configurations(t *testing.T, name, text string) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1)
	if len(blocks) == 0 {
		t.Errorf("%s has no configuration", name)
	}
	for _, block := range blocks {
		if _, _, err := config.ReadBytes(name, []byte(block[1]), catalog.Of()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The pictures are well-formed, say what they show, can be read in the light and in the dark, and fetch nothing.
func TestPictures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder, "*.svg"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	texts, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var pages strings.Builder
	for _, file := range texts {
		pages.WriteString(page(t, filepath.Base(file)))
	}
	for _, file := range files {
		name := filepath.Base(file)
		text := page(t, name)
		elements := map[string]int{}
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e, ok := token.(xml.StartElement); ok {
				elements[e.Name.Local]++
				for _, a := range e.Attr {
					if a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") {
						t.Errorf("%s: <%s %s>", name, e.Name.Local, a.Name.Local)
					}
				}
			}
		}
		if elements["svg"] != 1 || elements["title"] != 1 || elements["desc"] != 1 || elements["script"]+elements["image"]+elements["foreignObject"] != 0 {
			t.Errorf("%s: %v", name, elements)
		}
		if !strings.Contains(text, "prefers-color-scheme: dark") || !strings.Contains(text, `class="bg"`) || !strings.Contains(text, "viewBox") {
			t.Errorf("%s is made for one background", name)
		}
		if !strings.Contains(pages.String(), "("+name+")") {
			t.Errorf("no page shows %s", name)
		}
	}
}
