package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge"
	"github.com/loquet/loquet/bridge/wire"
	"github.com/loquet/loquet/cli"
)

// wiring leads through the first wiring of a door.
func wiring(ctx context.Context, o cli.WireOptions, s cli.Streams) (err error) {
	env, err := wire.House(ctx, o.Config, logger(s.Err, "text").Level(zerolog.ErrorLevel))
	if err != nil {
		return permitted(withRemedy(err))
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	ports, _ := filepath.Glob("/dev/serial/by-path/*") // the pattern is good
	err = wire.Run(ctx, wire.Options{Env: env, Path: o.Config, Catalog: bridge.Catalog(), Serial: ports}, s.In, s.Out)
	if errors.Is(err, wire.ErrStopped) {
		return &cli.Failure{Why: err.Error(), Remedy: "loquet wire begins again", Err: err}
	}
	return permitted(withRemedy(err))
}
