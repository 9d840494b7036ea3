package shelly

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/board"
)

const (
	answerWithin = time.Second // devices answer in some ten milliseconds
	maxAnswer    = 64 << 10    // a full status is some 4 KiB
)

// status is what a device tells about itself.
type status struct {
	mac          string
	covers       map[int]cover
	board.Status // of the inputs those that are switches; a button has no state
}

func newStatus(mac string, asked time.Time) status {
	return status{strings.ToUpper(mac), map[int]cover{}, board.Status{Relays: map[int]bool{}, Inputs: map[int]bool{}, At: asked}}
}

// settings are what a device does with a relay without being told.
type settings struct {
	powerOn  string // what it does when power comes: "off" and "on" are levels, everything else is neither
	detached bool   // its own input does not switch it
	autoOn   bool   // it switches on by itself after it was off
}

// peer is a device that answers. All but set change nothing. What is asked ends with ctx or answerWithin.
type peer interface {
	status(ctx context.Context) (status, error)
	settings(ctx context.Context, relay int) (settings, error)
	// set switches a relay, which switches back by itself after back, if that is not 0. An error says
	// that nothing changed unless it is device.ErrUnsure. It is sent once.
	set(ctx context.Context, relay int, on bool, back time.Duration) error
	// limits are what a device does with a cover without being told.
	limits(ctx context.Context, cover int) (limits, error)
	// move moves a cover, or stops it. It is as set is.
	move(ctx context.Context, cover int, way way) error
	Changed() <-chan struct{} // nil where the device does not tell
	Gone() <-chan struct{}    // nil where there is no connection
	Close()
}

// identity is what every generation tells at /shelly without a login.
type identity struct {
	MAC        string `json:"mac"`
	Type       string `json:"type"` // first generation only
	Generation int    `json:"gen"`
}

// connect finds out who is at the address and speaks as that one understands.
func (c Address) connect(ctx context.Context) (peer, error) {
	bounded, cancel := context.WithTimeout(ctx, 2*answerWithin)
	defer cancel()
	who, err := c.whoIs(bounded)
	if err != nil {
		return nil, err
	}
	if mac := strings.ToUpper(who.MAC); mac != c.mac() {
		return nil, strange("correct url: give the device a fixed address in the router", "the device at %s is another one, with the MAC address %s", c.URL, board.Clip(mac))
	}
	password, err := c.password()
	if err != nil {
		return nil, err
	}
	switch {
	case who.Generation == 0 && who.Type != "":
		return newFirst(c, password), nil
	case who.Generation >= 2:
		return dialRPC(bounded, c, password)
	}
	return nil, strange("see that url is the address of a Shelly", "what answers at %s is no Shelly", c.URL)
}

func (c Address) whoIs(ctx context.Context) (identity, error) {
	var who identity
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/shelly", http.NoBody)
	if err != nil {
		return who, err
	}
	err = ask(newClient(), req, &who)
	if errors.Is(err, device.ErrUnsure) {
		err = unanswered(err) // a question changes nothing
	}
	return who, err
}

// newClient makes a fresh connection for each request and follows nobody elsewhere, so that an order is
// sent once and to one device.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 8 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ask sends a request and decodes the answer into out. Errors are device.ErrUnavailable when the request
// cannot have been carried out, and device.ErrUnsure when it may have been.
func ask(client *http.Client, req *http.Request, out any) error {
	var sent sending
	answer, err := client.Do(req.WithContext(sent.trace(req.Context())))
	if err != nil {
		if !sent.done() {
			return unanswered(err)
		}
		return fmt.Errorf("%w: no answer", device.ErrUnsure)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		return strange("write the device's password into a file and name it: password_file", "the device wants a login, or another password")
	case answer.StatusCode == http.StatusBadRequest, answer.StatusCode == http.StatusNotFound:
		return strange("check relays and inputs: the device may have fewer", "the device answered %d", answer.StatusCode)
	case err != nil, answer.StatusCode != http.StatusOK, len(data) > maxAnswer:
		return fmt.Errorf("%w: the answer cannot be used", device.ErrUnsure)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%w: the answer cannot be read", device.ErrUnsure)
	}
	return nil
}

// unanswered says that nothing was carried out because nobody was there.
func unanswered(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: the Shelly does not answer", device.ErrUnavailable)
}

// isNull reports whether a JSON value is missing or null.
func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || bytes.Equal(raw, []byte("null"))
}
