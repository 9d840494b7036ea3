package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/loquet/loquet/api"
)

// Backup writes an encrypted backup of the house to out. It does not know whether the backup is
// complete: reading it back tells.
func (c *Client) Backup(ctx context.Context, passphrase string, out io.Writer) error {
	if !c.private() {
		return &Error{Why: "the passphrase would go over the network for everybody to read", Remedy: "make the backup on the machine of the bridge, or through https or ssh"}
	}
	return c.download(ctx, http.MethodPost, "/api/v1/backup", api.BackupRequest{Passphrase: passphrase}, out)
}

// Configuration writes the bridge's configuration to out. It wraps api.ErrNotFound if there is none.
func (c *Client) Configuration(ctx context.Context, out io.Writer) error {
	err := c.download(ctx, http.MethodGet, "/api/v1/configuration", nil, out)
	var refused *api.Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return fmt.Errorf("configuration: %w", api.ErrNotFound)
	}
	return err
}

func (c *Client) download(ctx context.Context, method, path string, body any, out io.Writer) error {
	bounded, cancel := context.WithTimeout(ctx, backupTimeout)
	defer cancel()
	resp, err := c.send(bounded, method, path, body, nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(out, resp.Body); ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// private reports whether nobody on the network can read what is sent.
func (c *Client) private() bool {
	u, err := url.Parse(c.base)
	if err != nil {
		return false
	}
	if c.token == "" || u.Scheme == "https" { // a unix socket needs no token
		return true
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	return net.IP(addr.AsSlice()).IsLoopback()
}
