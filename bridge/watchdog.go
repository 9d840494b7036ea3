package bridge

import (
	"context"
	"time"

	"github.com/loquet/loquet/api"
)

// probeLimit bounds a look at all parts of the program.
const probeLimit = 2 * time.Second

// alive asks every part for real progress and names the first that makes none. A part that hangs for
// ever hangs the one who asks: that is no progress either.
func (a *App) alive(ctx context.Context) (part string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	for _, u := range a.allUnits() {
		if err := u.Ping(ctx); ctx.Err() != nil {
			return u.ID, false
		} else if err != nil {
			continue // it does not run: it is told of and built again
		}
	}
	if _, err := a.History(ctx, api.HistoryQuery{Limit: 1}); err != nil {
		return "journal", false
	}
	a.faces.Bridges()
	return "", true
}
