package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) exportCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "export FOLDER",
		Short: "Write everything that is yours, in formats that any program reads",
		Long: "Write everything that is yours into a new folder, in formats that any program reads: history as JSON lines,\n" +
			"devices, controllers, people, health and facts as JSON, the configuration as it is. Keys and what is typed\n" +
			"at a keypad are not in it:\n" +
			"loquet backup has those.",
		GroupID: groupHouse,
		Args:    exactly("folder to make"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := os.Mkdir(args[0], 0o700); err != nil {
				return &Failure{Why: err.Error(), Remedy: "name a folder that is not there yet, in one that you may write", Err: err}
			}
			rows, err := exportAll(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			a.say("%s holds the house: %s of history, and all the rest. README.txt says what is what.", args[0], count(int(rows), "row"))
			return nil
		},
	})
}

// exportText explains the folder to whoever finds it in ten years.
const exportText = `A house as loquet knew it.

history.jsonl      what happened, one JSON object a line, oldest first. hash covers the row and prev, the
                   hash of the row before it.
devices.json       doors, locks, contacts and keypads, and how they stood
controllers.json   phones and home hubs that were paired, what they were called and allowed; no keys
people.json        who may have codes
codes.json         whose codes there were, when and where they opened; not what is typed
calendars.json     the booking calendars, without their addresses
stays.json         their guests
bridges.json       the HomeKit bridges; without the codes to pair them
health.json        what was wrong
facts.json         network, disk, clock, how fast controllers were answered
configuration.yaml the configuration as its owner wrote it, if there was a file
version.json       the program that wrote this

The members are those of its API (/api/v1/openapi.json). Keys are in a backup only (loquet backup).
`

// exportAll writes the files and returns how many rows history has.
func exportAll(ctx context.Context, c *client.Client, folder string) (rows int64, err error) {
	if err := os.WriteFile(filepath.Join(folder, "README.txt"), []byte(exportText), 0o600); err != nil {
		return 0, err
	}
	for _, part := range []struct {
		name string
		ask  func() (any, error)
	}{
		{"version.json", func() (any, error) { return c.Version(ctx) }},
		{"devices.json", func() (any, error) { return c.Devices(ctx) }},
		{"controllers.json", func() (any, error) { return c.Pairings(ctx) }},
		{"people.json", func() (any, error) { return c.People(ctx) }},
		{"codes.json", func() (any, error) { return c.Codes(ctx) }},
		{"calendars.json", func() (any, error) { return c.Calendars(ctx) }},
		{"stays.json", func() (any, error) { return c.Stays(ctx) }},
		{"bridges.json", func() (any, error) { return bridgesWithoutCodes(ctx, c) }},
		{"health.json", func() (any, error) { return c.Health(ctx) }},
		{"facts.json", func() (any, error) { return c.Facts(ctx) }},
	} {
		v, err := part.ask()
		var refused *api.Error
		if errors.As(err, &refused) && (refused.Code == "codes-unreadable" || refused.Code == "stays-unreadable") {
			continue // the rest is worth having all the same
		}
		if err != nil {
			return 0, err
		}
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(folder, part.name), append(text, '\n'), 0o600); err != nil {
			return 0, err
		}
	}
	var config bytes.Buffer
	switch err := c.Configuration(ctx, &config); {
	case errors.Is(err, api.ErrNotFound):
	case err != nil:
		return 0, err
	default:
		if err := os.WriteFile(filepath.Join(folder, "configuration.yaml"), config.Bytes(), 0o600); err != nil {
			return 0, err
		}
	}
	return exportHistory(ctx, c, filepath.Join(folder, "history.jsonl"))
}

func bridgesWithoutCodes(ctx context.Context, c *client.Client) ([]api.HomeKitBridge, error) {
	bridges, err := c.HomeKit(ctx, false)
	for i := range bridges {
		bridges[i].SetupCode, bridges[i].SetupURI = "", ""
	}
	return bridges, err
}

// exportPage is how many rows are asked for at a time.
const exportPage = 1000

func exportHistory(ctx context.Context, c *client.Client, path string) (rows int64, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if rows, _, err = exportLines(ctx, c, f); err != nil {
		return rows, err
	}
	return rows, f.Sync()
}

// exportLines writes the history as JSON lines, oldest first, and returns how many there are and the last one.
func exportLines(ctx context.Context, c *client.Client, out io.Writer) (rows int64, last api.Row, err error) {
	lines := json.NewEncoder(out)
	for {
		page, err := c.History(ctx, api.HistoryQuery{After: last.Seq, OldestFirst: true, Limit: exportPage})
		if err != nil {
			return rows, last, err
		}
		for _, r := range page {
			if r.Seq <= last.Seq {
				return rows, last, fmt.Errorf("history came out of order after row %d", last.Seq)
			}
			if err := lines.Encode(r); err != nil {
				return rows, last, err
			}
			last, rows = r, rows+1
		}
		if len(page) < exportPage {
			return rows, last, nil
		}
	}
}
