package alerts

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/loquet/loquet/config"
)

// postbox hands mail to a server: over TLS from the first byte at port 465, else by STARTTLS, which is
// not given up when the server has none.
type postbox struct {
	c   config.Email
	tls *tls.Config // nil: as the system trusts
}

// implicitTLS is the port that speaks TLS at once (RFC 8314 3.3).
const implicitTLS = "465"

func (p *postbox) send(ctx context.Context, a Alert) error {
	password, err := readSecret(p.c.PasswordFile)
	if err != nil {
		return err
	}
	client, err := p.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := p.deliver(client, password, a); err != nil {
		var answer *textproto.Error
		if errors.As(err, &answer) && answer.Code >= 550 && answer.Code < 560 {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return err
	}
	return nil
}

func (p *postbox) dial(ctx context.Context) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(p.c.Server)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.tls != nil {
		secure = p.tls.Clone()
	}
	secure.ServerName = host
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.c.Server)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if port == implicitTLS && !p.c.Plain {
		conn = tls.Client(conn, secure)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if p.c.Plain || port == implicitTLS {
		return client, nil
	}
	if err := client.StartTLS(secure); err != nil {
		return nil, errors.Join(fmt.Errorf("the mail server gives no TLS, nothing was sent: %w", err), client.Close())
	}
	return client, nil
}

func (p *postbox) deliver(client *smtp.Client, password string, a Alert) error {
	host, _, _ := net.SplitHostPort(p.c.Server)
	if p.c.User != "" {
		if err := client.Auth(smtp.PlainAuth("", p.c.User, password, host)); err != nil {
			return fmt.Errorf("the mail server does not take the account: %w", err)
		}
	}
	if err := client.Mail(p.c.From); err != nil {
		return err
	}
	if err := client.Rcpt(p.c.To); err != nil {
		return err
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(p.letter(a)); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	_ = client.Quit() // the letter is taken already
	return nil
}

func (p *postbox) letter(a Alert) []byte {
	_, domain, _ := strings.Cut(p.c.From, "@")
	var b bytes.Buffer
	for _, line := range [][2]string{
		{"From", p.c.From}, {"To", p.c.To}, {"Subject", mime.QEncoding.Encode("utf-8", a.Title)}, {"Date", stamp(a.At)},
		{"Message-ID", "<" + plainID(a.ID) + "@" + domain + ">"}, {"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(line[0] + ": " + line[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(a.Text + "\r\n\r\n" + a.At.Format(time.RFC1123Z) + "\r\n"))
	_ = w.Close()
	return b.Bytes()
}

// plainID keeps of an ID what a Message-ID may hold.
func plainID(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return '.'
	}, id)
}
