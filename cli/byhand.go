package cli

import (
	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
)

// stayFlags are what stays add and change are told.
type stayFlags struct{ property, from, to, name, phone, number string }

func (f *stayFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "from", "", "the `day` of arrival, as 2026-07-01; with a time of day, as 2026-07-01T16:00, if it is not check-in")
	cmd.Flags().StringVar(&f.to, "to", "", "the `day` of departure, or a time of it")
	cmd.Flags().StringVar(&f.name, "name", "", "the guest's `name`")
	cmd.Flags().StringVar(&f.phone, "phone", "", "the guest's `phone`; only its last four digits are kept")
}

func (a *app) staysAddCommand() *cobra.Command {
	var f stayFlags
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "add --property PROPERTY --from DAY --to DAY",
		Short: "Enter a guest whom no calendar knows; the code is made as for every other",
		Long: "Enter a guest whom no calendar knows; the code is made as for every other.\n\n" +
			"The property is one of loquet calendars list. One that has no calendar is made with loquet calendars add\n" +
			"--by-hand.",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.property == "" || f.from == "" || f.to == "" {
				return &usage{"say where and when: --property, --from and --to", cmd}
			}
			c, k, err := a.calendar(cmd.Context(), f.property)
			if err != nil {
				return err
			}
			s, err := c.AddStay(cmd.Context(), api.StayRequest{Calendar: k.ID, From: f.from, To: f.to, Name: f.name, Phone: f.phone, Confirmation: f.number})
			if err != nil {
				return err
			}
			return a.showStay(s)
		},
	}))
	f.flags(cmd)
	cmd.Flags().StringVar(&f.property, "property", "", "the `property`: name or id of a calendar")
	cmd.Flags().StringVar(&f.number, "number", "", "your `number` for the reservation, to find it by")
	return cmd
}

func (a *app) staysChangeCommand() *cobra.Command {
	var f stayFlags
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "change STAY",
		Short: "Change a guest that you entered: the window of the code moves, a code that was told stays",
		Args:  exactly("stay"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change api.StayChange
			for name, one := range map[string]struct {
				text *string
				into **string
			}{"from": {&f.from, &change.From}, "to": {&f.to, &change.To}, "name": {&f.name, &change.Name}, "phone": {&f.phone, &change.Phone}} {
				if cmd.Flags().Changed(name) {
					*one.into = one.text
				}
			}
			if change == (api.StayChange{}) {
				return &usage{"say what is to change: --from, --to, --name or --phone", cmd}
			}
			c, s, err := a.stay(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if s, err = c.ChangeStay(cmd.Context(), s.ID, change); err != nil {
				return err
			}
			return a.showStay(s)
		},
	}))
	f.flags(cmd)
	return cmd
}

func (a *app) showStay(s api.Stay) error {
	if a.json {
		return a.printJSON(s)
	}
	a.say("%s comes %s and leaves %s; the code: %s. loquet stays message %s prints what to send.", stayName(s), s.Arrives.Format(toTheMinute), s.Leaves.Format(toTheMinute), stayWords(s), s.ID)
	return nil
}
