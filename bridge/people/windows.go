package people

import (
	"cmp"
	"net/http"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
)

// windowOf is a window as the API shows it.
func windowOf(w access.Window) api.Window {
	out := api.Window{Kind: string(w.Kind), Zone: w.Zone, Uses: w.Uses}
	if !w.From.IsZero() {
		out.From, out.To = w.From.String(), w.To.String()
	}
	if w.Kind == access.Weekly {
		out.Days, out.Begin, out.End = w.Days.String(), w.Begin.String(), w.End.String()
	}
	return out
}

// windows reads the windows of a code: always where there are none, in the zone of the house where they name none.
func (p *People) windows(asked []api.Window) ([]access.Window, error) {
	if len(asked) == 0 {
		return []access.Window{{Kind: access.Always}}, nil
	}
	var out []access.Window
	for _, a := range asked {
		w, err := p.window(a)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func (p *People) window(a api.Window) (w access.Window, err error) {
	w = access.Window{Kind: cmp.Or(access.WindowKind(a.Kind), access.Dates), Zone: a.Zone, Uses: a.Uses}
	read := func(text string, into interface{ UnmarshalText([]byte) error }) {
		if text != "" && err == nil {
			err = into.UnmarshalText([]byte(text))
		}
	}
	read(a.From, &w.From)
	read(a.To, &w.To)
	read(a.Days, &w.Days)
	read(a.Begin, &w.Begin)
	read(a.End, &w.End)
	if err != nil {
		return w, err
	}
	timed := w.Kind == access.Dates || w.Kind == access.Weekly || w.Kind == access.Count && a.From+a.To != ""
	if timed && w.Zone == "" {
		if w.Zone = p.Zone().String(); w.Zone == "Local" {
			return w, &api.Error{Status: http.StatusUnprocessableEntity, Code: "no-zone", Title: "Nobody said where the house is", Field: "windows",
				Why: "dates need the time zone of the house", Remedy: "add zone: under home: in the configuration, such as Europe/Paris, and reload; or send one with the dates"}
		}
	}
	return w, w.Check()
}

// uses is how often a code was used.
func (p *People) uses(codeID string) access.Uses {
	if p.Uses == nil {
		return access.Uses{}
	}
	return p.Uses(codeID)
}
