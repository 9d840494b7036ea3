package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

func (a *app) codesCommand() *cobra.Command {
	cmd := a.lists(&cobra.Command{
		Use:     "codes",
		Short:   "Give people PINs and cards, and say why one opens or does not",
		GroupID: groupHouse,
	}, a.codesListCommand())
	cmd.AddCommand(a.codesAddCommand(), a.codesRevokeCommand(), a.codesRemoveCommand(), a.codesUnknownCommand(), a.codesExplainCommand(), a.groupsCommand(), a.holidaysCommand())
	return cmd
}

func (a *app) codesListCommand() *cobra.Command {
	var copies bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "list",
		Short: "List the codes: whose, when and where; never what is typed",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			codes, err := c.Codes(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(codes)
			}
			if len(codes) == 0 && !copies {
				a.say("There are no codes. loquet codes add gives one.")
				return nil
			}
			if copies {
				return a.copiesTable(cmd.Context(), c, codes)
			}
			rows := make([][]string, len(codes))
			for i, k := range codes {
				rows[i] = []string{k.ID, k.PersonName, kindWords(k), codeDoorsWords(k), windowsWords(k), ago(k.Created, time.Now())}
			}
			a.table([]string{"CODE", "PERSON", "KIND", "DOORS", "WHEN", "MADE"}, rows)
			return nil
		},
	}))
	cmd.Flags().BoolVar(&copies, "copies", false, "how it is with each code at each door: confirmed when, or why not")
	return cmd
}

func kindWords(k api.Code) string {
	if k.Kind == "card" {
		return fmt.Sprintf("card of %d bits", k.Length)
	}
	return fmt.Sprintf("%d digits", k.Length)
}

func windowsWords(k api.Code) string {
	if k.Revoked {
		return "revoked"
	}
	if k.Spare == "waiting" {
		return "in reserve for a guest"
	}
	var words []string
	for _, w := range k.Windows {
		words = append(words, windowWords(w, k.Used))
	}
	if k.Both {
		words = append(words, "(PIN and card)")
	}
	if k.Spare != "" {
		words = append(words, "(from the reserve)")
	}
	if k.Duress {
		words = append(words, "(duress)")
	}
	return strings.Join(words, " ")
}

// codeFlags are what codes add is told.
type codeFlags struct {
	person, card, grace string
	pin, generate       bool
	digits, uses        int
	once, duress, both  bool
	doors, windows      []string
	groups, weekly      []string
}

func (a *app) codesAddCommand() *cobra.Command {
	var f codeFlags
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "add --person PERSON",
		Short: "Give a person a code; a PIN that is made is shown once",
		Long: "Give a person a code; a PIN that is made is shown once.\n\n" +
			"Without --pin and --card the bridge makes a PIN that nobody tries first. With --pin it asks for one\n" +
			"without showing it, or reads it from the first line of standard input.",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.addCode(cmd, f) },
	}))
	flags := cmd.Flags()
	flags.StringVar(&f.person, "person", "", "whose code it is: name or id of a `person`")
	flags.BoolVar(&f.pin, "pin", false, "choose the PIN: 4 to 10 digits, asked for")
	flags.BoolVar(&f.generate, "generate", false, "let the bridge make a PIN (the default)")
	flags.StringVar(&f.card, "card", "", "a `card`: format:facility:number as h10301:93:21377, or bits:hex")
	flags.IntVar(&f.digits, "digits", 0, "how many `digits` the PIN that is made has (default: six, or as many as it takes)")
	flags.StringSliceVar(&f.doors, "doors", nil, "the only `doors` it opens, by id (default: all that the keypad opens)")
	flags.StringArrayVar(&f.windows, "window", nil, "when it opens: `FROM/TO` as 2026-07-01T15:00/2026-07-05T11:00, in the house's time; repeatable (default: always)")
	flags.StringArrayVar(&f.weekly, "weekly", nil, "when it opens every week: `\"DAYS FROM-TO\"` as \"mon,wed 09:00-12:00\"; repeatable")
	flags.IntVar(&f.uses, "uses", 0, "it opens that many `times`, within a --window if one is given")
	flags.BoolVar(&f.once, "once", false, "it opens once: --uses 1")
	flags.StringSliceVar(&f.groups, "groups", nil, "the `groups` of doors that it opens (loquet codes groups)")
	flags.BoolVar(&f.both, "both", false, "it opens only together with the person's other code: a PIN with a card, a card with a PIN")
	flags.BoolVar(&f.duress, "duress", false, "a code to type under duress: it opens as any other, and tells you in silence")
	flags.StringVar(&f.grace, "grace", "", "for how long (as `2h`, 24h at most) it opens although the bridge has lost the time")
	return cmd
}

func (a *app) addCode(cmd *cobra.Command, f codeFlags) error {
	switch chosen := f.pin && f.generate || f.pin && f.card != "" || f.generate && f.card != ""; {
	case f.person == "":
		return &usage{"say whose code it is: --person", cmd}
	case chosen:
		return &usage{"--pin, --generate and --card: choose one", cmd}
	}
	windows, err := f.allWindows()
	if err != nil {
		return &usage{err.Error(), cmd}
	}
	c, p, err := a.person(cmd.Context(), f.person)
	if err != nil {
		return err
	}
	request := api.CodeRequest{Person: p.ID, Card: f.card, Digits: f.digits, Windows: windows, Grace: f.grace, Groups: f.groups, Duress: f.duress, Both: f.both}
	if f.doors != nil {
		request.Doors = &f.doors
	}
	if f.pin {
		if request.PIN, err = a.typed("PIN", true); err != nil {
			return err
		}
	}
	k, err := c.AddCode(cmd.Context(), request)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(k)
	}
	if k.PIN != "" {
		a.say("%s", k.PIN)
		_, err = fmt.Fprintf(a.streams.Err, "Tell it to %s: it is not shown again. loquet codes remove %s ends it.\n", p.Name, k.ID)
		return err
	}
	a.say("%s has a code now (%s): %s.", p.Name, kindWords(k.Code), k.ID)
	return nil
}

func (a *app) codesRevokeCommand() *cobra.Command {
	var back bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "revoke CODE",
		Short: "Take a code back at once; --undo gives it again",
		Args:  exactly("code"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.code(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			revoked := !back
			k, err := c.ChangeCode(cmd.Context(), id, api.CodeChange{Revoked: &revoked})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(k)
			}
			if k.Revoked {
				a.say("The code of %s opens nothing any more.", k.PersonName)
				return nil
			}
			a.say("The code of %s opens again.", k.PersonName)
			return nil
		},
	}))
	cmd.Flags().BoolVar(&back, "undo", false, "let it open again")
	return cmd
}

func (a *app) codesRemoveCommand() *cobra.Command {
	return a.client(&cobra.Command{
		Use:   "remove CODE",
		Short: "Remove a code at once; history keeps what it did",
		Args:  exactly("code"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, id, err := a.code(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if err := c.RemoveCode(cmd.Context(), id); err != nil {
				return err
			}
			a.say("The code was removed.")
			return nil
		},
	})
}

func (a *app) codesExplainCommand() *cobra.Command {
	var door, at string
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "explain [CODE] --door DOOR",
		Short: "Say whether a code opens a door, and why; without its id, asks for what is typed",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("code")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if door == "" {
				return &usage{"say which door it is about: --door", cmd}
			}
			return a.explainCode(cmd, args, door, at)
		},
	}))
	cmd.Flags().StringVar(&door, "door", "", "the `door` or lock, by id or name")
	cmd.Flags().StringVar(&at, "at", "", "the `time`, as 2026-07-01T15:00 here or 2026-07-01T15:00:00Z (default: now)")
	return cmd
}

func (a *app) explainCode(cmd *cobra.Command, args []string, door, at string) error {
	question := api.ExplainRequest{}
	if at != "" {
		var err error
		if question.At, err = parseTime(at); err != nil {
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
	question.Door = d.ID
	if len(args) > 0 {
		if _, question.CodeID, err = a.code(cmd.Context(), args[0]); err != nil {
			return err
		}
	} else if question.Code, err = a.typed("Code", false); err != nil {
		return err
	}
	e, err := c.ExplainCode(cmd.Context(), question)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(e)
	}
	word := "It opens " + d.Name + "."
	if !e.Allowed {
		word = "It does not open " + d.Name + "."
	}
	a.say("%s", word)
	for _, why := range e.Why {
		a.say("  %s", why)
	}
	a.momentWords(e)
	return nil
}

// code finds a code by its id or the beginning of it.
func (a *app) code(ctx context.Context, what string) (c *client.Client, id string, err error) {
	if c, err = a.bridge(ctx); err != nil {
		return nil, "", err
	}
	codes, err := c.Codes(ctx)
	if err != nil {
		return nil, "", err
	}
	var found []string
	for _, k := range codes {
		if k.ID == what || len(what) >= shortest && strings.HasPrefix(k.ID, what) {
			found = append(found, k.ID)
		}
	}
	if slices.Contains(found, what) {
		return c, what, nil
	}
	if len(found) == 1 {
		return c, found[0], nil
	}
	why := "there is no such code"
	if len(found) > 1 {
		why = "that stands for several codes"
	}
	return nil, "", &Failure{Why: why, Remedy: "use the id that loquet codes list shows, never what is typed"}
}
