package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/loquet/loquet/api"
)

// errOpen refuses to send or fetch a PIN where others can read it.
func errOpen() error {
	return &Error{Why: "the code would go over the network for everybody to read", Remedy: "do it on the machine of the bridge, or through https or ssh"}
}

// People lists the people who may have codes.
func (c *Client) People(ctx context.Context) (list []api.Person, err error) {
	return list, c.get(ctx, "/api/v1/people", &list)
}

// AddPerson adds a person.
func (c *Client) AddPerson(ctx context.Context, r api.PersonRequest) (p api.Person, err error) {
	return p, c.do(ctx, http.MethodPost, "/api/v1/people", r, &p)
}

// ChangePerson gives a person another name or kind.
func (c *Client) ChangePerson(ctx context.Context, id string, change api.PersonChange) (p api.Person, err error) {
	return p, c.do(ctx, http.MethodPatch, "/api/v1/people/"+url.PathEscape(id), change, &p)
}

// RemovePerson removes a person and all their codes.
func (c *Client) RemovePerson(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/people/"+url.PathEscape(id), nil, nil)
}

// Codes lists the codes.
func (c *Client) Codes(ctx context.Context) (list []api.Code, err error) {
	return list, c.get(ctx, "/api/v1/codes", &list)
}

// AddCode gives a person a code. A PIN that the bridge makes is in this answer only.
func (c *Client) AddCode(ctx context.Context, r api.CodeRequest) (n api.NewCode, err error) {
	if !c.private() {
		return n, errOpen()
	}
	return n, c.do(ctx, http.MethodPost, "/api/v1/codes", r, &n)
}

// ChangeCode changes when and where a code opens, or takes it back.
func (c *Client) ChangeCode(ctx context.Context, id string, change api.CodeChange) (k api.Code, err error) {
	return k, c.do(ctx, http.MethodPatch, "/api/v1/codes/"+url.PathEscape(id), change, &k)
}

// RemoveCode removes a code.
func (c *Client) RemoveCode(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/codes/"+url.PathEscape(id), nil, nil)
}

// ExplainCode asks whether a code opens a door at a moment, and why.
func (c *Client) ExplainCode(ctx context.Context, q api.ExplainRequest) (e api.Explanation, err error) {
	if q.Code != "" && !c.private() {
		return e, errOpen()
	}
	return e, c.do(ctx, http.MethodPost, "/api/v1/codes/explain", q, &e)
}

// UnknownCodes lists what locks hold that no code of the house put there.
func (c *Client) UnknownCodes(ctx context.Context) (found []api.UnknownCode, err error) {
	return found, c.get(ctx, "/api/v1/codes/unknown", &found)
}

// AdoptCode gives a person what a place of a lock holds.
func (c *Client) AdoptCode(ctx context.Context, lock string, slot int, person string) (k api.Code, err error) {
	return k, c.do(ctx, http.MethodPost, unknown(lock, slot)+"/adopt", api.AdoptCodeRequest{Person: person}, &k)
}

// LeaveUnknownCode leaves it where it is.
func (c *Client) LeaveUnknownCode(ctx context.Context, lock string, slot int) error {
	return c.do(ctx, http.MethodPost, unknown(lock, slot)+"/leave", nil, nil)
}

// ClearUnknownCode takes it off the lock.
func (c *Client) ClearUnknownCode(ctx context.Context, lock string, slot int) error {
	return c.do(ctx, http.MethodDelete, unknown(lock, slot), nil, nil)
}

func unknown(lock string, slot int) string {
	return fmt.Sprintf("/api/v1/codes/unknown/%s/%d", url.PathEscape(lock), slot)
}

// InstallKeypad lets a keypad on an encrypted line get a key of its own.
func (c *Client) InstallKeypad(ctx context.Context, id string) (i api.KeypadInstall, err error) {
	return i, c.do(ctx, http.MethodPost, "/api/v1/pair/keypad/"+url.PathEscape(id), nil, &i)
}

// DoorGroups lists the groups of doors.
func (c *Client) DoorGroups(ctx context.Context) (groups []api.DoorGroup, err error) {
	return groups, c.do(ctx, http.MethodGet, "/api/v1/groups", nil, &groups)
}

// SaveDoorGroup makes a group of doors, or changes it.
func (c *Client) SaveDoorGroup(ctx context.Context, id string, r api.DoorGroupRequest) (g api.DoorGroup, err error) {
	return g, c.do(ctx, http.MethodPut, "/api/v1/groups/"+url.PathEscape(id), r, &g)
}

// RemoveDoorGroup removes a group that no code names.
func (c *Client) RemoveDoorGroup(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/groups/"+url.PathEscape(id), nil, nil)
}

// Holidays lists the times in which only owners come in by code.
func (c *Client) Holidays(ctx context.Context) (list []api.Holiday, err error) {
	return list, c.get(ctx, "/api/v1/holidays", &list)
}

// SaveHoliday makes a holiday, or changes it.
func (c *Client) SaveHoliday(ctx context.Context, id string, r api.HolidayRequest) (h api.Holiday, err error) {
	return h, c.do(ctx, http.MethodPut, "/api/v1/holidays/"+url.PathEscape(id), r, &h)
}

// RemoveHoliday removes a holiday.
func (c *Client) RemoveHoliday(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/holidays/"+url.PathEscape(id), nil, nil)
}
