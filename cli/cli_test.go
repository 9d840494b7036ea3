package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/apitest"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/device"
)

// program shows what it was handed, so that scripts can look at the flags.
func program() cli.Program {
	show := func(s cli.Streams, v any) error { return json.NewEncoder(s.Out).Encode(v) }
	return cli.Program{
		Version: api.Version{Version: "1.2.3", Revision: "abc123"},
		Run: func(_ context.Context, o cli.RunOptions, s cli.Streams) error {
			if o.Config == "missing.yaml" {
				return &cli.Failure{Why: "there is no configuration missing.yaml", Remedy: "write one"}
			}
			fmt.Fprintln(s.Out, o.Config, o.Set("console"), o.Set("homekit"))
			return show(s, o.StartOptions)
		},
		Demo:  func(_ context.Context, o cli.DemoOptions, s cli.Streams) error { return show(s, o) },
		World: func(_ context.Context, o cli.WorldOptions, s cli.Streams) error { return show(s, o) },
		Check: func(_ context.Context, config string) ([]cli.Finding, error) {
			warning := cli.Finding{Text: config + ":3:5: warning: no closed contact\nadd one", Value: map[string]string{"rule": "closed-contact"}}
			switch config {
			case "good.yaml":
				return []cli.Finding{warning}, nil
			case "bad.yaml":
				return []cli.Finding{warning, {Stops: true, Text: config + ":4:5: unknown field \"opn\"\ndid you mean open?", Value: map[string]string{"rule": "unknown-field"}}}, nil
			}
			return nil, errors.New("open " + config + ": no such file or directory")
		},
		Drivers: func() []cli.Driver {
			return []cli.Driver{{Kind: "opener", Name: "lines", Doc: "an opener on relays"}, {Kind: "bolt", Name: "maglock", Doc: "a magnet"}}
		},
		Schema:  func() ([]byte, error) { return []byte("{\"type\": \"object\"}\n"), nil },
		Backup:  backupOf,
		Restore: restored,
		VerifyState: func(_ context.Context, folder string) (api.Verdict, error) {
			switch folder {
			case "whole":
				return api.Verdict{OK: true, Rows: 3, First: 1, Last: 3, Limits: []string{"much"}}, nil
			case "changed":
				return api.Verdict{Rows: 3, First: 1, Last: 3, Faults: []string{"row 2: it was changed"}}, nil
			}
			return api.Verdict{}, &cli.Failure{Why: folder + ": the state folder is in use", Remedy: "ask the bridge"}
		},
	}
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"loquet": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, program()))
		},
	})
}

// villa is the house of the scripts.
func villa(now time.Time) *apitest.House {
	h := apitest.New()
	zone := time.FixedZone("", 3600)
	h.Put(api.DoorDevice("garage", "Garage", device.DoorState{Position: device.PositionClosed, Target: device.TargetClosed, Since: now.Add(-200 * time.Second),
		Cause: device.Cause{Kind: device.CauseOutside}, Confidence: device.ConfidenceSensed, Available: true}, zone))
	h.Put(api.DoorDevice("gate", "Gate", device.DoorState{Position: device.PositionStopped, Since: now.Add(-2*time.Hour - time.Minute), Obstructed: device.Yes,
		Confidence: device.ConfidenceInferred, Available: true, Suspended: true, Cause: device.Cause{Kind: device.CauseAutoClose}}, zone))
	h.Put(api.LockDevice("front", "Front", device.LockState{Bolt: device.BoltSecured, DoorOpen: device.No, Since: now.Add(-50 * time.Hour), Confidence: device.ConfidenceSensed,
		Cause: device.Cause{Kind: device.CauseConsole, Actor: "uid:1000"}, Available: true, Battery: device.Battery{Known: true, Percent: 9, Low: true}}, zone))
	h.Put(api.LockDevice("studio", "Studio", device.LockState{Bolt: device.BoltUnsecured, Cause: device.Cause{Kind: device.CauseCode, Actor: "c7", Place: "studio-pad"}}, zone))
	h.Put(api.KeypadDevice("studio-pad", "studio-pad", true, now.Add(-time.Hour), "", zone))
	h.Put(api.ContactDevice("window", "Window", device.ContactState{Open: device.Yes, Available: true}, zone))
	at := time.Date(2026, 11, 21, 19, 0, 0, 0, zone)
	console := api.Cause{Kind: "console", Actor: "uid:1000"}
	anna := api.Cause{Kind: "homekit", Actor: "11-22", Name: "Anna's phone"}
	for i, r := range []api.Row{
		{Device: "garage", Kind: "intent", Action: "open", Target: "open", Cause: anna},
		{Device: "garage", Kind: "started", Action: "open", Intent: 1, Cause: anna},
		{Device: "garage", Kind: "released", Intent: 1, Cause: anna},
		{Device: "garage", Kind: "outcome", Action: "open", Target: "open", Intent: 1, Outcome: "reached", State: "open", Cause: anna},
		{Device: "front", Kind: "refused", Action: "lock", Code: "door-open", Cause: console},
		{Device: "garage", Kind: "observed", State: "closed", Cause: api.Cause{Kind: "outside"}},
		{Device: "attic", Kind: "note", Detail: "gap", Trust: "floor"},
	} {
		r.At = at.Add(time.Duration(i) * time.Second)
		h.Write(r)
	}
	h.SetPairings([]api.HomeKitBridge{{Name: "Loquet", ID: "AA:BB:CC:DD:EE:FF", Addr: "127.0.0.1:51826", Accessories: 5, SetupCode: "123-45-678", SetupURI: "X-HM://0023ISYWYABCD"}},
		api.Pairing{ID: "1A2B3C4D-0000", Bridge: "AA:BB:CC:DD:EE:FF", Name: "Anna", Role: "manage", Admin: true, Sessions: 1},
		api.Pairing{ID: "1A2B9999-0000", Bridge: "AA:BB:CC:DD:EE:FF", Role: "operate", Doors: []string{"front"}, LastSeen: now.Add(-49 * time.Hour)})
	return h
}

// start serves the house in a folder of state until the test ends.
func start(h *apitest.House, folder string, stop func(func())) error {
	ledger := &apitest.Ledger{}
	ledger.Found(api.UnknownCode{Lock: "front", Slot: 3, Digits: 6, First: time.Now(), Seen: time.Now()}, api.UnknownCode{Lock: "front", Slot: 9, First: time.Now(), Seen: time.Now()}, api.UnknownCode{Lock: "front", Slot: 12, Going: "code-99", Why: "the lock does not answer"})
	s, err := api.New(h, api.Options{Log: zerolog.Nop(), Stream: h.Stream, Pairings: h, Keeper: keeper(), Clock: wallClock(), Ledger: ledger, Keypads: ledger, Stays: guests(), Sim: h, Tokens: &apitest.Space{}, Version: api.Version{Version: "1.2.3"}})
	if err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	l, err := net.Listen("unix", filepath.Join(folder, client.SocketName))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ctx, l) }()
	stop(func() { cancel(); <-done })
	return nil
}

// wallClock is that of a house without internet.
func wallClock() *apitest.Clock {
	at := time.Date(2026, 7, 1, 15, 0, 0, 0, time.FixedZone("CEST", 7200))
	return &apitest.Clock{Facts: api.ClockFacts{At: at, Machine: at, Zone: "Europe/Paris", Trust: "floor"}}
}

type houseKey struct{}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			h := villa(time.Now())
			e.Values[houseKey{}] = h
			state := filepath.Join(e.WorkDir, "s")
			e.Setenv("LOQUET_STATE", state)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each command of a race build takes a second
			return start(h, state, e.Defer)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
			"house": func(ts *testscript.TestScript, _ bool, args []string) {
				changeHouse(ts, ts.Value(houseKey{}).(*apitest.House), args)
			},
		},
	})
}

// exits runs loquet and wants this exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var code int
	var exit *exec.ExitError
	if err := ts.Exec("loquet", args[1:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func changeHouse(ts *testscript.TestScript, h *apitest.House, args []string) {
	switch what := args[0]; what {
	case "refuse":
		h.Answer(args[1], apitest.Answer{Err: &device.Refusal{Device: args[1], Code: device.RefusedMoving, Why: "the door is moving", Remedy: "wait until it rests"}})
	case "already":
		h.Answer(args[1], apitest.Answer{Answer: device.Answer{Already: true}})
	case "warn":
		h.Answer(args[1], apitest.Answer{Answer: device.Answer{Intent: 7, Warning: true}})
	case "ends":
		h.Ends(args[1], api.Row{Outcome: args[2], State: args[3]})
	case "problem":
		h.SetProblems(api.Problem{Code: "door-suspended", Severity: "warning", Title: "A door waits for you", Subject: "gate", Detail: "two moves failed", Remedy: "loquet open gate --confirm"},
			api.Problem{Code: "disk-full", Severity: "error", Title: "The disk is full", Remedy: "make room"})
	case "warning":
		h.SetProblems(api.Problem{Code: "clock-holdover", Severity: "warning", Title: "The clock is not checked", Remedy: "wait"})
	case "paired":
		h.SetPairings([]api.HomeKitBridge{{Name: "Loquet", Paired: true}})
	case "broken":
		h.Break(errors.New("the disk broke"))
	case "asked":
		var got []string
		for _, a := range h.Asked() {
			s := a.ID + " " + api.ActionWord(a.Command.Action)
			if a.Command.Confirm {
				s += " confirmed"
			}
			got = append(got, s)
		}
		if strings.Join(got, ", ") != strings.Join(args[1:], " ") {
			ts.Fatalf("the house was asked for %q, want %q", strings.Join(got, ", "), strings.Join(args[1:], " "))
		}
	default:
		ts.Fatalf("the house knows no %s", what)
	}
}

// run runs a command line in this process.
func run(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = cli.Main(ctx, args, strings.NewReader(""), &out, &errs, program())
	return code, out.String(), errs.String()
}

func TestHistoryFollow(t *testing.T) {
	t.Run("text", func(t *testing.T) {
		follow(t, nil, "2026-11-21 19:00:05  Garage is closed, by hand or remote", "2026-11-21 20:00:00  Garage asked to open, local user 7")
	})
	t.Run("json", func(t *testing.T) { follow(t, []string{"--json"}, `"state":"closed"`, `"action":"open"`) })
}

// follow reads a line of what was, then makes something happen, and reads that.
func follow(t *testing.T, flags []string, was, happens string) {
	h := villa(time.Now())
	state := filepath.Join(t.TempDir(), "s")
	if err := start(h, state, t.Cleanup); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, out := io.Pipe()
	lines := bufio.NewScanner(in)
	args := append([]string{"history", "--state", state, "--follow", "--device", "Garage", "--limit", "1"}, flags...)
	done := make(chan int, 1)
	go func() { done <- cli.Main(ctx, args, strings.NewReader(""), out, io.Discard, program()) }()
	if !lines.Scan() || !strings.Contains(lines.Text(), was) {
		t.Fatalf("line %q, want %q", lines.Text(), was)
	}
	at := time.Date(2026, 11, 21, 20, 0, 0, 0, time.FixedZone("", 3600))
	h.Write(api.Row{Device: "gate", Kind: "note", At: at})
	h.Write(api.Row{Device: "garage", Kind: "intent", Action: "open", At: at, Cause: api.Cause{Kind: "console", Actor: "uid:7"}})
	if !lines.Scan() || !strings.Contains(lines.Text(), happens) {
		t.Fatalf("line %q, want %q", lines.Text(), happens)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestEveryListingHasJSON: a command that prints a list prints it as JSON as well.
func TestEveryListingHasJSON(t *testing.T) {
	h := villa(time.Now())
	state := filepath.Join(t.TempDir(), "s")
	if err := start(h, state, t.Cleanup); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"devices"}, {"history"}, {"history", "verify"}, {"doctor"}, {"clock"}, {"pair", "list"}, {"people", "list"}, {"people", "add", "Ida"}, {"codes", "list"}, {"codes", "add", "--person", "Ida"}, {"codes", "explain", "code-2", "--door", "studio"}, {"pair", "keypad", "studio-pad"}, {"pair", "homekit"}, {"token", "list"}, {"token", "create", "x"}, {"open", "garage"}} {
		code, out, errs := run(t, t.Context(), append(args, "--json", "--state", state)...)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
	for _, args := range [][]string{{"version"}, {"drivers"}, {"check", "good.yaml"}} {
		code, out, errs := run(t, t.Context(), append(args, "--json")...)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
	}
}

// TestWithoutProgram: what the binary cannot do does not exist.
func TestWithoutProgram(t *testing.T) {
	for _, name := range []string{"run", "demo", "world", "check", "drivers", "schema", "restore"} {
		var errs strings.Builder
		if code := cli.Main(t.Context(), []string{name}, strings.NewReader(""), io.Discard, &errs, cli.Program{}); code != 2 || !strings.Contains(errs.String(), "there is no command") {
			t.Errorf("%s: %d %s", name, code, errs.String())
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestLostOutput: a command whose answer nobody got says so.
func TestLostOutput(t *testing.T) {
	var errs strings.Builder
	if code := cli.Main(t.Context(), []string{"version"}, strings.NewReader(""), full{}, &errs, program()); code != 1 || !strings.Contains(errs.String(), "no space left") {
		t.Errorf("%d %q", code, errs.String())
	}
}

// guests has a stay that is ready and one that is over.
func guests() *apitest.Stays {
	at := time.Date(2026, 9, 1, 13, 0, 0, 0, time.UTC)
	return &apitest.Stays{Known: []api.Stay{
		{ID: "stay-one-1", Calendar: "calendar-1", Name: "Maria", Arrives: at, Leaves: at.AddDate(0, 0, 4), State: "coming", Ready: true},
		{ID: "stay-two-2", Calendar: "calendar-1", Confirmation: "HMABCDE123", Arrives: at.AddDate(0, -1, 0), Leaves: at.AddDate(0, -1, 2), State: "over"},
	}}
}
