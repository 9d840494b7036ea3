package alerts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/config"
)

var open = Alert{ID: "left-open-garage--1-1", Kind: LeftOpen, Device: "garage", Name: "Garage é", Title: "Garage é is open", Text: "It has been open for 20 minutes.", At: at(13, 0), Times: 1}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// receiver answers with status and keeps the last request.
func receiver(t *testing.T, status int) (url string, last func() (http.Header, []byte)) {
	t.Helper()
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/my-topic", func() (http.Header, []byte) { return header, body }
}

func TestNtfy(t *testing.T) {
	url, last := receiver(t, http.StatusOK)
	n := &ntfy{c: config.Ntfy{URL: url, TokenFile: secretFile(t, "tk_abc\n")}, client: newClient()}
	urgent := open
	urgent.Urgent = true
	for _, c := range []struct {
		alert    Alert
		priority string
	}{{open, "3"}, {urgent, "5"}} {
		if err := n.send(t.Context(), c.alert); err != nil {
			t.Fatal(err)
		}
		header, body := last()
		if string(body) != open.Text || header.Get("X-Priority") != c.priority || header.Get("Authorization") != "Bearer tk_abc" {
			t.Errorf("got %v %q", header, body)
		}
		if title := header.Get("X-Title"); title != "=?utf-8?q?Garage_=C3=A9_is_open?=" {
			t.Errorf("title %q", title)
		}
	}
}

func TestWebhook(t *testing.T) {
	url, last := receiver(t, http.StatusNoContent)
	hook := &webhook{c: config.Webhook{URL: url, SecretFile: secretFile(t, "between us")}, client: newClient()}
	if err := hook.send(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	header, body := last()
	var got Alert
	if err := json.Unmarshal(body, &got); err != nil || got.ID != open.ID || !got.At.Equal(open.At) {
		t.Errorf("got %s: %v", body, err)
	}
	mac := hmac.New(sha256.New, []byte("between us"))
	mac.Write(body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); header.Get("X-Loquet-Signature") != want {
		t.Errorf("signature %q, want %q", header.Get("X-Loquet-Signature"), want)
	}
}

func TestAnswers(t *testing.T) {
	for status, final := range map[int]bool{
		http.StatusBadRequest: true, http.StatusNotFound: true, http.StatusFound: true, http.StatusRequestEntityTooLarge: true,
		http.StatusUnauthorized: false, http.StatusTooManyRequests: false, http.StatusInternalServerError: false, http.StatusBadGateway: false,
	} {
		url, _ := receiver(t, status)
		err := (&webhook{c: config.Webhook{URL: url}, client: newClient()}).send(t.Context(), open)
		if err == nil || errors.Is(err, errRefused) != final {
			t.Errorf("%d: %v", status, err)
		}
		if strings.Contains(err.Error(), "my-topic") {
			t.Errorf("%d: the address is in the error: %v", status, err)
		}
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	err := (&ntfy{c: config.Ntfy{URL: closed.URL + "/my-topic"}, client: newClient()}).send(t.Context(), open)
	if err == nil || errors.Is(err, errRefused) || strings.Contains(err.Error(), "my-topic") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	for name, text := range map[string]string{"empty": " \n", "two lines": "a\nb", "far too long": strings.Repeat("x", maxSecret+1)} {
		if secret, err := readSecret(secretFile(t, text)); err == nil || strings.Contains(err.Error(), "xx") {
			t.Errorf("%s: %q, %v", name, secret, err)
		}
	}
	if _, err := readSecret(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file is a secret")
	}
}

type broker struct{ topic, payload string }

func (b *broker) Publish(_ context.Context, topic string, payload []byte) error {
	b.topic, b.payload = topic, string(payload)
	return nil
}

func TestTopic(t *testing.T) {
	var b broker
	if err := (&topic{name: "doors/alerts", mqtt: func() (publisher, error) { return &b, nil }}).send(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	if b.topic != "doors/alerts" || !strings.Contains(b.payload, `"kind":"left-open"`) {
		t.Errorf("got %+v", b)
	}
	none := errors.New("no broker")
	if err := (&topic{mqtt: func() (publisher, error) { return nil, none }}).send(t.Context(), open); !errors.Is(err, none) {
		t.Error(err)
	}
}
