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
	stride string // one operation in so many fails, if not as LOQUET_STRIDE says
}

func mistakes() []mistake {
	const cuts, faults, slow, kills = "^TestPowerCuts$", "^TestEveryOperationFails$", "^TestRelayNeverWaits$/^150ms$",
		"^TestKilledRightAfterAnIntent$"
	return []mistake{
		{name: "flush-by-an-empty-transaction", test: cuts, images: "200", says: "was acknowledged more than"},
		{name: "answered-before-durable", test: cuts, images: "200", says: "space settings:"},
		{name: "identity-not-synced", test: cuts, images: "300", says: "identity"},
		{name: "new-identity-on-damage", test: cuts, images: "200", says: "a new"},
		{name: "numbers-used-again", test: cuts, images: "300", says: "is used again"},
		{name: "pairable-on-a-torn-record", test: cuts, images: "400", says: "a stranger can pair"},
		{name: "checkpoint-before-the-relay", test: slow, says: "the relay waits for the disk"},
		{name: "full-commit-before-the-relay", test: slow, says: "the relay waits for the disk"},
		{name: "sync-tried-again", test: faults, says: "and is lost"},
		{name: "holes-trusted", test: faults + "/-sync-ever$", says: "after a power cut", stride: "2"},
		{name: "ahead-forgotten", test: kills, says: "was acknowledged"},
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
			out, status := runSeeded(t, binary, m)
			if status == 0 || !strings.Contains(out, m.says) {
				t.Errorf("it was not found (status %d):\n%s", status, out)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		if out, status := runSeeded(t, binary, mistake{name: "none", test: "^TestPowerCuts$", images: "60"}); status != 0 {
			t.Errorf("status %d:\n%s", status, out)
		}
	})
}

func runSeeded(t *testing.T, binary string, m mistake) (out string, status int) {
	t.Helper()
	var env []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LOQUET_E2E_") {
			env = append(env, v)
		}
	}
	if m.stride == "" {
		m.stride = os.Getenv("LOQUET_STRIDE")
	}
	env = append(env, "LOQUET_SEEDED="+m.name, "LOQUET_STRIDE="+m.stride)
	if m.images != "" {
		env = append(env, "LOQUET_IMAGES="+m.images)
	}
	return e2e.Output(t, e2e.Command{Name: binary, Args: []string{"-test.run", m.test, "-test.v"}, Env: env}, 10*time.Minute)
}
