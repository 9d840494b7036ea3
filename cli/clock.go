package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
)

func (a *app) clockCommand() *cobra.Command {
	cmd := a.client(a.listing(&cobra.Command{
		Use:     "clock",
		Short:   "Show what time it is in the house, how far that is known, and because of whom",
		GroupID: groupHouse,
		Args:    noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.bridge(cmd.Context())
			if err != nil {
				return err
			}
			f, err := c.Clock(cmd.Context())
			if err != nil {
				return err
			}
			return a.showClock(f)
		},
	}))
	cmd.AddCommand(a.clockConfirmCommand())
	return cmd
}

func (a *app) showClock(f api.ClockFacts) error {
	if a.json {
		return a.printJSON(f)
	}
	a.say("%s", clockTime(f.Machine, f.Zone))
	for _, line := range clockWords(f) {
		a.say("%s", line)
	}
	return nil
}

func clockTime(t time.Time, zone string) string {
	text := t.Format("Monday 2 January 2006 15:04:05 MST")
	if zone == "" || zone == "Local" {
		return text
	}
	return fmt.Sprintf("%s (%s)", text, zone)
}

const toTheMinute = "2006-01-02 15:04"

// clockWords says how far the time is known.
func clockWords(f api.ClockFacts) []string {
	until := ""
	if !f.Until.IsZero() {
		until = " until " + f.Until.Format(toTheMinute)
	}
	switch {
	case f.Doubted:
		words := []string{"The time jumped and is not believed. If it is right, two must say so: loquet clock confirm."}
		if f.Trust != "floor" {
			words = append(words, fmt.Sprintf("Until then %s is counted on%s.", f.At.Format(toTheMinute), until))
		}
		return words
	case f.Trust == "trusted" && f.By == "network":
		return []string{"It is right: the network keeps it."}
	case f.Trust == "trusted" && f.By == "battery":
		return []string{"It is right: a battery keeps it."}
	case f.Trust == "trusted":
		return []string{fmt.Sprintf("It is right: %s said so at %s. That counts%s.", byWords(f.By), f.Since.Format(toTheMinute), orUntilRestart(until))}
	case f.Trust == "holdover":
		return []string{fmt.Sprintf("It was right at %s and is counted on since%s.", f.Since.Format(toTheMinute), orUntilRestart(until))}
	}
	return []string{"Nobody knows whether that is right: codes with dates open nothing. If it is, say so: loquet clock confirm."}
}

func orUntilRestart(until string) string { return until + " or until the machine starts again" }

func byWords(by string) string {
	return consoleWords(api.Cause{Actor: by})
}

func (a *app) clockConfirmCommand() *cobra.Command {
	var at string
	var yes bool
	cmd := a.client(a.listing(&cobra.Command{
		Use:   "confirm",
		Short: "Say that the time is right, in a house without a network that says it",
		Long: "Say that the time is right, in a house without a network that says it.\n\n" +
			"It shows the time of the bridge's machine and asks. Your word counts for six days, until the machine starts\n" +
			"again, or until its time jumps. History holds who said it.",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var now time.Time
			if at != "" {
				var err error
				if now, err = parseTime(at); err != nil {
					return &usage{"--at takes a time as " + sampleTime, cmd}
				}
			}
			return a.confirmClock(cmd, now, yes)
		},
	}))
	cmd.Flags().StringVar(&at, "at", "", "the `time` by a clock of yours, as 2026-07-01T15:00 (default: it is shown, and you are asked)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask: the clock of this computer is right")
	return cmd
}

const sampleTime = "2026-07-01T15:00"

// parseTime reads a time with its zone, or as the clock on the wall shows it here.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.ParseInLocation("2006-01-02T15:04", text, time.Local)
	}
	return t, err
}

func (a *app) confirmClock(cmd *cobra.Command, at time.Time, yes bool) error {
	c, err := a.bridge(cmd.Context())
	if err != nil {
		return err
	}
	switch {
	case !at.IsZero():
	case yes:
		at = time.Now()
	default:
		f, err := c.Clock(cmd.Context())
		if err != nil {
			return err
		}
		shown := time.Now()
		if !a.yes("The machine of the bridge says that it is " + clockTime(f.Machine, f.Zone) + ".\nIs that right? Type yes: ") {
			return &Failure{Why: "the time was not confirmed", Remedy: "set it right on that machine (sudo timedatectl set-time), then confirm it"}
		}
		at = f.Machine.Add(time.Since(shown))
	}
	f, err := c.ConfirmClock(cmd.Context(), at)
	if err != nil {
		return err
	}
	return a.showClock(f)
}

// yes asks, and reports whether the first line of the answer is yes, or y.
func (a *app) yes(question string) bool {
	if in, ok := a.streams.In.(*os.File); ok && terminal(in) {
		_, _ = fmt.Fprint(a.streams.Err, question)
	}
	line, err := firstLine(a.streams.In)
	word := strings.ToLower(strings.TrimSpace(line))
	return err == nil && (word == "yes" || word == "y")
}
