package homekit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

var padSection = section{"keypads", "studio-pad", `
    name: Studio keypad
    driver: wiegand
    d0: "house:studio-pad/d0"
    d1: "house:studio-pad/d1"
    opens: [studio]
`}

// codesLimit is far above what anything here takes, for a machine that is busy.
const codesLimit = 60 * time.Second

// cli runs the command line on the bridge.
func (h *house) cli(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), codesLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, lab.Binary(t), append(args, "--state", h.Options.State)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("loquet %v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return out.String()
}

// opens types a code at a strike that is at rest, and waits until it was energised so often.
func (h *house) opens(t *testing.T, pin string, times int) {
	t.Helper()
	h.Await(t, "studio", "secured", codesLimit)
	h.world.Type(t, "studio-pad", pin+"#")
	e2e.Until(t, codesLimit, func() string {
		switch got := h.pulses(t, "studio"); {
		case got > times:
			t.Fatalf("the strike was energised %d times, want %d", got, times)
		case got < times:
			return "a strike that is energised"
		}
		return ""
	})
}

// stays types a code that does not open any more, and waits until the keypad has refused so many.
func (h *house) stays(t *testing.T, pin string, refusals int) {
	t.Helper()
	before := h.pulses(t, "studio")
	h.world.Type(t, "studio-pad", pin+"#")
	e2e.Until(t, codesLimit, func() string {
		count := 0
		for _, r := range h.History(t, "studio-pad") {
			if r.Kind == "refused" {
				count++
			}
		}
		if count < refusals {
			return "a code that is refused"
		}
		return ""
	})
	h.wantPulses(t, "studio", before)
}

// TestAccessCodes lets a controller that nobody here wrote make, read, change and remove access codes as Apple Home does,
// byte by byte; a keypad and the command line see the same codes at once.
func TestAccessCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{config: []section{frontSection, studioSection, padSection}})
	studio := Named(t, h.owner.Accessories(t), "Studio")
	control, state := studio.Get(t, ServiceCodes, TypeCodesControl).ID, studio.Get(t, ServiceCodes, TypeCodesState).ID
	if got := h.owner.MustRead(t, studio.Get(t, ServiceCodes, TypeCodesSupported).ID); got != "AQEBAgEGAwEKBAFk" {
		t.Errorf("6 to 10 digits, 100 codes: %v", got)
	}
	if _, ok := Named(t, h.owner.Accessories(t), "Front door").find(ServiceCodes, TypeCodesControl); ok {
		t.Error("a lock that no code opens has access codes")
	}
	h.owner.Subscribe(t, state)
	wants := func(what, order, want string) {
		t.Helper()
		if got, status := h.owner.Order(t, control, order); got != want || status != 0 {
			t.Errorf("%s:\n%s, status %d, want\n%s", what, got, status, want)
		}
	}
	e2e.Until(t, codesLimit, func() string {
		if !h.Device(t, "studio-pad").Available {
			return "a keypad that listens"
		}
		return ""
	})

	first := CodeNumber(1) + CodeDigits("739154")
	wants("no code", "010101", "010101")
	wants("add", "010103"+CodeRequest(CodeDigits("739154")), "010103"+CodeResponse(0, first))
	awaitMessage(t, h.owner, state, 1, codesLimit)
	h.opens(t, "739154", 1)
	if got := h.cli(t, "", "codes", "list"); !strings.Contains(got, "Home code 1") || !strings.Contains(got, "studio") {
		t.Errorf("the command line:\n%s", got)
	}
	wants("list", "010101", CodeList(CodeResponse(0, first)))
	wants("read", "010102"+CodeRequest(CodeNumber(1))+"0000"+CodeRequest(CodeNumber(9)), "010102"+CodeResponse(0, first)+"0000"+CodeResponse(9, CodeNumber(9)))
	wants("the same PIN", "010103"+CodeRequest(CodeDigits("739154")), "010103"+CodeResponse(4, first))
	wants("too short", "010103"+CodeRequest(CodeDigits("73915")), "010103"+CodeResponse(5, CodeDigits("73915")))
	wants("too long", "010103"+CodeRequest(CodeDigits("73915482601")), "010103"+CodeResponse(6, CodeDigits("73915482601")))
	wants("no digit", "010103"+CodeRequest(CodeDigits("73915a")), "010103"+CodeResponse(7, CodeDigits("73915a")))
	wants("a flag", "010103"+CodeRequest(CodeDigits("415926")+"030101"), "010103"+CodeResponse(8, ""))
	wants("an operation that is none", "010109", "010109"+CodeResponse(8, ""))
	for name, order := range map[string]string{"cut": "01010302080206373339", "two operations": "010101010102", "empty": ""} {
		if got, status := h.owner.Order(t, control, order); status != StatusInvalid {
			t.Errorf("%s: %s, status %d", name, got, status)
		}
	}

	h.cli(t, "", "people", "add", "Anna", "--kind", "owner")
	h.cli(t, "847362\n", "codes", "add", "--person", "Anna", "--pin")
	awaitMessage(t, h.owner, state, 2, codesLimit)
	annas := CodeNumber(2) + CodeDigits("847362")
	wants("two codes", "010101", CodeList(CodeResponse(0, first), CodeResponse(0, annas)))
	wants("the owner's is not Home's to remove", "010105"+CodeRequest(CodeNumber(2)), "010105"+CodeResponse(8, annas))
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	if got, status := guest.Order(t, control, "010101"); got != "" || status != -70401 {
		t.Errorf("a guest of the home reads codes: %s, status %d", got, status)
	}

	changed := CodeNumber(1) + CodeDigits("608231")
	wants("update", "010104"+CodeRequest(changed), "010104"+CodeResponse(0, changed))
	h.opens(t, "608231", 2)
	h.stays(t, "739154", 1)
	h.Await(t, "studio", "secured", codesLimit)
	h.Kill(t)
	h.again(t, nil)
	h.Await(t, "studio", "secured", codesLimit)
	wants("after a restart", "010101", CodeList(CodeResponse(0, changed), CodeResponse(0, annas)))
	if got := h.owner.MustRead(t, state); got != 3.0 {
		t.Errorf("state %v", got)
	}
	wants("remove", "010105"+CodeRequest(CodeNumber(1)), "010105"+CodeResponse(0, changed))
	h.stays(t, "608231", 2)
	if got := h.cli(t, "", "codes", "list"); strings.Contains(got, "Home code") {
		t.Errorf("the command line:\n%s", got)
	}
	h.cli(t, "", "people", "remove", "Anna")
	wants("nobody is left", "010101", "010101")

	made := 0
	for made < 100 {
		var orders []string
		for range 20 {
			orders = append(orders, CodeRequest(CodeDigits(fmt.Sprintf("%010d", 7_391_540_000+made*7_919_113%600_000_000+made))))
			made++
		}
		if got, status := h.owner.Order(t, control, "010103"+strings.Join(orders, "0000")); status != 0 || strings.Count(got, "030100040100") != 20 {
			t.Fatalf("%d codes: %s, status %d", made, got, status)
		}
	}
	wants("full", "010103"+CodeRequest(CodeDigits("8264091735")), "010103"+CodeResponse(2, CodeDigits("8264091735")))
	h.Stop(t)
	h.nowhere(t, "739154", "608231", "847362", "8264091735")
}

// nowhere looks for digits where they must not be: in the log and in the state.
func (h *house) nowhere(t *testing.T, pins ...string) {
	t.Helper()
	for _, pin := range pins {
		if strings.Contains(h.Log(), pin) {
			t.Error("the log holds a PIN")
		}
		err := filepath.WalkDir(h.Options.State, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, form := range []string{pin, hex.EncodeToString([]byte(pin)), base64.StdEncoding.EncodeToString([]byte(pin))} {
				if bytes.Contains(text, []byte(form)) {
					t.Errorf("%s holds a PIN", filepath.Base(path))
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
