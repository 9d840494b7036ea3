package bridge

import (
	"context"
	"fmt"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/alerts"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

func (a *App) raise(code health.Code, subject, detail string, on bool) {
	if on {
		a.board.Raise(code, subject, detail)
	} else {
		a.board.Clear(code, subject)
	}
}

// Problems implements api.Caretaker.
func (a *App) Problems() []api.Problem {
	active := a.board.Active()
	out := make([]api.Problem, len(active))
	for i, p := range active {
		out[i] = api.Problem{Code: string(p.Code), Severity: p.Severity.String(), Title: p.Title,
			Subject: p.Subject, Detail: p.Detail, Remedy: p.Remedy, Since: p.Since.In(a.zone.Load())}
	}
	return out
}

// openAlerts watches for what the owner wants to be told.
func (a *App) openAlerts(context.Context) error {
	a.alerts = alerts.New(alerts.Options{Board: a.board, Clock: a.clock, Zone: a.zone.Load, MQTT: a.env.MQTT, Log: a.log})
	a.onStop("alerts", a.alerts.Stop)
	a.alerts.Apply(a.cfg.Alerts, unit.IDs(a.cfg))
	a.alerts.Start()
	return nil
}

func (a *App) watchHealth(ctx context.Context) {
	for range a.board.Subscribe(ctx) {
		a.stream.Health(a.Problems())
	}
}

// examine says what is wrong with the servers now.
func (a *App) examine() { a.pairings.Examine(a.board, a.homekitAddr(), a.matterAddr()) }

// tellWarnings tells the owner what in the configuration deserves a look.
func (a *App) tellWarnings(found []config.Finding) {
	for _, w := range found {
		a.log.Warn().Str("rule", w.Rule).Str("at", w.Path).Msg("configuration: " + w.What)
	}
	detail := ""
	if len(found) > 0 {
		detail = found[0].Path + ": " + found[0].What
	}
	if more := len(found) - 1; more > 0 {
		detail += fmt.Sprintf(", and %d more", more)
	}
	a.raise(health.ConfigWarning, "", detail, len(found) > 0)
}
