package alerts

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/config"
)

// mailServer is a server for one letter.
type mailServer struct {
	secure   *tls.Config // nil: it has no TLS
	refuses  string      // what it answers to RCPT
	login    string      // the account that was proved
	inClear  bool        // the letter came without TLS
	letter   string
	finished chan struct{}
}

func (m *mailServer) serve(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.finished = make(chan struct{})
	go func() {
		defer close(m.finished)
		conn, err := listener.Accept()
		if err == nil {
			m.talk(conn)
		}
	}()
	t.Cleanup(func() { listener.Close(); <-m.finished })
	return listener.Addr().String()
}

func (m *mailServer) talk(conn net.Conn) {
	defer func() { conn.Close() }()
	m.inClear = true
	lines := bufio.NewReader(conn)
	say := func(s string) { _, _ = io.WriteString(conn, s+"\r\n") }
	say("220 here")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		switch word, rest, _ := strings.Cut(line, " "); strings.ToUpper(word) {
		case "EHLO":
			if m.secure != nil && m.inClear {
				say("250-here\r\n250 STARTTLS")
			} else {
				say("250-here\r\n250 AUTH PLAIN")
			}
		case "STARTTLS":
			if m.secure == nil {
				say("502 no")
				continue
			}
			say("220 go on")
			conn = tls.Server(conn, m.secure)
			lines, m.inClear = bufio.NewReader(conn), false
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			m.login = strings.ReplaceAll(string(raw), "\x00", " ")
			say("235 ok")
		case "RCPT":
			if m.refuses != "" {
				say(m.refuses)
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := lines.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			m.letter = b.String()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func TestLetter(t *testing.T) {
	secure, trust := certificate(t)
	server := &mailServer{secure: secure}
	box := &postbox{tls: trust, c: config.Email{Server: server.serve(t), From: "house@example.org", To: "owner@example.org", User: "house", PasswordFile: secretFile(t, "secret\n")}}
	odd := open
	odd.Title, odd.Text = "Garage é is open", ".\r\nBcc: everybody@example.org\n.\nend"
	if err := box.send(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	<-server.finished
	letter, err := mail.ReadMessage(strings.NewReader(server.letter))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
	if err != nil {
		t.Fatal(err)
	}
	if server.inClear || server.login != " house secret" || letter.Header.Get("To") != "owner@example.org" || letter.Header.Get("Bcc") != "" {
		t.Errorf("in clear %v, login %q, headers %v", server.inClear, server.login, letter.Header)
	}
	if got, want := letter.Header.Get("Subject"), "=?utf-8?q?Garage_=C3=A9_is_open?="; got != want {
		t.Errorf("subject %q", got)
	}
	if !strings.Contains(string(body), "Bcc: everybody") || !strings.Contains(string(body), "end") {
		t.Errorf("body %q", body)
	}
	if date, err := letter.Header.Date(); err != nil || !date.Equal(odd.At) {
		t.Errorf("date %v, %v", date, err)
	}
}

func TestNoTLSNoLetter(t *testing.T) {
	server := &mailServer{}
	box := &postbox{c: config.Email{Server: server.serve(t), From: "house@example.org", To: "owner@example.org", User: "house", PasswordFile: secretFile(t, "secret")}}
	err := box.send(t.Context(), open)
	if err == nil || errors.Is(err, errRefused) || server.login != "" || server.letter != "" {
		t.Errorf("%v; login %q, letter %q", err, server.login, server.letter)
	}
}

func TestPlainAndRefused(t *testing.T) {
	server := &mailServer{}
	plain := config.Email{Server: server.serve(t), From: "house@example.org", To: "owner@example.org", Plain: true}
	if err := (&postbox{c: plain}).send(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	for answer, final := range map[string]bool{"550 no such box": true, "451 later": false} {
		server := &mailServer{refuses: answer}
		plain.Server = server.serve(t)
		if err := (&postbox{c: plain}).send(t.Context(), open); err == nil || errors.Is(err, errRefused) != final {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
