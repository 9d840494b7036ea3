package feeds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Times of fetching.
const (
	Interval  = 30 * time.Minute // between two feeds, give or take a fifth
	firstWait = 15 * time.Minute // after a failure; twice as long after each one more
	longest   = 6 * time.Hour
	Stale     = 6 * time.Hour // without a feed: the owner is told

	fetchTime    = time.Minute
	headerTime   = 20 * time.Second
	maxRedirects = 3
)

// Errors of fetching. None of them holds the address of the feed.
var (
	ErrUnreachable = errors.New("the calendar cannot be reached")
	ErrGone        = errors.New("there is no calendar at its address any more")
	ErrDenied      = errors.New("the calendar is not given out")
	ErrBusy        = errors.New("the channel asks to be left alone for a while")
	ErrTooLarge    = errors.New("the calendar is larger than 1 MiB")
)

// Validators let a server say that nothing has changed.
type Validators struct{ ETag, Modified string }

// Answer is what a server said.
type Answer struct {
	Text       []byte
	Unchanged  bool
	Validators Validators
	After      time.Duration // with an error: not before this
}

// Fetcher fetches feeds. Each one is a connection of its own, without cookies or a proxy.
type Fetcher struct{ client *http.Client }

// NewFetcher returns a fetcher. dial is how it connects; nil: over the network.
func NewFetcher(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *Fetcher {
	return &Fetcher{&http.Client{
		Timeout: fetchTime,
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, ResponseHeaderTimeout: headerTime, TLSHandshakeTimeout: headerTime,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("it is sent from one place to another")
			}
			if err := CheckURL(r.URL.String()); err != nil || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("it is sent to a place that is not https")
			}
			r.Header.Del("Referer") // the address it comes from is a secret
			return nil
		},
	}}
}

// Fetch asks for a calendar once. Errors wrap those above or ErrCalendar, and hold nothing of its address.
func (f *Fetcher) Fetch(ctx context.Context, address string, v Validators) (Answer, error) {
	if err := CheckURL(address); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: its address cannot be read", ErrCalendar)
	}
	request.Header.Set("Accept", "text/calendar")
	request.Header.Set("User-Agent", "loquet")
	if v.ETag != "" {
		request.Header.Set("If-None-Match", v.ETag)
	}
	if v.Modified != "" {
		request.Header.Set("If-Modified-Since", v.Modified)
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %s", ErrUnreachable, why(err))
	}
	defer func() { _ = answer.Body.Close() }()
	return read(answer)
}

func read(r *http.Response) (Answer, error) {
	a := Answer{Validators: Validators{ETag: r.Header.Get("ETag"), Modified: r.Header.Get("Last-Modified")}}
	switch {
	case r.StatusCode == http.StatusNotModified:
		a.Unchanged = true
		return a, nil
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusGone:
		return a, ErrGone
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		return a, ErrDenied
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusServiceUnavailable:
		if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 {
			a.After = min(time.Duration(min(s, 1<<20))*time.Second, 24*time.Hour)
		}
		return a, ErrBusy
	case r.StatusCode != http.StatusOK:
		return a, fmt.Errorf("%w: it answers with %d", ErrUnreachable, r.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, MaxFeed+1))
	switch {
	case err != nil:
		return a, fmt.Errorf("%w: %s", ErrUnreachable, why(err))
	case len(text) > MaxFeed:
		return a, ErrTooLarge
	}
	a.Text = text
	return a, nil
}

// why is the reason of a failure without the address, which http puts into its errors.
func why(err error) string {
	var where *url.Error
	if errors.As(err, &where) {
		err = where.Err
	}
	var lookup *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &lookup):
		return "its name is not found"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it takes too long"
	case errors.Is(err, context.Canceled):
		return "it was stopped"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it broke off"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return "no connection"
	}
	return "the connection failed"
}

// Wait is how long to wait before the next fetch, after so many failures in a row. asked is what the server
// asked for.
func Wait(failures int, asked time.Duration) time.Duration {
	wait := Interval
	if failures > 0 {
		wait = min(firstWait<<min(failures-1, 10), longest)
	}
	jitter := 0.8 + 0.4*rand.Float64()
	return max(time.Duration(float64(wait)*jitter), asked)
}
