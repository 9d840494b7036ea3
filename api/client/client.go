// Package client speaks the API of a running bridge, over its unix socket or over HTTP with a token.
//
// Nothing is ever sent twice: each request has a connection of its own, follows no redirect and is
// not tried again, because the request may be a command and the door may have moved.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
)

const (
	requestTimeout = 30 * time.Second
	verifyTimeout  = 10 * time.Minute
	backupTimeout  = 30 * time.Minute
	maxAnswer      = 32 << 20
)

// Error is why the bridge could not be asked. What the bridge itself refused is an *api.Error.
type Error struct {
	Why    string
	Remedy string
	Err    error
}

func (e *Error) Error() string { return e.Why }

func (e *Error) Unwrap() error { return e.Err }

// Client asks one bridge.
type Client struct {
	base  string
	token string
	name  string // what people call it: the socket's path or the URL
	http  *http.Client
}

// Socket returns a client of the bridge that listens on a unix socket.
func Socket(path string) *Client {
	transport := transport()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{base: "http://loquet", name: path, http: httpClient(transport)}
}

// URL returns a client of the bridge at a URL like "http://192.168.1.20:8480".
func URL(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, &Error{Why: "the URL of the bridge is not one", Remedy: "write it like http://192.168.1.20:8480", Err: err}
	}
	if token == "" {
		return nil, &Error{Why: "a bridge at a URL needs a token", Remedy: "add --token or set LOQUET_TOKEN; loquet token create makes one on the bridge"}
	}
	return &Client{base: strings.TrimSuffix(u.String(), "/"), token: token, name: base, http: httpClient(transport())}, nil
}

func transport() *http.Transport {
	return &http.Transport{DisableKeepAlives: true}
}

func httpClient(t *http.Transport) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Name is the socket's path or the URL.
func (c *Client) Name() string { return c.name }

// Devices lists all devices.
func (c *Client) Devices(ctx context.Context) (list []api.Device, err error) {
	return list, c.get(ctx, "/api/v1/devices", &list)
}

// Device returns one device.
func (c *Client) Device(ctx context.Context, id string) (d api.Device, err error) {
	return d, c.get(ctx, "/api/v1/devices/"+url.PathEscape(id), &d)
}

// Command asks a device to act: "open", "close", "stop", "lock" or "unlock".
func (c *Client) Command(ctx context.Context, id, action string, confirm bool) (a api.CommandAnswer, err error) {
	return a, c.do(ctx, http.MethodPost, "/api/v1/devices/"+url.PathEscape(id)+"/command", api.CommandRequest{Action: action, Confirm: confirm}, &a)
}

// History returns rows, newest first; a limit of 0 means the server's own.
func (c *Client) History(ctx context.Context, q api.HistoryQuery) (rows []api.Row, err error) {
	v := url.Values{}
	if q.Device != "" {
		v.Set("device", q.Device)
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339))
	}
	if !q.Until.IsZero() {
		v.Set("until", q.Until.Format(time.RFC3339))
	}
	if q.After > 0 {
		v.Set("after", fmt.Sprint(q.After))
	}
	if q.OldestFirst {
		v.Set("order", "oldest")
	}
	if q.Limit > 0 {
		v.Set("limit", fmt.Sprint(q.Limit))
	}
	return rows, c.get(ctx, "/api/v1/history?"+v.Encode(), &rows)
}

// VerifyHistory has the bridge check its history, which may take a while.
func (c *Client) VerifyHistory(ctx context.Context) (v api.Verdict, err error) {
	return v, c.within(ctx, verifyTimeout, http.MethodGet, "/api/v1/history/verify", nil, &v)
}

// Health lists what is wrong.
func (c *Client) Health(ctx context.Context) (h api.Health, err error) {
	return h, c.get(ctx, "/api/v1/health", &h)
}

// Version says what the bridge runs.
func (c *Client) Version(ctx context.Context) (v api.Version, err error) {
	return v, c.get(ctx, "/api/v1/version", &v)
}

// Reload has the bridge read its configuration again.
func (c *Client) Reload(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/api/v1/reload", nil, nil)
}

// Facts is what the bridge knows about itself.
func (c *Client) Facts(ctx context.Context) (f api.Facts, err error) {
	return f, c.get(ctx, "/api/v1/doctor", &f)
}

// Pairings lists the controllers.
func (c *Client) Pairings(ctx context.Context) (list []api.Pairing, err error) {
	return list, c.get(ctx, "/api/v1/pairings", &list)
}

// ChangePairing gives a controller a name, a role or doors.
func (c *Client) ChangePairing(ctx context.Context, id string, change api.PairingChange) (p api.Pairing, err error) {
	return p, c.do(ctx, http.MethodPatch, "/api/v1/pairings/"+url.PathEscape(id), change, &p)
}

// RemovePairing revokes a controller on all bridges.
func (c *Client) RemovePairing(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/pairings/"+url.PathEscape(id), nil, nil)
}

// HomeKit lists the HomeKit bridges, and lets unpaired ones pair again if arm is set.
func (c *Client) HomeKit(ctx context.Context, arm bool) (list []api.HomeKitBridge, err error) {
	if arm {
		return list, c.do(ctx, http.MethodPost, "/api/v1/pair/homekit", nil, &list)
	}
	return list, c.get(ctx, "/api/v1/pair/homekit", &list)
}

// Matter is the Matter bridge.
func (c *Client) Matter(ctx context.Context) (b api.MatterBridge, err error) {
	return b, c.get(ctx, "/api/v1/pair/matter", &b)
}

// OpenMatter lets one more ecosystem add the Matter bridge.
func (c *Client) OpenMatter(ctx context.Context) (b api.MatterBridge, err error) {
	return b, c.do(ctx, http.MethodPost, "/api/v1/pair/matter", nil, &b)
}

// CloseMatter takes that back.
func (c *Client) CloseMatter(ctx context.Context) (b api.MatterBridge, err error) {
	return b, c.do(ctx, http.MethodDelete, "/api/v1/pair/matter", nil, &b)
}

// Tokens lists the tokens.
func (c *Client) Tokens(ctx context.Context) (list []api.Token, err error) {
	return list, c.get(ctx, "/api/v1/tokens", &list)
}

// CreateToken makes a token; its secret is in this answer only.
func (c *Client) CreateToken(ctx context.Context, name string) (t api.NewTokenAnswer, err error) {
	return t, c.do(ctx, http.MethodPost, "/api/v1/tokens", map[string]string{"name": name}, &t)
}

// RevokeToken ends a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(id), nil, nil)
}

// Sim returns the physics of a simulated device.
func (c *Client) Sim(ctx context.Context, id string) (s api.SimState, err error) {
	return s, c.get(ctx, "/api/v1/sim/"+url.PathEscape(id), &s)
}

// SimEvent makes something happen to a simulated device; digits are for a keypad.
func (c *Client) SimEvent(ctx context.Context, id string, event api.SimEvent, digits string) error {
	var body any
	if digits != "" {
		body = map[string]string{"digits": digits}
	}
	return c.do(ctx, http.MethodPost, "/api/v1/sim/"+url.PathEscape(id)+"/"+url.PathEscape(string(event)), body, nil)
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	return c.within(ctx, requestTimeout, method, path, body, into)
}

func (c *Client) within(ctx context.Context, limit time.Duration, method, path string, body, into any) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	resp, err := c.send(bounded, method, path, body, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return &Error{Why: "the answer of " + c.name + " cannot be read", Remedy: "check that it is loquet that answers there, of a version like this one", Err: err}
	}
	return nil
}

// send returns an answer that is not an error; its body is the caller's to close.
func (c *Client) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.GetBody = nil // without it, net/http has no way to send the body again
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(method, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.refused(resp)
}

// refused reads the problem document of an answer.
func (c *Client) refused(resp *http.Response) error {
	var e api.Error
	err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&e)
	if err != nil || e.Why == "" {
		return &Error{Why: fmt.Sprintf("%s answers %s", c.name, resp.Status), Remedy: "check that it is loquet that answers there", Err: err}
	}
	e.Status = resp.StatusCode
	return &e
}

func (c *Client) unreachable(method string, err error) error {
	var e *url.Error
	if errors.As(err, &e) { // it repeats method and URL
		err = e.Err
	}
	explained := explainDial(c.name, err)
	var op *net.OpError
	unsent := errors.As(err, &op) && op.Op == "dial"
	if method != http.MethodGet && !unsent {
		explained.Why = "the connection to " + c.name + " broke before the answer came"
		explained.Remedy = "it may have been done: look before you try again"
	}
	return explained
}
