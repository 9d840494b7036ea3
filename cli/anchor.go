package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

// anchor is a row of the history by number and hash. Kept elsewhere, it proves that nothing up to it was changed or cut
// off, whoever had this machine.
type anchor struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

func (k anchor) String() string { return fmt.Sprintf("%d:%s", k.Seq, k.Hash) }

// hashDigits is how long a hash is: 32 bytes in hexadecimal.
const hashDigits = 64

func parseAnchor(text string) (k anchor, ok bool) {
	seq, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	if err != nil || n < 1 || len(hash) != hashDigits || strings.Trim(hash, "0123456789abcdef") != "" {
		return k, false
	}
	return anchor{n, hash}, true
}

func (a *app) anchorCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "anchor",
		Short: "Print the number and the hash of the newest row, to be kept elsewhere",
		Long: "Print the number and the hash of the newest row, to be kept elsewhere: on paper, in a mail to yourself.\n" +
			"loquet history verify --anchor proves with it that nothing before was changed, deleted or cut off since.",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			rows, err := c.History(cmd.Context(), api.HistoryQuery{Limit: 1})
			switch {
			case err != nil:
				return err
			case len(rows) == 0:
				return &Failure{Why: "there is no history yet", Remedy: "ask again when something happened"}
			}
			k := anchor{rows[0].Seq, rows[0].Hash}
			if a.json {
				return a.printJSON(k)
			}
			a.say("%s", k)
			return nil
		},
	}))
}

func (a *app) historyExportCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "export",
		Short: "Print all of the history as JSON lines, oldest first; the anchor goes where errors go",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			rows, last, err := exportLines(cmd.Context(), c, a.streams.Out)
			if err != nil || rows == 0 {
				return err
			}
			_, err = fmt.Fprintf(a.streams.Err, "%d rows. Keep this elsewhere: loquet history verify --anchor %s\n", rows, anchor{last.Seq, last.Hash})
			return err
		},
	})
}

// holds reports whether the history of a running bridge still has the row of an anchor.
func (k anchor) holds(ctx context.Context, c *client.Client, v api.Verdict) error {
	if k.Seq < v.First {
		return &Failure{Why: fmt.Sprintf("row %d is older than what history keeps", k.Seq), Remedy: "take a newer anchor: loquet history anchor"}
	}
	rows, err := c.History(ctx, api.HistoryQuery{After: k.Seq - 1, OldestFirst: true, Limit: 1})
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].Seq != k.Seq || rows[0].Hash != k.Hash {
		return &Failure{Why: fmt.Sprintf("row %d is not the one of the anchor: the history was changed or cut off", k.Seq),
			Remedy: "compare it with a backup, and look who could write to the folder of state"}
	}
	return nil
}
