package disk

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// mistake is one that the build with the tag "seeded" makes when it is told to, and what must find it.
type mistake struct {
	name   string
	test   string
	images string
	says   string // a part of the complaint
}

func mistakes() []mistake {
	const cuts, faults, slow, kills = "^TestPowerCuts$", "^TestEveryOperationFails$", "^TestRelayNeverWaits$/^150ms$",
		"^TestKilledRightAfterAnIntent$"
	return []mistake{
		{"flush-by-an-empty-transaction", cuts, "200", "was acknowledged more than"},
		{"answered-before-durable", cuts, "200", "space settings:"},
		{"identity-not-synced", cuts, "300", "identity"},
		{"new-identity-on-damage", cuts, "200", "a new"},
		{"numbers-used-again", cuts, "300", "is used again"},
		{"pairable-on-a-torn-record", cuts, "400", "a stranger can pair"},
		{"checkpoint-before-the-relay", slow, "", "the relay waits for the disk"},
		{"full-commit-before-the-relay", slow, "", "the relay waits for the disk"},
		{"sync-tried-again", faults, "", "and is lost"},
		{"ahead-forgotten", kills, "", "was acknowledged"},
	}
}

// TestMistakesAreFound builds this package with mistakes in it and requires that the tests above find each
// of them, and nothing in the same build without. LOQUET_MISTAKES sets how many are tried ("all" of them).
func TestMistakesAreFound(t *testing.T) {
	if os.Getenv("LOQUET_SEEDED") != "" {
		return
	}
	lab.NeedMounts(t)
	binary := filepath.Join(e2e.TempDir(t), "seeded.test")
	build := exec.Command("go", "test", "-c", "-tags", "seeded", "-o", binary, ".")
	build.Dir, build.Env = e2e.Folder(t, "e2e", "chaos", "disk"), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ordinary, err := os.ReadFile(lab.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mistakes() {
		if bytes.Contains(ordinary, []byte(m.name)) {
			t.Errorf("the ordinary build holds %s", m.name)
		}
	}
	try := mistakes()
	if os.Getenv("LOQUET_MISTAKES") != "all" {
		try = try[:1]
	}
	for _, m := range try {
		t.Run(m.name, func(t *testing.T) {
			out, status := runSeeded(t, binary, m.name, m.test, m.images)
			if status == 0 || !strings.Contains(out, m.says) {
				t.Errorf("it was not found (status %d):\n%s", status, out)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if out, status := runSeeded(t, binary, "none", "^TestPowerCuts$", "60"); status != 0 {
			t.Errorf("status %d:\n%s", status, out)
		}
	})
}

func runSeeded(t *testing.T, binary, name, test, images string) (out string, status int) {
	t.Helper()
	var inside []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LOQUET_E2E_") {
			inside = append(inside, v)
		}
	}
	env := append(inside, "LOQUET_SEEDED="+name, "LOQUET_STRIDE="+os.Getenv("LOQUET_STRIDE"))
	if images != "" {
		env = append(env, "LOQUET_IMAGES="+images)
	}
	return e2e.Output(t, e2e.Command{Name: binary, Args: []string{"-test.run", test, "-test.v"}, Env: env}, 10*time.Minute)
}
