package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

// unknownFlags are what an owner wants done with a code that nobody knows.
type unknownFlags struct {
	person              string
	adopt, clear, leave bool
}

func (a *app) codesUnknownCommand() *cobra.Command {
	var f unknownFlags
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "unknown [LOCK PLACE]",
		Short: "List what locks hold that nobody here put there, and adopt it, clear it or leave it",
		Long: "List what locks hold that nobody here put there, and adopt it, clear it or leave it.\n\n" +
			"Somebody typed it at the lock itself, or another system wrote it. It is never changed unless you say so.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("lock", "place")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen := 0
			for _, on := range []bool{f.adopt, f.clear, f.leave} {
				if on {
					chosen++
				}
			}
			switch {
			case len(args) == 0 && chosen == 0 && f.person == "":
				return a.listUnknown(cmd)
			case len(args) == 0:
				return &usage{"say which lock and which place: loquet codes unknown lists them", cmd}
			case chosen != 1:
				return &usage{"--adopt, --clear and --leave: choose one", cmd}
			case f.adopt != (f.person != ""):
				return &usage{"--adopt says whose code it is: --person", cmd}
			}
			return a.decideUnknown(cmd, args[0], args[1], f)
		},
	}))
	cmd.Flags().BoolVar(&f.adopt, "adopt", false, "it becomes a code of --person, for that lock")
	cmd.Flags().StringVar(&f.person, "person", "", "whose code it becomes: name or id of a `person`")
	cmd.Flags().BoolVar(&f.clear, "clear", false, "take it off the lock")
	cmd.Flags().BoolVar(&f.leave, "leave", false, "you know of it: leave it there and warn no more")
	return cmd
}

func (a *app) listUnknown(cmd *cobra.Command) error {
	c, err := a.bridge(cmd.Context())
	if err != nil {
		return err
	}
	found, err := c.UnknownCodes(cmd.Context())
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(found)
	}
	if len(found) == 0 {
		a.say("No lock is known to hold a code that nobody here put there.")
		return nil
	}
	rows := make([][]string, len(found))
	for i, u := range found {
		rows[i] = []string{u.Lock, fmt.Sprint(u.Slot), digitsWords(u), "-", "-", leftWords(u)}
		if u.Going == "" {
			rows[i][3], rows[i][4] = ago(u.First, time.Now()), ago(u.Seen, time.Now())
		}
	}
	a.table([]string{"LOCK", "PLACE", "KIND", "FOUND", "SEEN", "NOW"}, rows)
	return nil
}

func digitsWords(u api.UnknownCode) string {
	switch {
	case u.Going != "":
		return "code " + u.Going
	case u.Off:
		return "switched off"
	case u.Digits == 0:
		return "digits not shown"
	}
	return fmt.Sprintf("%d digits", u.Digits)
}

func leftWords(u api.UnknownCode) string {
	switch {
	case u.Going != "":
		return goingWords(u)
	case u.Left:
		return "left"
	}
	return "adopt, clear or leave it"
}

// goingWords are for a code that was taken back.
func goingWords(u api.UnknownCode) string {
	words := "removed, may still open"
	if u.Why != "" {
		words += ": " + u.Why
	}
	return words
}

func (a *app) decideUnknown(cmd *cobra.Command, lock, place string, f unknownFlags) error {
	slot, err := strconv.Atoi(place)
	if err != nil {
		return &usage{"PLACE is a number, as loquet codes unknown shows it", cmd}
	}
	var c *client.Client
	var p api.Person
	if f.adopt {
		c, p, err = a.person(cmd.Context(), f.person)
	} else {
		c, err = a.bridge(cmd.Context())
	}
	if err != nil {
		return err
	}
	d, err := findDevice(cmd.Context(), c, lock)
	if err != nil {
		return err
	}
	switch {
	case f.clear:
		if err := c.ClearUnknownCode(cmd.Context(), d.ID, slot); err != nil {
			return err
		}
		a.say("Place %d of %s is empty.", slot, d.Name)
	case f.leave:
		if err := c.LeaveUnknownCode(cmd.Context(), d.ID, slot); err != nil {
			return err
		}
		a.say("Place %d of %s stays as it is.", slot, d.Name)
	case f.adopt:
		k, err := c.AdoptCode(cmd.Context(), d.ID, slot, p.ID)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(k)
		}
		a.say("The code in place %d of %s is %s's now: %s.", slot, d.Name, p.Name, k.ID)
	}
	return nil
}
