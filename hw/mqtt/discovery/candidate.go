package discovery

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Candidate is a device that somebody announced: not one of the house, and never by itself.
type Candidate struct {
	ID      string // of its announcement: "cover/garage" or "cover/node/garage"
	Kind    string // "door", "lock", "contact", "relay"; empty if it cannot be taken over
	Name    string // as it calls itself
	Section string // for the configuration; empty if it cannot be taken over. That of a relay lacks auto_off
	Why     string // why not
	Remedy  string // and what to do about it
}

var idText = pattern(`^[A-Za-z0-9_-]{1,64}$`)

// Parse reads one message. Its topic is prefix/component/[node/]object/config. It is false for what is no
// announcement of something that could belong to a door.
func Parse(prefix, topic string, payload []byte) (Candidate, bool) {
	rest, begins := strings.CutPrefix(topic, prefix+"/")
	rest, ends := strings.CutSuffix(rest, "/config")
	if !begins || !ends {
		return Candidate{}, false
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return Candidate{}, false
	}
	for _, p := range parts {
		if !idText().MatchString(p) {
			return Candidate{}, false
		}
	}
	c := Candidate{ID: rest, Name: parts[len(parts)-1]}
	make := map[string]func(*Candidate, fields, string) error{"cover": cover, "lock": lock, "binary_sensor": contact, "switch": bareSwitch}[parts[0]]
	if make == nil {
		return Candidate{}, false
	}
	f, err := readFields(payload)
	if err == nil {
		c.Name = f.named(c.Name)
		var base string
		if base, err = f.text("~", ""); err == nil {
			err = make(&c, f, base)
		}
	}
	if err != nil {
		c.Kind, c.Section, c.Why, c.Remedy = "", "", err.Error(), byHand
		var no *refusal
		if errors.As(err, &no) {
			c.Remedy = no.remedy
		}
	}
	return c, true
}

// named is what the device calls itself; a name that is null is the name of the whole device.
func (f fields) named(without string) string {
	name, err := f.text("name", "")
	if err != nil || name == "" {
		var d struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(f["device"], &d)
		name = d.Name
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, name)
	if len([]rune(name)) > 40 {
		name = string([]rune(name)[:40])
	}
	return cmp.Or(strings.TrimSpace(name), without)
}

// setting is one line of a section.
type setting struct{ key, value string }

// section writes what goes into the configuration. JSON's strings are YAML's as well.
func (c *Candidate) section(kind, group, part string, settings []setting) {
	c.Kind = kind
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n  %s:\n    name: %s\n    %s:\n      driver: mqtt\n", group, slug(c.ID), quote(c.Name), part)
	for _, s := range settings {
		if s.value != "" {
			fmt.Fprintf(&b, "      %s: %s\n", s.key, s.value)
		}
	}
	c.Section = b.String()
}

// board is section for a board with a relay. What only the owner can know is left to him: without it the configuration
// refuses the section.
func (c *Candidate) board(settings []setting) {
	c.Kind = "relay"
	var b strings.Builder
	fmt.Fprintf(&b, "boards:\n  %s: # its relay is the line %[1]s:relay-1\n    driver: mqtt\n", slug(c.ID))
	for _, s := range settings {
		if s.value != "" {
			fmt.Fprintf(&b, "    %s: %s\n", s.key, s.value)
		}
	}
	b.WriteString("    # Set the device's own auto-off timer, then say here after how long it switches off by itself:\n    # auto_off: 1s\n")
	c.Section = b.String()
}

func quote(s string) string {
	if s == "" {
		return ""
	}
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b)
}

// slug is an id for the configuration: small letters, digits and dashes.
func slug(id string) string {
	_, id, _ = strings.Cut(id, "/")
	id = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(id), "-"), "-")
	if len(id) > 32 {
		id = strings.Trim(id[len(id)-32:], "-")
	}
	if id == "" || id[0] < 'a' || id[0] > 'z' {
		id = strings.Trim("mqtt-"+id[:min(len(id), 27)], "-")
	}
	return id
}

// words is a map in one line, without what is empty; empty if all of it is.
func words(settings ...setting) string {
	var out []string
	for _, s := range settings {
		if s.value != "" {
			out = append(out, s.key+": "+s.value)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// other is a word if it is not the usual one.
func other(word, usual string) string {
	if word == usual {
		return ""
	}
	return quote(word)
}

// texts reads several words, each with what it is when it is not given.
func (f fields) texts(pairs ...string) ([]string, error) {
	var out []string
	for i := 0; i+1 < len(pairs); i += 2 {
		s, err := f.text(pairs[i], pairs[i+1])
		if err != nil {
			return nil, err
		}
		if s == "" {
			return nil, refuse(byHand, "%s is empty", pairs[i])
		}
		out = append(out, s)
	}
	return out, nil
}

// presence is how the device tells whether it is there: one topic of its own, or a list.
func (f fields) presence(base string) ([]setting, error) {
	list, template := []fields{f}, "availability_template"
	name := "availability_topic"
	if raw, ok := f["availability"]; ok && !f.null("availability") {
		var all []json.RawMessage
		if json.Unmarshal(raw, &all) != nil {
			all = []json.RawMessage{raw}
		}
		list, template, name = nil, "value_template", "topic"
		for _, one := range all {
			entry, err := readFields(one)
			if err != nil || len(list) >= maxTopics {
				return nil, refuse(byHand, "availability is not understood")
			}
			list = append(list, entry)
		}
	}
	var entries []string
	for _, e := range list {
		topic, err := e.topic(name, base)
		if err != nil {
			return nil, err
		}
		if topic == "" {
			continue
		}
		in, err := e.texts("payload_available", "online", "payload_not_available", "offline")
		if err != nil {
			return nil, err
		}
		field, err := e.field(template)
		if err != nil {
			return nil, err
		}
		entries = append(entries, words(setting{"topic", quote(topic)}, setting{"online", other(in[0], "online")}, setting{"offline", other(in[1], "offline")}, setting{"field", quote(field)}))
	}
	mode, err := f.text("availability_mode", "latest")
	if err != nil || mode != "all" && mode != "any" && mode != "latest" {
		return nil, refuse(byHand, "availability_mode is not understood")
	}
	switch len(entries) {
	case 0:
		return nil, refuse("have the device publish an availability topic, or write the section by hand with ask:", "nothing tells whether it is there (it has no availability topic)")
	case 1:
		mode = ""
	}
	return []setting{{"presence", "[" + strings.Join(entries, ", ") + "]"}, {"presence_mode", mode}}, nil
}
