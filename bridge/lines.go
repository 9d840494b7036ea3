package bridge

import (
	"context"

	"github.com/loquet/loquet/bridge/boards"
	"github.com/loquet/loquet/bridge/mqtt"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/store"
)

// World is a simulated house, in this process or another.
type World = boards.World

// Catalog is what a configuration may name in this build.
func Catalog() config.Catalog { return catalog.Of() }

// DemoCatalog is what the configuration of a house with Options.World may name: its lines as well.
func DemoCatalog() config.Catalog { return catalog.Of(boards.Sim) }

func (a *App) catalog() config.Catalog {
	if a.opts.World != nil {
		return DemoCatalog()
	}
	return Catalog()
}

func (a *App) openLines(ctx context.Context) (err error) {
	a.env = hw.NewEnv(a.log)
	if err := a.openMQTT(); err != nil {
		return err
	}
	a.env.KeepIn(a.opts.StateDir)
	a.env.Guard, a.env.Report = a.opts.Guard, func(p hw.Problem, detail string, on bool) { a.raise(health.Code(p), "", detail, on) }
	a.onStop("lines", func(context.Context) error { return a.env.Close() })
	if a.boards, err = boards.Open(ctx, a.env, a.opts.World, a.log); err != nil {
		return err
	}
	if err := a.boards.Start(ctx, a.cfg); err != nil {
		return err
	}
	a.chooseWorld()
	return nil
}

// openMQTT connects the house to its broker, where it has one.
func (a *App) openMQTT() (err error) {
	a.mqtt, err = mqtt.Open(mqtt.Options{Config: a.cfg.MQTT, Install: a.store.Install(), Storage: a.store.Space("mqtt", store.Precious), Roster: a.people,
		Command: a.Command, Refused: a.refusals.Tell, Board: a.board, Log: a.log})
	if err != nil || a.mqtt == nil {
		return err
	}
	a.env.UseMQTT(a.mqtt.Connection())
	a.pairings.MQTT = a.mqtt
	a.onStop("mqtt", a.mqtt.Stop)
	return nil
}

func (a *App) chooseWorld() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.world = a.boards.World()
}
