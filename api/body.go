package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"
)

// decode reads the body into the struct that v points to. Nothing at all stands for {}.
func decode(r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return bodyError(err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	} else if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
		return &Error{Status: http.StatusUnsupportedMediaType, Code: "not-json", Why: "the body is not declared as JSON", Remedy: "send Content-Type: application/json"}
	}
	return parse(body, v)
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &Error{Status: http.StatusRequestEntityTooLarge, Code: "too-large", Why: "the body is larger than 64 KiB", Remedy: "send less", Err: err}
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return &Error{Status: http.StatusRequestTimeout, Code: "too-slow", Why: "the body did not arrive in time", Remedy: "try again", Err: err}
	}
	return &Error{Status: http.StatusBadRequest, Code: "bad-body", Why: "the body broke off", Remedy: "try again", Err: err}
}

// parse is stricter than encoding/json, which lets the last of two equal members win, takes "Action"
// for "action" and repairs broken text: with a door at the other end, a body that can be read in two
// ways is refused.
func parse(body []byte, v any) error {
	if !utf8.Valid(body) {
		return badJSON("the body is not UTF-8")
	}
	if err := checkMembers(body, reflect.TypeOf(v).Elem()); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return invalid(wrong.Field, quote(wrong.Field)+" may not be a "+strings.Fields(wrong.Value)[0], "/api/v1/openapi.json says what it must be")
		}
		return badJSON("the body is not the JSON that is expected here")
	}
	return nil
}

// checkMembers walks over one object and those in it: members must be known, and each may come once.
func checkMembers(body []byte, t reflect.Type) error {
	known := members(t)
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return badJSON("the body is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, isName := t.(string)
		if err != nil || !isName {
			return badJSON("the body is not JSON")
		}
		inner, ok := known[name]
		if !ok {
			return invalid(name, "there is no member "+quote(name), "leave it out; /api/v1/openapi.json lists what there is")
		}
		if seen[name] {
			return invalid(name, quote(name)+" is there twice", "send it once")
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return badJSON("the body is not JSON")
		}
		if string(value) == "null" {
			return invalid(name, quote(name)+" may not be null", "leave it out instead")
		}
		if err := checkInner(value, inner); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return badJSON("the body is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badJSON("something follows the JSON object")
	}
	return nil
}

// checkInner looks into a list of objects. Anything else is left to the decoder.
func checkInner(value []byte, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var items []json.RawMessage
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return nil
	}
	if err := json.Unmarshal(value, &items); err != nil {
		items = nil
	}
	for _, item := range items {
		if err := checkMembers(item, t.Elem()); err != nil {
			return err
		}
	}
	return nil
}

// members are the names that an object may have, and what each of them is.
func members(t reflect.Type) map[string]reflect.Type {
	known := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known[name] = f.Type
	}
	return known
}

func badJSON(why string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "bad-json", Why: why, Remedy: `send one JSON object, like {"action": "open"}`}
}
