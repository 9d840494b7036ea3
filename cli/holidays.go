package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
)

func (a *app) holidaysCommand() *cobra.Command {
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "holidays",
		Short: "List the times in which only owners come in by code, or nobody by a weekly one",
		Args:  noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Holidays(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(all)
			}
			if len(all) == 0 {
				a.say("There are no holidays. loquet codes holidays set makes one.")
				return nil
			}
			rows := make([][]string, len(all))
			for i, h := range all {
				rows[i] = []string{h.ID, h.From, h.To, h.Zone, holidayWords(h.Mode), holidayDoors(h)}
			}
			a.table([]string{"HOLIDAY", "FROM", "TO", "ZONE", "WHO COMES IN", "DOORS"}, rows)
			return nil
		},
	}))
	cmd.AddCommand(a.holidaySetCommand(), a.holidayRemoveCommand())
	return cmd
}

func holidayWords(mode string) string {
	switch mode {
	case "owners":
		return "only owners"
	case "no-weekly":
		return "nobody by a weekly code"
	case "usual":
		return "as on other days"
	}
	return mode
}

func holidayDoors(h api.Holiday) string {
	if h.Doors == nil {
		return "all"
	}
	return strings.Join(h.Doors, ", ")
}

func (a *app) holidaySetCommand() *cobra.Command {
	var r api.HolidayRequest
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "set HOLIDAY --from DAY --to DAY",
		Short: "Make a holiday, or change it",
		Args:  exactly("holiday"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.From == "" || r.To == "" {
				return &usage{"say when it is: --from and --to", cmd}
			}
			for _, text := range []*string{&r.From, &r.To} {
				if !strings.Contains(*text, "T") {
					*text += "T00:00"
				}
			}
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			h, err := c.SaveHoliday(cmd.Context(), args[0], r)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(h)
			}
			a.say("From %s until %s (%s): %s; doors: %s.", h.From, h.To, h.Zone, holidayWords(h.Mode), holidayDoors(h))
			return nil
		},
	}))
	cmd.Flags().StringVar(&r.From, "from", "", "its first `day`, as 2026-12-24, or minute, as 2026-12-24T18:00")
	cmd.Flags().StringVar(&r.To, "to", "", "the first `day` or minute after it")
	cmd.Flags().StringVar(&r.Mode, "mode", "", "owners: only they come in by code (the default); no-weekly: nobody by a weekly code, guests of those days do; usual: as on other days, within a longer holiday")
	cmd.Flags().StringSliceVar(&r.Doors, "doors", nil, "the only `doors` it is about, by id (default: all)")
	cmd.Flags().StringVar(&r.Zone, "zone", "", "the time `zone`, if not that of the house")
	return cmd
}

func (a *app) holidayRemoveCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "remove HOLIDAY",
		Short: "Remove a holiday",
		Args:  exactly("holiday"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.RemoveHoliday(cmd.Context(), args[0]); err != nil {
				return err
			}
			a.say("The holiday was removed.")
			return nil
		},
	})
}
