package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/loquet/loquet/api"
)

// Adopt makes an account at the house's MQTT broker. The password is in this answer only.
func (c *Client) Adopt(ctx context.Context, r api.AdoptRequest) (a api.Adoption, err error) {
	if !c.private() {
		return a, errOpen()
	}
	return a, c.do(ctx, http.MethodPost, "/api/v1/mqtt/accounts", r, &a)
}

// Accounts lists the accounts of devices at the house's MQTT broker.
func (c *Client) Accounts(ctx context.Context) (list []api.Account, err error) {
	return list, c.get(ctx, "/api/v1/mqtt/accounts", &list)
}

// Found lists devices that announce themselves for Home Assistant at the house's broker.
func (c *Client) Found(ctx context.Context) (list []api.Found, err error) {
	return list, c.get(ctx, "/api/v1/mqtt/found", &list)
}

// RemoveAccount removes an account and disconnects its device.
func (c *Client) RemoveAccount(ctx context.Context, user string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/mqtt/accounts/"+url.PathEscape(user), nil, nil)
}
