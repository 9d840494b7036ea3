package doctor

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/announce"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/mdns"
)

// well is a house that nothing is wrong with, at an hour of its run.
func well(at time.Time) api.Facts {
	return api.Facts{
		At:    at,
		Clock: api.ClockFacts{Trust: "trusted"},
		State: api.StateFacts{FreeBytes: 1 << 30, TotalBytes: 8 << 30, FreeInodes: 100_000, TotalInodes: 500_000},
		Network: api.NetworkFacts{
			Interfaces: []api.InterfaceFacts{{Name: "eth0", IPv4: true, IPv6: true, Since: at.Add(-48 * time.Hour), Asked: at.Add(-time.Minute)}},
			Skipped:    []api.SkippedFacts{{Name: "lo", Why: "it is the loopback interface"}, {Name: "docker0", Why: "a bridge"}},
		},
		Controllers: []api.ControllerFacts{{ID: "8F0E6D1C-0001", LastSeen: at.Add(-time.Second), Answers: api.AnswerFacts{Count: 256, P50: 1, P99: 20, Max: 3000}}},
	}
}

func TestJudge(t *testing.T) {
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		change func(*api.Facts)
		wanted []string
		want   string
	}{
		"all is well":                   {func(*api.Facts) {}, nil, ""},
		"no clock":                      {func(f *api.Facts) { f.Clock.Trust = "floor" }, nil, "clock-untrusted"},
		"a holding clock":               {func(f *api.Facts) { f.Clock.Trust = "holdover" }, nil, ""},
		"a disk nearly full":            {func(f *api.Facts) { f.State.FreeBytes = 100 << 20 }, nil, "disk-low: 100 MiB are free of 8192"},
		"a full disk is told otherwise": {func(f *api.Facts) { f.State.FreeBytes, f.State.FreeInodes, f.State.Degraded = 0, 0, "full" }, nil, ""},
		"few files left":                {func(f *api.Facts) { f.State.FreeInodes = 999 }, nil, "inodes-low: 999 files more, of 500000"},
		"a disk that counts no files":   {func(f *api.Facts) { f.State.FreeInodes, f.State.TotalInodes = 0, 0 }, nil, ""},
		"no IPv6":                       {func(f *api.Facts) { f.Network.Interfaces[0].IPv6 = false }, nil, "single-stack eth0"},
		"a named interface that is not there": {func(f *api.Facts) {
			f.Network.Skipped = []api.SkippedFacts{{Name: "eth7", Why: "there is no such interface now"}}
		}, []string{"eth0", "eth7"}, "interface-missing eth7: there is no such interface now"},
		"the loopback, named": {func(f *api.Facts) {
			f.Network.Interfaces, f.Network.Skipped = nil, []api.SkippedFacts{{Name: "lo", Why: "it carries no multicast"}}
		}, []string{"lo"}, ""},
		"nobody asks":       {func(f *api.Facts) { f.Network.Interfaces[0].Asked = at.Add(-2 * time.Hour) }, nil, "network-silent"},
		"nobody ever asked": {func(f *api.Facts) { f.Network.Interfaces[0].Asked = time.Time{} }, nil, "network-silent"},
		"nobody has asked yet": {func(f *api.Facts) {
			f.Network.Interfaces[0].Asked, f.Network.Interfaces[0].Since = time.Time{}, at.Add(-time.Minute)
		}, nil, ""},
		"nobody is paired who would ask": {func(f *api.Facts) { f.Network.Interfaces[0].Asked, f.Controllers = time.Time{}, nil }, nil, ""},
		"slow":                           {func(f *api.Facts) { f.Controllers[0].Answers.P99 = 1500 }, nil, "slow-answers 8F0E6D1C: of 256 answers half took up to 1 ms, the slowest 3000 ms"},
		"slow, twice": {func(f *api.Facts) {
			f.Controllers[0].Answers = api.AnswerFacts{Count: 2, P50: 5000, P99: 5000, Max: 5000}
		}, nil, ""},
		"a clock jumped":  {func(f *api.Facts) { f.Clock.Doubted, f.Clock.Machine = true, at }, nil, "clock-jumped: the machine says " + at.Format(minute)},
		"known for a day": {func(f *api.Facts) { f.Clock.At, f.Clock.Until = at, at.Add(24*time.Hour) }, nil, ""},
		"known for less":  {func(f *api.Facts) { f.Clock.At, f.Clock.Until = at, at.Add(23*time.Hour) }, nil, "clock-known-until: until " + at.Add(23*time.Hour).Format(minute)},
		"never seen":      {func(f *api.Facts) { f.Controllers[0].LastSeen = time.Time{} }, nil, "controller-never-seen 8F0E6D1C"},
	} {
		f := well(at)
		tt.change(&f)
		var got []string
		for _, p := range judge(f, tt.wanted, at.Add(-48*time.Hour)) {
			text := strings.TrimSpace(string(p.code) + " " + p.subject)
			if p.detail != "" {
				text += ": " + p.detail
			}
			got = append(got, text)
		}
		if strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	f := well(at)
	f.Controllers[0].LastSeen = time.Time{}
	if got := judge(f, nil, at.Add(-time.Hour)); len(got) > 0 {
		t.Errorf("an hour after the start: %v", got)
	}
}

// rig is a doctor whose world a test changes.
func rig(t *testing.T, trust *atomic.Value, controllers *atomic.Pointer[[]api.ControllerFacts]) *Doctor {
	t.Helper()
	return &Doctor{
		Matter:      func() *api.MatterFacts { return nil },
		State:       t.TempDir(),
		Degraded:    func() (string, bool) { return "", false },
		Clock:       func() api.ClockFacts { return api.ClockFacts{Trust: trust.Load().(string)} },
		Controllers: func() []api.ControllerFacts { return *controllers.Load() },
		Network: func(context.Context) (mdns.Facts, []announce.Copy) {
			return mdns.Facts{Hostname: "loquet-1.local", Interfaces: []mdns.InterfaceFacts{{Name: "eth0", IPv4: true, IPv6: true,
					Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}, Since: time.Now()}},
					Skipped: []mdns.Skipped{{Name: "lo", Why: "loopback"}}, Services: []mdns.ServiceFacts{{Instance: "Villa", Live: []string{"eth0"}}},
					Malformed: 1, Flooded: 2, Overrun: 4},
				[]announce.Copy{{Bridge: "AA", Host: "x.local", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.9")}}}
		},
		Zone:  func() *time.Location { return time.UTC },
		Runs:  notes{},
		Board: health.NewBoard(),
		Log:   zerolog.Nop(),
	}
}

func TestFacts(t *testing.T) {
	var trust atomic.Value
	var controllers atomic.Pointer[[]api.ControllerFacts]
	trust.Store("trusted")
	controllers.Store(&[]api.ControllerFacts{{ID: "8F0E"}})
	d := rig(t, &trust, &controllers)
	f, err := d.Facts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f.State.Folder != d.State || f.State.TotalBytes < f.State.FreeBytes || f.State.TotalBytes == 0 {
		t.Errorf("disk %+v", f.State)
	}
	if f.Network.Dropped != 7 || f.Network.Interfaces[0].Addrs[0] != "192.0.2.1/24" || f.Network.Services[0].Live[0] != "eth0" || f.Network.Skipped[0].Why != "loopback" {
		t.Errorf("network %+v", f.Network)
	}
	if diff := cmp.Diff([]api.CopyFacts{{Bridge: "AA", Host: "x.local", Addrs: []string{"192.0.2.9"}}}, f.Copies); diff != "" {
		t.Error(diff)
	}
	if !f.Controllers[0].LastSeen.IsZero() || !f.Network.OtherResponder.IsZero() {
		t.Error("never became a time")
	}
	d.State += "/gone"
	if _, err := d.Facts(t.Context()); err == nil {
		t.Error("a folder that is gone")
	}
}

// The board follows what is seen, also when the subject goes.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trust atomic.Value
		var controllers atomic.Pointer[[]api.ControllerFacts]
		trust.Store("floor")
		controllers.Store(&[]api.ControllerFacts{})
		d := rig(t, &trust, &controllers)
		d.Board.Raise(health.ClockUntrusted, "", "")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() { defer close(done); d.Run(ctx) }()
		codes := func() string {
			var out []string
			for _, p := range d.Board.Active() {
				out = append(out, strings.TrimSpace(string(p.Code)+" "+p.Subject))
			}
			return strings.Join(out, ", ")
		}
		for _, step := range []struct {
			do   func()
			want string
		}{
			{func() {}, "clock-untrusted"},
			{func() { trust.Store("trusted") }, ""},
			{func() {
				controllers.Store(&[]api.ControllerFacts{{ID: "8F0E6D1C", LastSeen: time.Now(), Answers: api.AnswerFacts{Count: 30, P99: 2000}}})
			}, "slow-answers 8F0E6D1C"},
			{func() { controllers.Store(&[]api.ControllerFacts{}) }, ""},
		} {
			step.do()
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if got := codes(); got != step.want {
				t.Errorf("%q, want %q", got, step.want)
			}
		}
		cancel()
		<-done
	})
}
