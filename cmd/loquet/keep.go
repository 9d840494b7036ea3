package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge/backup"
	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/internal/sealed"
)

// backupStopped makes a backup of a folder that no bridge uses.
func backupStopped(ctx context.Context, o cli.BackupOptions, out io.Writer) error {
	source := &backup.Source{State: o.State, Config: o.Config, Version: release, Missing: func() {
		log := logger(os.Stderr, "text")
		log.Warn().Msg("this backup lacks the key of the codes, which systemd hands to the service: make one while the bridge runs, without --state")
	}}
	err := source.Stopped(ctx, o.Passphrase, out)
	if errors.Is(err, fs.ErrNotExist) {
		return &cli.Failure{Why: "there is no house in " + o.State, Remedy: "say with --state where the bridge keeps its state", Err: err}
	}
	return permitted(err)
}

// restore puts a backup back.
func restore(ctx context.Context, o cli.RestoreOptions, s cli.Streams) (cli.Restored, error) {
	state := o.State
	if state == "" {
		state = defaultState()
	}
	log := logger(s.Err, "text").Level(zerolog.ErrorLevel)
	r, err := backup.Restore(ctx, o.File, o.Passphrase, backup.Target{State: state, Force: o.Force, Config: o.Config, Version: release, Log: log})
	if err != nil {
		return cli.Restored{}, restoreFailed(err)
	}
	return cli.Restored{State: state, Made: r.Created, Host: r.Host, Version: r.Loquet, Aside: r.Aside, Warnings: r.Warnings}, nil
}

// restoreFailed says what to do about a backup that was not restored. Nothing was changed by then.
func restoreFailed(err error) error {
	for _, known := range []struct {
		kind   error
		remedy string
	}{
		{backup.ErrNotEmpty, "name an empty folder, or add --force: what is there is moved aside"},
		{backup.ErrContent, "take another backup"},
		{sealed.ErrPassphrase, "type the passphrase that the backup was made with; capitals and spaces count"},
		{sealed.ErrFormat, "name the file that loquet backup wrote"},
		{sealed.ErrDamaged, "take another copy of it"},
		{fs.ErrExist, "name another file after --config, or add --force to replace it"},
	} {
		if errors.Is(err, known.kind) {
			return &cli.Failure{Why: err.Error(), Remedy: known.remedy, Err: err}
		}
	}
	return permitted(err)
}

func permitted(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return &cli.Failure{Why: err.Error(), Remedy: "run this as root, or as the user that runs loquet", Err: err}
	}
	return err
}
