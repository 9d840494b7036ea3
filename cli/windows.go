package cli

import (
	"fmt"
	"strings"

	"github.com/loquet/loquet/api"
)

// windowWords says when a window is open.
func windowWords(w api.Window, used *int) string {
	switch w.Kind {
	case "dates":
		return w.From + "/" + w.To
	case "weekly":
		words := w.Days + " " + w.Begin + "-" + w.End
		if w.From != "" {
			words += " " + w.From + "/" + w.To
		}
		return words
	case "count":
		words := "once"
		if w.Uses > 1 {
			words = fmt.Sprintf("%d times", w.Uses)
		}
		if used != nil {
			words += fmt.Sprintf(", used %d", *used)
		}
		if w.From != "" {
			words += " " + w.From + "/" + w.To
		}
		return words
	}
	return "always"
}

// codeDoorsWords are the doors and groups of doors of a code.
func codeDoorsWords(k api.Code) string {
	if len(k.Groups) == 0 {
		return doorsWords(k.Doors)
	}
	words := "group " + strings.Join(k.Groups, ", group ")
	if len(k.Doors) > 0 {
		words += ", " + doorsWords(k.Doors)
	}
	return words
}

// allWindows are the windows that the flags say. With a number of uses there is one, within its dates.
func (f codeFlags) allWindows() ([]api.Window, error) {
	var out []api.Window
	for _, text := range f.windows {
		from, to, found := strings.Cut(text, "/")
		if !found {
			return nil, fmt.Errorf("%q is no window: write FROM/TO as 2026-07-01T15:00/2026-07-05T11:00", text)
		}
		out = append(out, api.Window{Kind: "dates", From: from, To: to})
	}
	for _, text := range f.weekly {
		days, hours, _ := strings.Cut(strings.TrimSpace(text), " ")
		begin, end, found := strings.Cut(strings.TrimSpace(hours), "-")
		if !found {
			return nil, fmt.Errorf("%q is no week: write \"mon,wed 09:00-12:00\"", text)
		}
		out = append(out, api.Window{Kind: "weekly", Days: days, Begin: begin, End: end})
	}
	if f.once && f.uses == 0 {
		f.uses = 1
	}
	switch {
	case f.uses == 0:
		return out, nil
	case f.uses < 0 || f.once && f.uses != 1:
		return nil, fmt.Errorf("--uses takes a number from 1 on, and --once is --uses 1")
	case len(f.weekly) > 0 || len(f.windows) > 1:
		return nil, fmt.Errorf("uses are counted within one --window, or without any")
	case len(out) == 1:
		out[0].Kind, out[0].Uses = "count", f.uses
		return out, nil
	}
	return []api.Window{{Kind: "count", Uses: f.uses}}, nil
}
