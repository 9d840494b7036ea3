package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/loquet/loquet/api"
)

// Calendars lists the calendars whose guests get codes.
func (c *Client) Calendars(ctx context.Context) (list []api.Calendar, err error) {
	return list, c.get(ctx, "/api/v1/calendars", &list)
}

// AddCalendar adds a calendar. Its address is a secret, and goes over private connections only.
func (c *Client) AddCalendar(ctx context.Context, r api.CalendarRequest) (k api.Calendar, err error) {
	if !c.private() {
		return k, errOpen()
	}
	return k, c.do(ctx, http.MethodPost, "/api/v1/calendars", r, &k)
}

// ChangeCalendar changes a calendar.
func (c *Client) ChangeCalendar(ctx context.Context, id string, change api.CalendarChange) (k api.Calendar, err error) {
	if change.URL != nil && !c.private() {
		return k, errOpen()
	}
	return k, c.do(ctx, http.MethodPatch, "/api/v1/calendars/"+url.PathEscape(id), change, &k)
}

// RemoveCalendar forgets a calendar and takes the codes of its guests back.
func (c *Client) RemoveCalendar(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/calendars/"+url.PathEscape(id), nil, nil)
}

// FetchCalendar asks for a calendar now.
func (c *Client) FetchCalendar(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/api/v1/calendars/"+url.PathEscape(id)+"/fetch", nil, nil)
}

// Stays lists the guests of calendars.
func (c *Client) Stays(ctx context.Context) (list []api.Stay, err error) {
	return list, c.get(ctx, "/api/v1/stays", &list)
}

// TellStay is the message for a guest, with the code. It comes over private connections only.
func (c *Client) TellStay(ctx context.Context, id string) (m api.StayMessage, err error) {
	if !c.private() {
		return m, errOpen()
	}
	return m, c.do(ctx, http.MethodPost, "/api/v1/stays/"+url.PathEscape(id)+"/message", nil, &m)
}

// CancelStay takes the code of a guest back.
func (c *Client) CancelStay(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/api/v1/stays/"+url.PathEscape(id)+"/cancel", nil, nil)
}

// EraseStay erases a guest.
func (c *Client) EraseStay(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/stays/"+url.PathEscape(id), nil, nil)
}

// AddStay enters a guest whom no calendar knows.
func (c *Client) AddStay(ctx context.Context, r api.StayRequest) (s api.Stay, err error) {
	return s, c.do(ctx, http.MethodPost, "/api/v1/stays", r, &s)
}

// ChangeStay changes a guest who was entered so.
func (c *Client) ChangeStay(ctx context.Context, id string, change api.StayChange) (s api.Stay, err error) {
	return s, c.do(ctx, http.MethodPatch, "/api/v1/stays/"+url.PathEscape(id), change, &s)
}
