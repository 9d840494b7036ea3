package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) calendarsCommand() *cobra.Command {
	cmd := a.lists(&cobra.Command{
		Use:     "calendars",
		Short:   "Let the guests of booking calendars in: Airbnb, Vrbo and others",
		GroupID: groupHouse,
	}, a.calendarsListCommand())
	paused := func(use, short string, on bool, said string) *cobra.Command {
		return a.calendarCommand(use, short, func(ctx context.Context, c *client.Client, k api.Calendar) (string, error) {
			_, err := c.ChangeCalendar(ctx, k.ID, api.CalendarChange{Paused: &on})
			return k.Name + said, err
		})
	}
	cmd.AddCommand(a.calendarsAddCommand(), a.calendarsChangeCommand(), a.calendarAddressCommand(),
		paused("pause CALENDAR", "Fetch a calendar no more, until resume; guests that are known keep their codes", true, " is not fetched any more."),
		paused("resume CALENDAR", "Fetch a calendar again", false, " is fetched again."),
		a.calendarCommand("fetch CALENDAR", "Ask for a calendar now", func(ctx context.Context, c *client.Client, k api.Calendar) (string, error) {
			return k.Name + " is asked for.", c.FetchCalendar(ctx, k.ID)
		}),
		a.calendarCommand("remove CALENDAR", "Forget a calendar, its guests and their codes", func(ctx context.Context, c *client.Client, k api.Calendar) (string, error) {
			return k.Name + " was removed, and the codes of its guests.", c.RemoveCalendar(ctx, k.ID)
		}))
	return cmd
}

func (a *app) calendarsListCommand() *cobra.Command {
	return a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the calendars and how it is with them",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			all, err := c.Calendars(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(all)
			}
			if len(all) == 0 {
				a.say("There are no calendars. loquet calendars add begins; nothing is fetched before.")
				return nil
			}
			rows := make([][]string, len(all))
			for i, k := range all {
				rows[i] = []string{k.ID, k.Name, k.Address, strings.Join(append(k.Doors, k.Groups...), ", "), strconv.Itoa(k.Stays), calendarWords(k)}
			}
			a.table([]string{"CALENDAR", "NAME", "FROM", "DOORS", "STAYS", "NOW"}, rows)
			return nil
		},
	}))
}

func calendarWords(k api.Calendar) string {
	switch {
	case len(k.NoCode) > 0:
		return "no code opens " + strings.Join(k.NoCode, ", ")
	case k.Address == "":
		return "its guests are entered by hand"
	case k.Paused:
		return "paused"
	case k.Problem != "":
		return k.Problem
	case k.Fetched.IsZero():
		return "not read yet"
	case len(k.Warnings) > 0:
		return fmt.Sprintf("read %s; not all of it", ago(k.Fetched, time.Now()))
	}
	return "read " + ago(k.Fetched, time.Now())
}

// calendarFlags are what add and change are told.
type calendarFlags struct {
	in, out, early, late, policy, prefix, grace, message, zone string
	digits, ahead                                              int
	doors, groups, cleaning                                    []string
	times                                                      bool
}

func (f *calendarFlags) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.doors, "doors", nil, "the `doors` that its guests open, by id")
	flags.StringSliceVar(&f.groups, "groups", nil, "`groups` of doors that they open (loquet codes groups)")
	flags.StringVar(&f.in, "check-in", "", "the `time` of day, as 15:00 (the default)")
	flags.StringVar(&f.out, "check-out", "", "the `time` of day, as 11:00 (the default)")
	flags.StringVar(&f.early, "early", "", "so long before check-in the code opens already, as `30m`")
	flags.StringVar(&f.late, "late", "", "so long after check-out it still opens, as `30m`")
	flags.BoolVar(&f.times, "times", false, "believe times of day in the calendar, where it has any")
	flags.StringVar(&f.policy, "policy", "", "how codes are made: random (the default), last4 (of the guest's phone) or dates")
	flags.StringVar(&f.prefix, "prefix", "", "`digits` in front of what last4 and dates take, so that codes are long enough")
	flags.IntVar(&f.digits, "digits", 0, "how many `digits` random codes have")
	flags.IntVar(&f.ahead, "ahead", 0, "how many `days` before arrival a code is made (default: 30)")
	flags.StringVar(&f.grace, "grace", "", "for how long (as `2h`) codes open although the bridge has lost the time")
	flags.StringSliceVar(&f.cleaning, "cleaning", nil, "`codes`, by id, that open between stays and at no other time")
	flags.StringVar(&f.message, "message", "", "the `text` for guests, with {name} {code} {property} {from} {until} {doors}")
}

func (a *app) calendarsAddCommand() *cobra.Command {
	var f calendarFlags
	var byHand bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "add NAME --doors DOOR,DOOR",
		Short: "Add a calendar; its address is asked for and not shown",
		Long: "Add a calendar; its address is asked for and not shown.\n\n" +
			"The address is the export link of the channel. Whoever has it reads the calendar, so it is asked for, or\n" +
			"read from the first line of standard input. From now on the bridge fetches it every half an hour.",
		Args: exactly("name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(f.doors)+len(f.groups) == 0 {
				return &usage{"say which doors its guests open: --doors or --groups", cmd}
			}
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			address := ""
			if !byHand {
				if address, err = a.typed("address", false); err != nil {
					return err
				}
			}
			k, err := c.AddCalendar(cmd.Context(), api.CalendarRequest{Name: args[0], URL: address, Zone: f.zone, Doors: f.doors, Groups: f.groups,
				CheckIn: f.in, CheckOut: f.out, Early: f.early, Late: f.late, Times: f.times, Policy: f.policy, Prefix: f.prefix, Digits: f.digits,
				Ahead: f.ahead, Grace: f.grace, Cleaning: f.cleaning, Message: f.message})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(k)
			}
			if byHand {
				a.say("%s has no calendar (%s). loquet stays add --property enters its guests.", k.Name, k.ID)
			} else {
				a.say("%s is fetched from %s from now on (%s). loquet stays list shows its guests.", k.Name, k.Address, k.ID)
			}
			a.sayNoCode(k)
			return nil
		},
	}))
	f.flags(cmd)
	cmd.Flags().StringVar(&f.zone, "zone", "", "the time `zone` of the property, if not that of the house")
	cmd.Flags().BoolVar(&byHand, "by-hand", false, "it has no calendar: you enter its guests with loquet stays add")
	return cmd
}

func (a *app) calendarsChangeCommand() *cobra.Command {
	var f calendarFlags
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "change CALENDAR",
		Short: "Change what is wanted of a calendar; codes that were told stay",
		Args:  exactly("calendar"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := f.change(cmd.Flags().Changed)
			if change == (api.CalendarChange{}) {
				return &usage{"say what is to change", cmd}
			}
			c, k, err := a.calendar(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if k, err = c.ChangeCalendar(cmd.Context(), k.ID, change); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(k)
			}
			a.say("%s was changed.", k.Name)
			a.sayNoCode(k)
			return nil
		},
	}))
	f.flags(cmd)
	return cmd
}

// sayNoCode says at which doors the guests of a calendar will stand in vain.
func (a *app) sayNoCode(k api.Calendar) {
	if len(k.NoCode) > 0 {
		a.say("No code opens %s: no keypad opens it, and no lock there keeps codes. Correct --doors, or add one of them to the configuration.", strings.Join(k.NoCode, ", "))
	}
}

func (f *calendarFlags) change(given func(string) bool) (c api.CalendarChange) {
	for name, one := range map[string]struct {
		text *string
		into **string
	}{"check-in": {&f.in, &c.CheckIn}, "check-out": {&f.out, &c.CheckOut}, "early": {&f.early, &c.Early}, "late": {&f.late, &c.Late}, "policy": {&f.policy, &c.Policy},
		"prefix": {&f.prefix, &c.Prefix}, "grace": {&f.grace, &c.Grace}, "message": {&f.message, &c.Message}} {
		if given(name) {
			*one.into = one.text
		}
	}
	for name, one := range map[string]struct {
		list *[]string
		into **[]string
	}{"doors": {&f.doors, &c.Doors}, "groups": {&f.groups, &c.Groups}, "cleaning": {&f.cleaning, &c.Cleaning}} {
		if given(name) {
			*one.into = one.list
		}
	}
	if given("digits") {
		c.Digits = &f.digits
	}
	if given("ahead") {
		c.Ahead = &f.ahead
	}
	if given("times") {
		c.Times = &f.times
	}
	return c
}

func (a *app) calendarAddressCommand() *cobra.Command {
	return a.calendarCommand("address CALENDAR", "Give a calendar another address; it is asked for and not shown", func(ctx context.Context, c *client.Client, k api.Calendar) (string, error) {
		address, err := a.typed("address", false)
		if err != nil {
			return "", err
		}
		k, err = c.ChangeCalendar(ctx, k.ID, api.CalendarChange{URL: &address})
		return k.Name + " is fetched from " + k.Address + " from now on.", err
	})
}

// calendarCommand does one thing to a calendar and says what.
func (a *app) calendarCommand(use, short string, do func(ctx context.Context, c *client.Client, k api.Calendar) (said string, err error)) *cobra.Command {
	return a.client(&cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactly("calendar"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, k, err := a.calendar(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			said, err := do(cmd.Context(), c, k)
			if err != nil {
				return err
			}
			a.say("%s", said)
			return nil
		},
	})
}

// calendar finds a calendar by id, the beginning of it, or name.
func (a *app) calendar(ctx context.Context, what string) (c *client.Client, k api.Calendar, err error) {
	if c, err = a.bridge(ctx); err != nil {
		return nil, k, err
	}
	all, err := c.Calendars(ctx)
	if err != nil {
		return nil, k, err
	}
	var found []api.Calendar
	for _, k := range all {
		if k.ID == what {
			return c, k, nil
		}
		if strings.EqualFold(k.Name, what) || len(what) >= shortest && strings.HasPrefix(k.ID, what) {
			found = append(found, k)
		}
	}
	if len(found) == 1 {
		return c, found[0], nil
	}
	why := fmt.Sprintf("there is no calendar %q", what)
	if len(found) > 1 {
		why = fmt.Sprintf("%q stands for several calendars", what)
	}
	return nil, k, &Failure{Why: why, Remedy: "loquet calendars list shows them"}
}
