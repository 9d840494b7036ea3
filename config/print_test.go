package config_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/loquet/loquet/config"
)

func TestPrint(t *testing.T) {
	off := false
	c := &config.Config{
		Home:    config.Home{Name: "Villa Rose", Zone: "Europe/Paris"},
		HomeKit: config.HomeKit{Listen: ":51826"},
		Boards:  []config.Board{{ID: "barn", Part: config.NewPart("modbus", &modbusSettings{URL: "tcp://10.0.0.7", Unit: 2, Map: []int{0, 1}})}},
		Doors: []config.Door{{
			ID: "garage", Name: "Garage", Kind: config.KindSectional,
			Opener: config.NewPart("lines", lineSettings{Relay: "sim:garage/relay", Pulse: 400 * time.Millisecond}),
			Closed: "sim:garage/closed", Travel: 12 * time.Second, RemoteClose: config.RemoteCloseWarned,
			Warning:   &config.Warning{Light: "sim:garage/light", Beeper: "sim:garage/beeper"},
			AutoClose: &config.AutoClose{After: 90 * time.Minute, Outside: &off},
		}},
		Locks:      []config.Lock{{ID: "studio", Name: "Nono's", Bolt: config.NewPart("strike", nil), OwnTile: true}},
		Keypads:    []config.Keypad{{ID: "pad", Opens: []string{"studio", "garage"}, Part: config.NewPart("wiegand", wiegandSettings{D0: "sim:d0"})}},
		Interlocks: []config.Interlock{{ID: "air", Devices: []string{"studio", "garage"}}},
		History:    config.History{Retention: 365 * 24 * time.Hour},
	}
	const golden = "testdata/print.txt"
	got := c.Print()
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
	back, err := config.Parse("printed", got)
	if err != nil {
		t.Fatal(err)
	}
	if d := config.Diff(c, back); !d.Empty() {
		t.Errorf("it says something else: %+v", d)
	}
	if again := back.Print(); string(again) != string(got) {
		t.Errorf("printed again:\n%s", again)
	}
	var fromCode, fromText modbusSettings
	if err := c.Boards[0].Part.Decode(&fromCode); err != nil {
		t.Fatal(err)
	}
	if err := back.Boards[0].Part.Decode(&fromText); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromCode, fromText, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// Whatever text and numbers stand in a configuration, it reads back as it was printed.
func TestPrintedIsParsedToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "true", "null", "12", "1e3", "0x1f", "~", "- a", "a: b",
			"#", "'", "\"", "\\", "5s", "90d", ".5", "-1", "é", "\t", "\n", " x", "x ", "y", "yes", "2024-01-01", "<<", "&a", "*a", "!a", "%", "@", "`"}))
		duration := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(10_000*time.Hour)).Draw(t, "ns"))
		})
		settings := modbusSettings{
			URL: text.Draw(t, "url"), Unit: rapid.Uint8().Draw(t, "unit"), Retry: rapid.Bool().Draw(t, "retry"),
			Factor: rapid.Float64Range(-1e6, 1e6).Draw(t, "factor"), Map: rapid.SliceOfN(rapid.Int(), 0, 3).Draw(t, "map"),
			Local: rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1%eth0")}).Draw(t, "local"),
		}
		c := &config.Config{
			Home: config.Home{Name: text.Draw(t, "home"), Zone: text.Draw(t, "zone")},
			Doors: []config.Door{{
				ID: rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,31}`).Draw(t, "id"), Name: text.Draw(t, "name"),
				Closed: config.Line(text.Draw(t, "closed")), Travel: duration.Draw(t, "travel"),
				Opener: config.NewPart("modbus", settings), OwnTile: rapid.Bool().Draw(t, "own"), HomeKit: rapid.Ptr(rapid.Bool(), true).Draw(t, "homekit"),
			}},
			Interlocks: []config.Interlock{{ID: "i", Devices: rapid.SliceOfN(text, 0, 4).Draw(t, "members")}},
		}
		printed := c.Print()
		back, err := config.Parse("printed", printed)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if d := config.Diff(c, back); !d.Empty() {
			t.Fatalf("%+v\n%s", d, printed)
		}
		if back.Doors[0].Name != c.Doors[0].Name || back.Home != c.Home || back.Doors[0].Travel != c.Doors[0].Travel {
			t.Fatalf("read %+v\n%s", back, printed)
		}
		var read modbusSettings
		if err := back.Doors[0].Opener.Decode(&read); err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if read.URL != settings.URL || read.Unit != settings.Unit || read.Factor != settings.Factor || len(read.Map) != len(settings.Map) || read.Local != settings.Local {
			t.Fatalf("read %+v, want %+v\n%s", read, settings, printed)
		}
	})
}
