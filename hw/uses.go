package hw

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Use is one line that a device will ask for.
type Use struct {
	Field  string // the setting that names it: "relay"
	Ref    Ref
	Output bool
}

// Uses lists the lines in settings: the fields of type Ref that are tagged `line:"output"` or
// `line:"input"` and are not empty.
func Uses(config any) []Use {
	var uses []Use
	for f, v := range refFields(config) {
		if ref := v; ref != "" {
			uses = append(uses, Use{Field: fieldName(f), Ref: ref, Output: f.Tag.Get("line") == "output"})
		}
	}
	return uses
}

// CheckUses finds, without opening anything, the outputs that two settings want, and the lines that are
// wanted as output and as input. The map is keyed by device.
func CheckUses(devices map[string][]Use) error {
	type user struct {
		device, field string
		output        bool
	}
	seen := make(map[Line]user)
	var errs []error
	for _, device := range slices.Sorted(maps.Keys(devices)) {
		for _, use := range devices[device] {
			line, err := use.Ref.Parse()
			if err != nil {
				continue // reported where the settings are checked
			}
			line.ActiveLow = false
			other, ok := seen[line]
			if !ok {
				seen[line] = user{device, use.Field, use.Output}
				continue
			}
			if use.Output || other.output {
				errs = append(errs, &OpError{
					Op: use.Field, Device: device,
					Err:  fmt.Errorf("%s is %w: %s of %s", line, ErrInUse, other.field, other.device),
					Hint: "give each output a line of its own",
				})
			}
		}
	}
	return errors.Join(errs...)
}

// checkRefs parses every Ref in settings, tagged or not.
func checkRefs(config any) error {
	var errs []error
	for f, ref := range refFields(config) {
		if ref == "" {
			continue
		}
		if _, err := ref.Parse(); err != nil {
			errs = append(errs, &FieldError{Field: fieldName(f), Problem: err.Error(), Remedy: "write board:line, for example gpio:17 or !gpio:27"})
		}
	}
	return errors.Join(errs...)
}

func refFields(config any) func(yield func(reflect.StructField, Ref) bool) {
	return func(yield func(reflect.StructField, Ref) bool) {
		v := reflect.ValueOf(config)
		if v.Kind() != reflect.Struct {
			return
		}
		for f, field := range v.Fields() {
			ref, ok := reflect.TypeAssert[Ref](field)
			if ok && !yield(f, ref) {
				return
			}
		}
	}
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "" {
		return strings.ToLower(f.Name)
	}
	return name
}
