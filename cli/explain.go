package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
)

func (a *app) explainCommand() *cobra.Command {
	var person, code, at string
	var typed bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:     "explain DOOR",
		Short:   "Say who comes in at a door by code, now or at another time, and why",
		GroupID: groupHouse,
		Long: "Say who comes in at a door by code, now or at another time, and why.\n\n" +
			"Of every code, or of those of a person, one line each; of one code (--code, or --typed to ask for what is typed)\n" +
			"every rule that spoke, with the time zone and what the clocks do that day.",
		Args: exactly("door"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case code != "" && typed, code != "" && person != "", typed && person != "":
				return &usage{"--code, --typed and --person: choose one", cmd}
			case code != "":
				return a.explainCode(cmd, []string{code}, args[0], at)
			case typed:
				return a.explainCode(cmd, nil, args[0], at)
			}
			return a.explainDoor(cmd, args[0], person, at)
		},
	}))
	cmd.Flags().StringVar(&code, "code", "", "one `code`, by id")
	cmd.Flags().BoolVar(&typed, "typed", false, "one code by what is typed; it is asked for")
	cmd.Flags().StringVar(&person, "person", "", "the codes of one `person`, by name or id")
	cmd.Flags().StringVar(&at, "at", "", "the `time`, as 2026-07-01T15:00 here or 2026-07-01T15:00:00Z (default: now)")
	return cmd
}

// explained is one code at the door, for scripts.
type explained struct {
	Code   string `json:"code"`
	Person string `json:"person"`
	api.Explanation
}

func (a *app) explainDoor(cmd *cobra.Command, door, person, at string) error {
	var when time.Time
	if at != "" {
		var err error
		if when, err = parseTime(at); err != nil {
			return &usage{"--at takes a time as " + sampleTime, cmd}
		}
	}
	c, err := a.bridge(cmd.Context())
	if err != nil {
		return err
	}
	d, err := findDevice(cmd.Context(), c, door)
	if err != nil {
		return err
	}
	only := ""
	if person != "" {
		_, p, err := a.person(cmd.Context(), person)
		if err != nil {
			return err
		}
		only = p.ID
	}
	codes, err := c.Codes(cmd.Context())
	if err != nil {
		return err
	}
	all := []explained{}
	var rows [][]string
	for _, k := range codes {
		if only != "" && k.Person != only {
			continue
		}
		e, err := c.ExplainCode(cmd.Context(), api.ExplainRequest{Door: d.ID, CodeID: k.ID, At: when})
		if err != nil {
			return err
		}
		all = append(all, explained{Code: k.ID, Person: k.PersonName, Explanation: e})
		word := "no"
		if e.Allowed {
			word = "yes"
		}
		rows = append(rows, []string{k.ID, k.PersonName, windowsWords(k), word, e.Reason})
	}
	if a.json {
		return a.printJSON(all)
	}
	if len(rows) == 0 {
		a.say("There are no codes to say anything of.")
		return nil
	}
	a.table([]string{"CODE", "PERSON", "WHEN", "OPENS", "WHY"}, rows)
	a.momentWords(all[0].Explanation)
	return nil
}

// momentWords says which moment it was about, and how far that is known.
func (a *app) momentWords(e api.Explanation) {
	if e.At.IsZero() {
		return
	}
	words := map[string]string{"floor": ": the time is not known", "holdover": ": the time is counted on since it was known"}[e.Trust]
	a.say("  at %s%s", clockTime(e.At, e.Zone), words)
}
