package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
)

// maxWait is longer than the slowest door with a warning takes.
const maxWait = 5 * time.Minute

// move is one of the five commands that make a device act.
type move struct {
	action  string
	does    string // "opens"
	target  string // the API's word for where it ends; empty for stop
	confirm bool   // a person may confirm it
}

func moves() []move {
	return []move{
		{"open", "opens", "open", true},
		{"close", "closes", "closed", true},
		{"stop", "stops", "", true},
		{"lock", "locks", "secured", false},
		{"unlock", "unlocks", "unsecured", false},
	}
}

func (a *app) moveCommands() []*cobra.Command {
	commands := make([]*cobra.Command, 0, len(moves()))
	for _, m := range moves() {
		commands = append(commands, a.moveCommand(m))
	}
	return commands
}

func (a *app) moveCommand(m move) *cobra.Command {
	var confirm, wait bool
	what := "door"
	if !m.confirm {
		what = "lock"
	}
	cmd := &cobra.Command{
		Use:     m.action + " DEVICE",
		Short:   map[string]string{"open": "Open a door or gate", "close": "Close a door or gate", "stop": "Stop a door or gate that moves", "lock": "Lock a lock", "unlock": "Unlock a lock"}[m.action],
		GroupID: groupDoors,
		Args:    exactly(what),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			c, err := a.bridge(ctx)
			if err != nil {
				return err
			}
			d, err := findDevice(ctx, c, args[0])
			if err != nil {
				return err
			}
			answer, err := c.Command(ctx, d.ID, m.action, confirm)
			if err != nil {
				return err
			}
			if a.json && !wait {
				return a.printJSON(answer)
			}
			if !a.json {
				a.say("%s", answerWords(d, m, answer))
			}
			if !wait {
				return nil
			}
			return a.await(ctx, c, d, m, answer)
		},
	}
	if m.confirm {
		cmd.Flags().BoolVar(&confirm, "confirm", false, "I am looking at the door: one pulse although its state is not known")
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the move has ended")
	return a.client(a.listing(cmd))
}

func answerWords(d api.Device, m move, a api.CommandAnswer) string {
	switch {
	case a.Already && m.target == "":
		return d.Name + " does not move."
	case a.Already:
		return fmt.Sprintf("%s is %s already, or on its way.", d.Name, placeWord(m.target))
	case a.Warning:
		return fmt.Sprintf("%s warns first, then %s.", d.Name, m.does)
	}
	return fmt.Sprintf("%s %s.", d.Name, m.does)
}

// errEnded ends the following of the stream.
var errEnded = errors.New("the move ended")

// await follows the history until the outcome of the move, which comes after the intent.
func (a *app) await(ctx context.Context, c *client.Client, d api.Device, m move, answer api.CommandAnswer) error {
	bounded, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	after := client.FromNow
	if answer.Intent > 0 {
		after = answer.Intent
	}
	var outcome api.Row
	err := c.Follow(bounded, after, func(e client.Event) error {
		switch {
		case e.Row != nil && e.Row.Device == d.ID && e.Row.Kind == "outcome":
			outcome = *e.Row
			return errEnded
		// Who was told "already" waits for the end of somebody else's move, which may be over.
		case answer.Already && e.Device != nil && e.Device.ID == d.ID && rests(*e.Device, m.target):
			outcome = api.Row{Device: d.ID, Outcome: "reached", Target: m.target}
			return errEnded
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Why: d.Name + " did not come to an end in five minutes", Remedy: "look at it; loquet history --device " + d.ID + " shows what happened"}
	case !errors.Is(err, errEnded):
		return err
	}
	if a.json {
		if err := a.printJSON(outcome); err != nil {
			return err
		}
	}
	if outcome.Outcome != "reached" {
		return &Failure{Why: d.Name + ": " + outcomeWords(outcome), Remedy: "look at it; loquet history --device " + d.ID + " shows what happened"}
	}
	if !a.json {
		a.say("%s %s.", d.Name, outcomeWords(outcome))
	}
	return nil
}

// rests reports whether a device is where it was meant to go; with no target, whether it is anywhere.
func rests(d api.Device, target string) bool {
	at := d.State.Position + d.State.Bolt
	if target == "" {
		return at != "opening" && at != "closing"
	}
	return at == target
}
