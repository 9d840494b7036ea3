package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/internal/sealed"
)

// BackupOptions say what to make a backup of when no bridge runs.
type BackupOptions struct {
	State      string // folder
	Config     string // the configuration, which goes along if it is there
	Passphrase string
}

// RestoreOptions say what to put back, and where.
type RestoreOptions struct {
	File       io.Reader
	Passphrase string
	State      string // folder; empty: the default
	Config     string // where the configuration goes; empty: nowhere
	Force      bool   // what is there is moved aside
}

// Restored is what was put back.
type Restored struct {
	State    string    `json:"state"`
	Made     time.Time `json:"made"`
	Host     string    `json:"host"`
	Version  string    `json:"version"`
	Aside    string    `json:"aside,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
}

func (a *app) backupCommand() *cobra.Command {
	var s secret
	var config string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything that must not be lost into one encrypted file",
		Long: "Write everything that must not be lost (pairings, keys, history, the configuration) into one encrypted file.\n" +
			"The bridge goes on meanwhile; with --state, where no bridge answers, the files in the folder are read. The passphrase\n" +
			"has 12 characters at least, and nobody can read the backup without it.",
		GroupID: groupHouse,
		Args:    exactly("file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			phrase, err := a.secret(s, true)
			if err != nil {
				return err
			}
			size, err := a.writeBackup(cmd.Context(), args[0], phrase, config)
			if err != nil {
				return err
			}
			a.say("%s holds the house as it is now (%d KiB), and can be read with this passphrase only.", args[0], size>>10+1)
			a.say("Keep both, in two places. It goes back with: loquet restore FILE")
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&config, "config", DefaultConfig, "the configuration `file` that goes along when no bridge runs")
	return a.client(cmd)
}

// writeBackup makes the file, whole or not at all. What was written is read again, as a restore would.
func (a *app) writeBackup(ctx context.Context, path, phrase, config string) (size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, &Failure{Why: path + " is there already", Remedy: "name another file: backups are not written over"}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".loquet-backup-*") // 0600
	if err != nil {
		return 0, &Failure{Why: err.Error(), Remedy: "name a file in a folder that you may write", Err: err}
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	if err := a.fetchBackup(ctx, out, phrase, config); err != nil {
		return 0, err
	}
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return 0, err
	}
	if size, err = f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	plain, err := sealed.Open(f, phrase)
	if err == nil {
		_, err = io.Copy(io.Discard, plain)
	}
	if err != nil {
		return 0, &Failure{Why: "the backup did not arrive whole: " + err.Error(), Remedy: "try again; the log of the bridge may say why", Err: err}
	}
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), os.Rename(f.Name(), path)
}

// fetchBackup asks the bridge, or reads the folder when none runs.
func (a *app) fetchBackup(ctx context.Context, out io.Writer, phrase, config string) error {
	c, err := a.bridge(ctx)
	if err == nil {
		err = c.Backup(ctx, phrase, out)
	}
	folder := a.where.Folder()
	if a.program.Backup == nil || folder == "" || !client.NotRunning(err) {
		return err
	}
	return a.program.Backup(ctx, BackupOptions{State: folder, Config: config, Passphrase: phrase}, out)
}

func (a *app) restoreCommand() *cobra.Command {
	var s secret
	var o RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup back: the same house, and no phone pairs again",
		Long: "Put a backup back: the same house, and no phone pairs again. The whole file is read and tried before the folder\n" +
			"is touched. The bridge must not run; and before it starts, switch the old one off, if there is one.",
		GroupID: groupStart,
		Args:    exactly("backup to restore"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return &Failure{Why: err.Error(), Remedy: "name the file that loquet backup wrote", Err: err}
			}
			defer func() { _ = f.Close() }()
			if o.Passphrase, err = a.secret(s, false); err != nil {
				return err
			}
			o.File = f
			r, err := a.program.Restore(cmd.Context(), o, a.streams)
			if err != nil {
				return err
			}
			return a.printRestored(r)
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.State, "state", "", "the `folder` to restore into (/var/lib/loquet for root, else ~/.local/state/loquet)")
	f.StringVar(&o.Config, "config", "", "write the configuration to this `file`")
	f.BoolVar(&o.Force, "force", false, "move aside what is in the folder, and replace the configuration")
	return a.listing(cmd)
}

func (a *app) printRestored(r Restored) error {
	if a.json {
		return a.printJSON(r)
	}
	a.say("%s holds the house of %s again, as it was on %s.", r.State, r.Host, r.Made.Local().Format("2006-01-02 at 15:04"))
	if r.Aside != "" {
		a.say("What was there is in %s.", r.Aside)
	}
	for _, w := range r.Warnings {
		a.say("warning: %s", w)
	}
	a.say("Start the bridge as always. On its first start it makes sure that no other machine runs this house.")
	return nil
}
