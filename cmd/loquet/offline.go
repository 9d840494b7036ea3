package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge"
	"github.com/loquet/loquet/bridge/history"
	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
)

// check judges a configuration without opening anything.
func check(_ context.Context, path string) ([]cli.Finding, error) {
	_, found, err := readConfig(path)
	var wrong config.Errors
	if err != nil && !errors.As(err, &wrong) {
		return nil, err
	}
	var out []cli.Finding
	for _, f := range wrong {
		out = append(out, cli.Finding{Stops: true, Text: f.String(), Value: f})
	}
	for _, f := range found {
		if f.Severity != config.SeverityError {
			out = append(out, cli.Finding{Text: f.String(), Value: f})
		}
	}
	return out, nil
}

// readConfig is config.Read with what to do when there is no file to be judged.
func readConfig(path string) (*config.Config, []config.Finding, error) {
	cfg, found, err := config.Read(path, bridge.Catalog())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = &cli.Failure{Why: err.Error(), Remedy: "say where the configuration is with --config, or begin with `loquet demo`", Err: err}
	case errors.Is(err, fs.ErrPermission):
		err = &cli.Failure{Why: err.Error(), Remedy: "let the user that runs loquet read the configuration", Err: err}
	}
	return cfg, found, err
}

// drivers lists the drivers of this build.
func drivers() []cli.Driver {
	list := listed(nil, "opener", all.Openers())
	list = listed(list, "bolt", all.Bolts())
	list = listed(list, "sensor", all.Sensors())
	return listed(list, "board", all.Boards())
}

func listed[D any](list []cli.Driver, kind string, r *hw.Registry[D]) []cli.Driver {
	for d := range r.All() {
		list = append(list, cli.Driver{Kind: kind, Name: d.Name, Doc: d.Doc})
	}
	return list
}

// schema is the JSON Schema of the configuration with the drivers of this build.
func schema() ([]byte, error) { return config.Schema(bridge.Catalog()) }

// verifyState is history.VerifyFolder with what to do when there is no folder to be checked.
func verifyState(ctx context.Context, folder string) (api.Verdict, error) {
	v, err := history.VerifyFolder(ctx, folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = &cli.Failure{Why: "there is no history in " + folder, Remedy: "say with --state where the bridge keeps its state", Err: err}
	case errors.Is(err, fs.ErrPermission):
		err = &cli.Failure{Why: err.Error(), Remedy: "run this as root, or as the user that runs loquet", Err: err}
	}
	return v, err
}
