package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) historyCommand() *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "Show what happened, who did it and how",
		GroupID: groupHouse,
		Args:    noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := o.query(time.Now())
			if err != nil {
				return &usage{err.Error(), cmd}
			}
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			return a.history(cmd.Context(), c, q, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.device, "device", "", "only this `device`")
	f.StringVar(&o.since, "since", "", "from this `time` on: 2h, 3d, 2026-11-21 or 2026-11-21T19:00:00+01:00")
	f.StringVar(&o.until, "until", "", "before this `time`")
	f.IntVar(&o.limit, "limit", 50, "at most so many rows, 1 to 1000")
	f.BoolVar(&o.follow, "follow", false, "go on with what happens from now on")
	f.BoolVar(&o.all, "all", false, "every row, also those of relays and started moves")
	cmd.AddCommand(a.verifyCommand(), a.anchorCommand(), a.historyExportCommand())
	return a.client(a.listing(cmd))
}

type historyOptions struct {
	device, since, until string
	limit                int
	follow, all          bool
}

func (o historyOptions) query(now time.Time) (q api.HistoryQuery, err error) {
	if o.limit < 1 || o.limit > 1000 {
		return q, errors.New("--limit is 1 to 1000")
	}
	if o.follow && o.until != "" {
		return q, errors.New("--follow has no end: leave out --until")
	}
	q = api.HistoryQuery{Limit: o.limit}
	if q.Since, err = parseWhen(o.since, now); err != nil {
		return q, fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = parseWhen(o.until, now); err != nil {
		return q, fmt.Errorf("--until: %w", err)
	}
	return q, nil
}

// parseWhen reads a time, a day or a duration before now. Nothing is the zero time.
func parseWhen(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write 2h, 3d, 2026-11-21 or 2026-11-21T19:00:00+01:00", s)
}

func (a *app) history(ctx context.Context, c *client.Client, q api.HistoryQuery, o historyOptions) error {
	names, err := a.deviceNames(ctx, c)
	if err != nil {
		return err
	}
	if o.device != "" {
		// A device that is no longer in the configuration still has a history.
		q.Device = o.device
		if d, err := findDevice(ctx, c, o.device); err == nil {
			q.Device = d.ID
		}
	}
	rows, err := c.History(ctx, q)
	if err != nil {
		return err
	}
	if a.json && !o.follow {
		return a.printJSON(rows)
	}
	slices.Reverse(rows) // the newest stands last, where a terminal leaves the eye
	var after int64
	for _, r := range rows {
		after = max(after, r.Seq)
		if err := a.printRow(r, names, o.all); err != nil {
			return err
		}
	}
	if !o.follow {
		if len(rows) == 0 {
			a.say("Nothing happened.")
		}
		return nil
	}
	if len(rows) == 0 {
		after = client.FromNow
	}
	// The usual end is that the person had enough.
	if err := c.Follow(ctx, after, func(e client.Event) error {
		if e.Row == nil || q.Device != "" && e.Row.Device != q.Device {
			return nil
		}
		return a.printRow(*e.Row, names, o.all)
	}); ctx.Err() == nil {
		return err
	}
	return nil
}

func (a *app) deviceNames(ctx context.Context, c *client.Client) (map[string]string, error) {
	names := map[string]string{}
	if a.json {
		return names, nil
	}
	devices, err := c.Devices(ctx)
	for _, d := range devices {
		names[d.ID] = d.Name
	}
	return names, err
}

func (a *app) printRow(r api.Row, names map[string]string, all bool) error {
	if a.json {
		return a.printLine(r)
	}
	if !all && (r.Kind == "started" || r.Kind == "released") {
		return nil
	}
	name := names[r.Device]
	if name == "" {
		name = r.Device
	}
	at := r.At.Format("2006-01-02 15:04:05")
	if r.Trust != "trusted" {
		at += " (?)" // the clock was not sure
	}
	line := fmt.Sprintf("%s  %s %s", at, name, rowWords(r))
	if who := causeWords(r.Cause); who != "" {
		line += ", " + who
	}
	a.say("%s", line)
	return nil
}

func (a *app) verifyCommand() *cobra.Command {
	var kept string
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "verify",
		Short: "Check that no row was changed, deleted or put out of order",
		Long: `Check that no row was changed, deleted or put out of order.

With --state, where no bridge answers, the files in the folder are checked.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, given := parseAnchor(kept)
			if kept != "" && !given {
				return &usage{"--anchor takes what loquet history anchor printed: a number, a colon, 64 digits of a hash", cmd}
			}
			v, err := a.verdict(cmd.Context())
			if err != nil {
				return err
			}
			if given {
				c, err := a.bridge(cmd.Context())
				if err == nil {
					err = k.holds(cmd.Context(), c, v)
				}
				if err != nil {
					return err
				}
				if !a.json {
					a.say("Row %d is the one of the anchor.", k.Seq)
				}
			}
			if a.json {
				err = a.printJSON(v)
			} else {
				a.say("%d rows, %d to %d.", v.Rows, v.First, v.Last)
				for _, f := range v.Faults {
					a.say("  %s", f)
				}
				for _, l := range v.Limits {
					a.say("This check cannot prove: %s.", l)
				}
			}
			if err != nil || v.OK {
				return err
			}
			return &Failure{Why: "the history was changed", Remedy: "compare it with a backup, and look who could write to the folder of state"}
		},
	}))
	cmd.Flags().StringVar(&kept, "anchor", "", "what loquet history `anchor` printed earlier: that row must still be there (a bridge must run)")
	return cmd
}

// verdict is that of the bridge, or of its files if it does not run.
func (a *app) verdict(ctx context.Context) (api.Verdict, error) {
	c, err := a.bridge(ctx)
	if err != nil {
		return api.Verdict{}, err
	}
	v, err := c.VerifyHistory(ctx)
	folder := a.where.Folder()
	if a.program.VerifyState == nil || folder == "" || !client.NotRunning(err) {
		return v, err
	}
	if v, err = a.program.VerifyState(ctx, folder); err == nil && !a.json {
		a.say("No bridge runs on %s: its files were checked.", folder)
	}
	return v, err
}
