package osdp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/internal/serial/serialtest"
	"github.com/rs/zerolog"
)

const patience = 30 * time.Second

// plug puts a simulated reader on a port.
func plug(t *testing.T, r *reader) Config {
	t.Helper()
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, "reader.sock"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { ln.Close() })
	return Config{Port: serialtest.Cable(t, "unix", ln.Addr().String()), Baud: 9600, Address: 5, KeyFile: filepath.Join(dir, "reader.key")}
}

func begin(t *testing.T, c Config) (*Keypad, *hw.Env) {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop()).For("front-pad")
	k, err := Open(t.Context(), env, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	return k, env
}

func wait(t *testing.T, k *Keypad, what string, ok func(device.KeypadStatus) bool) device.KeypadStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for s := range k.Watch(ctx) {
		if ok(s) {
			return s
		}
	}
	t.Fatalf("%s: it does not come; last %+v", what, k.Status())
	return device.KeypadStatus{}
}

func online(s device.KeypadStatus) bool  { return s.Online }
func offline(s device.KeypadStatus) bool { return !s.Online && s.Why != "" }

// installed is a reader with a key, and the settings that know it.
func installed(t *testing.T) (*reader, Config) {
	t.Helper()
	own := key{1, 2, 3}
	r := &reader{key: &own}
	c := plug(t, r)
	if err := keyFile(c.KeyFile).write(own); err != nil {
		t.Fatal(err)
	}
	return r, c
}

func next(t *testing.T, ch <-chan device.KeypadEntry) device.KeypadEntry {
	t.Helper()
	select {
	case e, ok := <-ch:
		if !ok {
			t.Fatal("the reader is unavailable")
		}
		return e
	case <-time.After(patience):
		t.Fatal("nothing comes")
	}
	return device.KeypadEntry{}
}

var (
	pin  = frame{id: repKeypad, data: []byte("\x00\x051234\x0D")}
	card = frame{id: repRaw, data: []byte{0, 1, 0x1A, 0, 0x2E, 0xA5, 0x7C, 0x80}}
)

func TestKeysAndCards(t *testing.T) {
	r, c := installed(t)
	k, _ := begin(t, c)
	wait(t, k, "online", online)
	entries := k.Entries(t.Context())
	r.happen(nil, pin, card)
	if e := next(t, entries); e.Keys != "1234#" || e.Arrived.IsZero() {
		t.Errorf("keys %q", string(e.Keys))
	}
	if e := next(t, entries); e.Card == nil || e.Card.Bits != 26 || !bytes.Equal(e.Card.Data, card.data[4:]) {
		t.Errorf("%+v", e)
	}
	r.happen(nil, frame{id: repLocal, data: []byte{1, 0}})
	wait(t, k, "tamper", func(s device.KeypadStatus) bool { return s.Tamper && !s.Power && s.Online })
}

// Whatever goes wrong on the line, what was typed is delivered once, or not at all.
func TestTrouble(t *testing.T) {
	for trouble, want := range map[string]struct {
		first string // what comes of the keys that the trouble is with
		keeps bool   // the channel holds
	}{
		"lose":   {"5678#", true},
		"busy":   {"5678#", true},
		"clear":  {"", false},
		"replay": {"", false},
	} {
		t.Run(trouble, func(t *testing.T) {
			r, c := installed(t)
			k, _ := begin(t, c)
			wait(t, k, "online", online)
			entries := k.Entries(t.Context())
			r.happen(nil, pin)
			if e := next(t, entries); e.Keys != "1234#" {
				t.Fatalf("keys %q", string(e.Keys))
			}
			r.happen([]string{trouble}, frame{id: repKeypad, data: []byte("\x00\x055678\x0D")})
			if want.keeps {
				if e := next(t, entries); string(e.Keys) != want.first {
					t.Errorf("keys %q, want %q", string(e.Keys), want.first)
				}
			} else {
				for e := range entries { // ends with the channel
					t.Errorf("keys %q are believed", string(e.Keys))
				}
				wait(t, k, "online again", online)
				entries = k.Entries(t.Context())
			}
			r.happen(nil, frame{id: repKeypad, data: []byte("\x00\x0242")})
			if e := next(t, entries); e.Keys != "42" {
				t.Errorf("keys %q, want only those after the trouble", string(e.Keys))
			}
		})
	}
}

// Whoever sees the entries end, and asks why, is not told that the reader is online.
func TestEntriesEndAfterTheWord(t *testing.T) {
	k := &Keypad{subs: make(map[chan device.KeypadEntry]struct{})}
	for range 5000 {
		k.note(func(s *device.KeypadStatus) { s.Online = true })
		entries := k.Entries(t.Context())
		go k.note(func(s *device.KeypadStatus) { s.Online = false })
		for range entries {
			t.Fatal("an entry")
		}
		ctx, cancel := context.WithCancel(t.Context())
		if s := <-k.Watch(ctx); s.Online {
			t.Fatal("the entries have ended, and the reader is said to be online")
		}
		cancel()
	}
}

func TestInstall(t *testing.T) {
	r := new(reader)
	c := plug(t, r)
	k, env := begin(t, c)
	if s := wait(t, k, "refused", offline); !strings.Contains(s.Why, "pair keypad") {
		t.Errorf("why: %s", s.Why)
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}
	if r.key != nil {
		t.Fatal("a key was given to the reader though nobody asked for it")
	}

	k, env = begin(t, c)
	wait(t, k, "refused again", offline)
	if until, err := k.Install(t.Context()); err != nil || time.Until(until) > installFor {
		t.Fatal(until, err)
	}
	wait(t, k, "installed", online)
	if k.installing() {
		t.Error("installing goes on")
	}
	own, ok, err := keyFile(c.KeyFile).read()
	if err != nil || !ok || *r.key != own || own == defaultKey() || own == (key{}) {
		t.Fatalf("the file and the reader do not agree: %v %v", ok, err)
	}
	if info, err := os.Stat(c.KeyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}

	// A reader that wants the key that everybody knows is not the reader any more, until its owner says so.
	r.set(nil)
	k, _ = begin(t, c)
	wait(t, k, "downgrade refused", offline)
	if len(k.Entries(t.Context())) != 0 || k.Status().Online || r.key != nil {
		t.Error("it was installed a second time")
	}
	other := key{9}
	r.set(&other)
	if s := wait(t, k, "another key refused", func(s device.KeypadStatus) bool { return strings.Contains(s.Why, "another key") }); s.Online {
		t.Error("it is online")
	}
	r.set(nil)
	if _, err := k.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, k, "installed anew", online)
	if again, ok, err := keyFile(c.KeyFile).read(); err != nil || !ok || again == own || *r.key != again {
		t.Errorf("the new reader: %v %v", ok, err)
	}
}

// A word that is lost after the reader took its key costs nothing: the key waits in its file.
func TestInstallInterrupted(t *testing.T) {
	r := new(reader)
	c := plug(t, r)
	waiting, err := keyFile(c.KeyFile).make()
	if err != nil {
		t.Fatal(err)
	}
	r.set(&waiting)
	k, _ := begin(t, c)
	wait(t, k, "online with the key that waited", online)
	if own, ok, err := keyFile(c.KeyFile).read(); own != waiting || !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

func TestInstallWindowCloses(t *testing.T) {
	r := new(reader)
	c := plug(t, r)
	k := &Keypad{file: keyFile(c.KeyFile), until: time.Now(), panel: panel{bus: newBus(c.Port, c.Baud), addr: 5}}
	if err := k.connect(t.Context()); !errors.Is(err, errNotInstalled) || r.asked != 0 {
		t.Errorf("error %v", err)
	}
}

func TestFeedback(t *testing.T) {
	r, c := installed(t)
	k, _ := begin(t, c)
	wait(t, k, "online", online)
	for _, kind := range []device.VerdictKind{device.VerdictNone, device.VerdictGranted, device.VerdictWrong, device.VerdictNotNow, device.VerdictMore, device.VerdictLocked} {
		if err := k.Feedback(t.Context(), device.Verdict{Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	want := [][]byte{light(green, 30), sound(1, 2, 1), light(red, 30), sound(1, 2, 3), light(amber, 30), sound(1, 2, 2), light(amber, 30), sound(1, 2, 1), light(red, 30), sound(10, 2, 1)}
	if len(r.shown) != len(want) {
		t.Fatalf("%d commands, want %d", len(r.shown), len(want))
	}
	for i, cmd := range r.shown {
		if !bytes.Equal(cmd.data, want[i]) {
			t.Errorf("command %d: % X, want % X", i, cmd.data, want[i])
		}
	}
}

func TestTwoReadersAtOneAddress(t *testing.T) {
	_, c := installed(t)
	_, env := begin(t, c)
	if _, err := Open(t.Context(), env.For("other"), c); err == nil {
		t.Error("two keypads share a reader")
	}
}

func TestSettings(t *testing.T) {
	good := Config{Port: "/dev/ttyUSB0", KeyFile: "/k", Baud: 9600}
	for field, c := range map[string]Config{
		"port":     {KeyFile: "/k", Baud: 9600},
		"key_file": {Port: "/dev/ttyUSB0", Baud: 9600, KeyFile: "k"},
		"baud":     {Port: "/dev/ttyUSB0", KeyFile: "/k", Baud: 9601},
		"address":  {Port: "/dev/ttyUSB0", KeyFile: "/k", Baud: 9600, Address: 127},
	} {
		errs := hw.FieldErrors(c.Check())
		if good.Check() != nil || len(errs) != 1 || errs[0].Field != field || errs[0].Remedy == "" {
			t.Errorf("%s: %v", field, c.Check())
		}
	}
}

// A key file that others may read, or that is damaged, is refused.
func TestKeyFile(t *testing.T) {
	file := keyFile(filepath.Join(t.TempDir(), "key"))
	for text, mode := range map[string]os.FileMode{strings.Repeat("ab", 16): 0o644, "abcd": 0o600, "": 0o600, strings.Repeat("xy", 16): 0o600} {
		if err := os.WriteFile(string(file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(string(file), mode); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := file.read(); ok || err == nil {
			t.Errorf("%q with mode %v is taken for a key", text, mode)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add(pin.data)
	f.Add(card.data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Trim(string(keysOf(data)), "0123456789*#") != "" {
			t.Errorf("keys of % X", data)
		}
		if c := cardOf(data); c != nil && (c.Bits < 1 || len(c.Data) != (c.Bits+7)/8) {
			t.Errorf("card of % X", data)
		}
	})
}
