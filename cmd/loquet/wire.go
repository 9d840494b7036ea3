package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge"
	"github.com/loquet/loquet/bridge/wire"
	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/config"
)

// wiring leads through the first wiring of a door.
func wiring(ctx context.Context, o cli.WireOptions, s cli.Streams) (err error) {
	env, err := wire.House(ctx, o.Config, logger(s.Err, "text").Level(zerolog.ErrorLevel))
	if err != nil {
		return wiringFailed(err, o.Config)
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	ports, _ := filepath.Glob("/dev/serial/by-path/*") // the pattern is good
	err = wire.Run(ctx, wire.Options{Env: env, Path: o.Config, Catalog: bridge.Catalog(), Serial: ports}, s.In, s.Out)
	return wiringFailed(err, o.Config)
}

// wiringFailed says what to do about a conversation that ended early.
func wiringFailed(err error, path string) error {
	var wrong config.Errors
	switch {
	case errors.Is(err, wire.ErrStopped):
		return &cli.Failure{Why: err.Error(), Remedy: "loquet wire begins again", Err: err}
	case errors.As(err, &wrong):
		return &cli.Failure{Why: path + " has mistakes, and nothing is added to such a file", Remedy: "mend it first: loquet check " + path, Err: err}
	case errors.Is(err, wire.ErrFile) && !errors.Is(err, fs.ErrPermission):
		return &cli.Failure{Why: err.Error(), Remedy: "write the section by hand (docs/configuration.md), or name another file with --config", Err: err}
	}
	return permitted(withRemedy(err))
}
