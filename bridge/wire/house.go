package wire

import (
	"context"
	"errors"
	"io/fs"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge/boards"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
)

// House opens the pins of this machine and the boards of a configuration, if there is one. Nothing moves:
// no line is requested. Closing the Env closes them.
func House(ctx context.Context, path string, log zerolog.Logger) (*hw.Env, error) {
	env := hw.NewEnv(log)
	all, err := boards.Open(ctx, env, nil, log)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	cfg, err := config.Load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return env, nil
	case err == nil:
		err = all.Start(ctx, cfg)
	}
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	return env, nil
}
