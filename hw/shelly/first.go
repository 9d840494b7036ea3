package shelly

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
)

// first is a device of the first generation: HTTP with a basic login, and nothing that it tells unasked.
type first struct {
	base     string
	user     string
	password string
	client   *http.Client
}

func newFirst(c Address, password string) *first {
	return &first{base: strings.TrimSuffix(c.URL, "/"), user: c.User, password: password, client: newClient()}
}

func (f *first) get(ctx context.Context, path string, query url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	address := f.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	if f.password != "" {
		req.SetBasicAuth(f.user, f.password)
	}
	return ask(f.client, req, out)
}

// question is get for what changes nothing.
func (f *first) question(ctx context.Context, path string, out any) error {
	err := f.get(ctx, path, nil, out)
	if errors.Is(err, device.ErrUnsure) {
		err = unanswered(err)
	}
	return err
}

// firstStatus is the part of /status that is used ("Gen1 Device API", Shelly1).
type firstStatus struct {
	MAC    string `json:"mac"`
	Relays []struct {
		On *bool `json:"ison"`
	} `json:"relays"`
	Inputs []struct {
		Input *int `json:"input"`
	} `json:"inputs"`
	Rollers []firstRoller `json:"rollers"`
}

func (s firstStatus) read(asked time.Time) status {
	out := newStatus(s.MAC, asked)
	for n, r := range s.Relays {
		if r.On != nil && n < most {
			out.Relays[n] = *r.On
		}
	}
	for n, i := range s.Inputs {
		if i.Input != nil && n < most {
			out.Inputs[n] = *i.Input != 0
		}
	}
	for n, r := range s.Rollers {
		if n < most {
			out.covers[n] = r.read()
		}
	}
	return out
}

func (f *first) status(ctx context.Context) (status, error) {
	asked := time.Now()
	var s firstStatus
	if err := f.question(ctx, "/status", &s); err != nil {
		return status{}, err
	}
	return s.read(asked), nil
}

// firstSettings is the part of /settings/relay/N that is used.
type firstSettings struct {
	Default string  `json:"default_state"`
	Button  string  `json:"btn_type"`
	AutoOn  float64 `json:"auto_on"`
}

func (f *first) settings(ctx context.Context, relay int) (settings, error) {
	var s firstSettings
	if err := f.question(ctx, "/settings/relay/"+strconv.Itoa(relay), &s); err != nil {
		return settings{}, err
	}
	return settings{powerOn: s.Default, detached: s.Button == "detached", autoOn: s.AutoOn > 0}, nil
}

// set switches a relay, with the device's own way back in whole seconds, rounded up: our own release comes
// first. Each order goes over a connection of its own; who is at the address was asked with the last status.
func (f *first) set(ctx context.Context, relay int, on bool, back time.Duration) error {
	query := url.Values{"turn": {map[bool]string{true: "on", false: "off"}[on]}}
	if back > 0 {
		query.Set("timer", strconv.Itoa(int(math.Ceil(back.Seconds()))))
	}
	var answer struct {
		On *bool `json:"ison"`
	}
	if err := f.get(ctx, "/relay/"+strconv.Itoa(relay), query, &answer); err != nil {
		return err
	}
	if answer.On == nil || *answer.On != on {
		return fmt.Errorf("%w: the device does not confirm the order", device.ErrUnsure)
	}
	return nil
}

func (f *first) Changed() <-chan struct{} { return nil }
func (f *first) Gone() <-chan struct{}    { return nil }
func (f *first) Close()                   {}
