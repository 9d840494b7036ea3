package client

import (
	"context"
	"net/http"
	"time"

	"github.com/loquet/loquet/api"
)

// Clock is what time it is at the bridge and how far that is known.
func (c *Client) Clock(ctx context.Context) (f api.ClockFacts, err error) {
	return f, c.get(ctx, "/api/v1/clock", &f)
}

// ConfirmClock says that at is the time now.
func (c *Client) ConfirmClock(ctx context.Context, at time.Time) (f api.ClockFacts, err error) {
	return f, c.do(ctx, http.MethodPost, "/api/v1/clock/confirm", api.ClockRequest{At: at}, &f)
}
