package hw_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
)

type bellConfig struct {
	Relay hw.Ref        `yaml:"relay" line:"output"`
	Door  hw.Ref        `yaml:"door,omitempty" line:"input"`
	Ring  time.Duration `yaml:"ring,omitempty"`
}

func (c bellConfig) Check() error {
	if c.Ring > time.Minute {
		return &hw.FieldError{Field: "ring", Problem: "longer than a minute", Remedy: "take 2s"}
	}
	return nil
}

func bells(opened *bellConfig) *hw.Registry[string] {
	open := func(_ context.Context, env *hw.Env, c bellConfig) (string, error) {
		if c.Ring < 0 {
			return "", errors.New("it does not ring backwards")
		}
		*opened = c
		return "bell of " + env.Device(), nil
	}
	return hw.NewRegistry(
		hw.New("wire", "a bell on a wire", bellConfig{Ring: 2 * time.Second}, open),
		hw.New("chime", "a chime", bellConfig{}, open),
	)
}

func set(f func(*bellConfig)) func(any) error {
	return func(into any) error {
		f(into.(*bellConfig))
		return nil
	}
}

func TestRegistry(t *testing.T) {
	var opened bellConfig
	r := bells(&opened)
	env := hw.NewEnv(zerolog.Nop()).For("front")
	if got := slices.Collect(r.Names()); !slices.Equal(got, []string{"chime", "wire"}) {
		t.Errorf("names %v", got)
	}
	for d := range r.All() {
		if d.Doc == "" || d.Config.Name() != "bellConfig" {
			t.Errorf("%s: doc %q, settings %v", d.Name, d.Doc, d.Config)
		}
	}

	bell, err := r.Open(t.Context(), env, "wire", set(func(c *bellConfig) { c.Relay = "gpio:17" }))
	if err != nil || bell != "bell of front" || opened != (bellConfig{Relay: "gpio:17", Ring: 2 * time.Second}) {
		t.Errorf("%q, %v with %+v, want the defaults and the relay", bell, err, opened)
	}
	if _, err := r.Open(t.Context(), env, "wire", nil); err != nil || opened.Relay != "" {
		t.Errorf("settings of one device reached another: %+v, %v", opened, err)
	}

	_, err = r.Load("wier", nil)
	if !errors.Is(err, hw.ErrUnknownDriver) || err.Error() != `unknown driver "wier", have [chime wire]` {
		t.Errorf("error %q", err)
	}
	strict := errors.New("unknown field")
	if _, err := r.Load("wire", func(any) error { return strict }); !errors.Is(err, strict) {
		t.Errorf("error %v, want the decoder's", err)
	}
	_, err = r.Open(t.Context(), env, "wire", set(func(c *bellConfig) { c.Ring = -1 }))
	wantOpError(t, err, "front", "backwards")
}

func TestSettingsAreChecked(t *testing.T) {
	r := bells(new(bellConfig))
	_, err := r.Load("wire", set(func(c *bellConfig) { c.Relay, c.Ring = "17", time.Hour }))
	var fields []string
	for _, field := range hw.FieldErrors(fmt.Errorf("front: %w", err)) {
		fields = append(fields, field.Field)
		if field.Remedy == "" || !strings.HasPrefix(field.Error(), field.Field+": ") {
			t.Errorf("%q has the remedy %q", field, field.Remedy)
		}
	}
	if !slices.Equal(fields, []string{"relay", "ring"}) {
		t.Errorf("wrong are %v, want relay and ring", fields)
	}
}

func TestTwoDriversOfOneName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	d := hw.New("wire", "", bellConfig{}, func(context.Context, *hw.Env, bellConfig) (int, error) { return 0, nil })
	hw.NewRegistry(d, d)
}

func TestUses(t *testing.T) {
	uses := hw.Uses(bellConfig{Relay: "gpio:17", Door: "!gpio:4"})
	want := []hw.Use{{Field: "relay", Ref: "gpio:17", Output: true}, {Field: "door", Ref: "!gpio:4"}}
	if !slices.Equal(uses, want) {
		t.Errorf("uses %+v, want %+v", uses, want)
	}
	if got := hw.Uses(bellConfig{}); got != nil {
		t.Errorf("uses %+v of nothing", got)
	}
	out := func(ref hw.Ref) []hw.Use { return []hw.Use{{Field: "relay", Ref: ref, Output: true}} }
	in := func(ref hw.Ref) []hw.Use { return []hw.Use{{Field: "door", Ref: ref}} }
	for _, tt := range []struct {
		name    string
		devices map[string][]hw.Use
		want    string
	}{
		{"different lines", map[string][]hw.Use{"a": out("gpio:1"), "b": out("gpio:2")}, ""},
		{"two readers", map[string][]hw.Use{"a": in("gpio:1"), "b": in("!gpio:1")}, ""},
		{"two outputs", map[string][]hw.Use{"a": out("gpio:1"), "b": out("!gpio:1")}, "b: relay: gpio:1 is in use: relay of a"},
		{"output and input", map[string][]hw.Use{"a": in("gpio:1"), "b": out("gpio:1")}, "b: relay: gpio:1 is in use: door of a"},
		{"twice in one device", map[string][]hw.Use{"a": append(out("gpio:1"), in("gpio:1")...)}, "a: door: gpio:1 is in use: relay of a"},
	} {
		err := hw.CheckUses(tt.devices)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}
