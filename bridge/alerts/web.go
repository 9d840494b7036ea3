package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/loquet/loquet/config"
)

// maxSecret bounds a file with a secret.
const maxSecret = 4096

// readSecret returns what a file holds, without the end of its line. It is read at each use, so that a new
// secret needs no restart.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	f, err := os.Open(path) //nolint:gosec // the owner's own configuration names it
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" || len(data) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s holds no secret: write one line into it", path)
	}
	return secret, nil
}

// newClient returns a client that asks the one server it is told to ask, and no other.
func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: attemptTime, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends one request and judges the answer by its status. An address is never part of the error: a
// topic of ntfy is a secret.
func post(ctx context.Context, client *http.Client, address string, header http.Header, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: the address cannot be used", errRefused)
	}
	req.Header = header
	answer, err := client.Do(req)
	if err != nil {
		var where *url.Error
		if errors.As(err, &where) {
			err = where.Err
		}
		return err
	}
	defer answer.Body.Close()
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code == http.StatusUnauthorized,
		code == http.StatusForbidden, code >= 500: // the owner, or time, mends these
		return fmt.Errorf("the server answered %s", answer.Status)
	}
	return fmt.Errorf("%w: the server answered %s", errRefused, answer.Status)
}

// ntfy publishes to a topic (docs.ntfy.sh/publish: the message is the body, everything else headers).
type ntfy struct {
	c      config.Ntfy
	client *http.Client
}

func (n *ntfy) send(ctx context.Context, a Alert) error {
	token, err := readSecret(n.c.TokenFile)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set("X-Title", mime.QEncoding.Encode("utf-8", a.Title))
	header.Set("X-Tags", string(a.Kind))
	header.Set("X-Priority", "3")
	switch {
	case a.Over:
		header.Set("X-Priority", "2")
	case a.Urgent:
		header.Set("X-Priority", "5")
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return post(ctx, n.client, n.c.URL, header, []byte(a.Text))
}

// webhook posts the alert as JSON.
type webhook struct {
	c      config.Webhook
	client *http.Client
}

func (w *webhook) send(ctx context.Context, a Alert) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	secret, err := readSecret(w.c.SecretFile)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	if secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		header.Set("X-Loquet-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return post(ctx, w.client, w.c.URL, header, body)
}

// topic publishes the alert as JSON to the house's broker.
type topic struct {
	name string
	mqtt func() (publisher, error)
}

// publisher is what a topic needs of the house's connection.
type publisher interface {
	Publish(ctx context.Context, topic string, payload []byte) error
}

func (t *topic) send(ctx context.Context, a Alert) error {
	to, err := t.mqtt()
	if err != nil {
		return err
	}
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return to.Publish(ctx, t.name, body)
}

// stamp is a time as mail has it (RFC 5322 3.3).
func stamp(t time.Time) string { return t.Format("Mon, 02 Jan 2006 15:04:05 -0700") }
