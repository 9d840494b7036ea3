// Package cli is the command line of loquet. All commands but those that start something are clients
// of the API of a running bridge; what starts something is handed in as a Program.
//
// Exit codes: 0 done, 1 refused or failed (one line why, one line what to do, on stderr), 2 usage.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/device"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Streams are where a command reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Program is what the binary can do besides asking a bridge. A command whose function is nil does not
// exist. Errors that a person should act on are *Failure, *device.Refusal, *api.Error, or say all in
// their own text.
type Program struct {
	Version api.Version
	// Run, Demo and World serve until ctx ends, and then return nil.
	Run   func(ctx context.Context, o RunOptions, s Streams) error
	Demo  func(ctx context.Context, o DemoOptions, s Streams) error
	World func(ctx context.Context, o WorldOptions, s Streams) error
	// Guard is the guard of the output lines, which the bridge starts.
	Guard func() error
	// Safe brings the outputs of a configuration to rest.
	Safe func(ctx context.Context, config string, s Streams) error
	// Check judges a configuration without starting it. An error means that it could not be read.
	Check func(ctx context.Context, config string) ([]Finding, error)
	// Drivers lists the drivers in this build.
	Drivers func() []Driver
	// Schema returns the JSON Schema of the configuration.
	Schema func() ([]byte, error)
	// Wire leads through the wiring of one door, in a terminal.
	Wire func(ctx context.Context, o WireOptions, s Streams) error
	// Backup makes a backup of a folder that no bridge uses. nil: only a running bridge can be asked.
	Backup func(ctx context.Context, o BackupOptions, out io.Writer) error
	// Restore puts a backup back.
	Restore func(ctx context.Context, o RestoreOptions, s Streams) (Restored, error)
	// VerifyState checks the history of a folder of state that no bridge uses, and changes nothing in it.
	VerifyState func(ctx context.Context, folder string) (api.Verdict, error)
}

// Finding is one thing that check has to say.
type Finding struct {
	Stops bool   // the bridge would not start with it
	Text  string // everything, as a person reads it
	Value any    // the same for --json
}

// Driver is one driver, for the list.
type Driver struct {
	Kind string `json:"kind"` // opener, bolt, board, keypad, ...
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

// Failure is an error with one line why and one line what to do.
type Failure struct {
	Why    string
	Remedy string
	Err    error
}

func (f *Failure) Error() string { return f.Why }

func (f *Failure) Unwrap() error { return f.Err }

// usage is an error of the person who typed the command.
type usage struct {
	text string
	cmd  *cobra.Command
}

func (u *usage) Error() string { return u.text }

// errSaid stops a command that has told already what is wrong.
var errSaid = errors.New("said already")

// Main runs one command line, without the program's name, and returns the exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, p Program) int {
	app := &app{program: p, streams: Streams{In: stdin, Out: stdout, Err: stderr}}
	root := app.root(args)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return app.exit(root.ExecuteContext(ctx))
}

// app is one run of the command line.
type app struct {
	program Program
	streams Streams
	where   client.Where
	json    bool
	lost    error // the first line of output that could not be written
}

// root makes the commands. A house that starts is not kept waiting for those that ask one: where the first word is a
// command that starts something, there are no others.
func (a *app) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "loquet",
		Short:         "Garage doors, gates and locks in Apple Home, without anybody's server",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usage{err.Error(), cmd} })
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Start something:"},
		&cobra.Group{ID: groupDoors, Title: "Doors and locks:"},
		&cobra.Group{ID: groupHouse, Title: "The house:"},
	)
	root.SetHelpCommandGroupID(groupHouse)
	starts := a.startCommands()
	root.AddCommand(starts...)
	if len(args) > 0 && slices.ContainsFunc(starts, func(c *cobra.Command) bool { return c.Name() == args[0] }) {
		return root
	}
	root.AddCommand(a.devicesCommand())
	root.AddCommand(a.moveCommands()...)
	root.AddCommand(a.historyCommand(), a.doctorCommand(), a.clockCommand(), a.pairCommand(), a.adoptCommand(), a.peopleCommand(), a.codesCommand(), a.explainCommand(), a.staysCommand(), a.calendarsCommand(), a.tokenCommand(), a.reloadCommand(), a.versionCommand(),
		a.backupCommand(), a.exportCommand())
	root.AddCommand(a.offlineCommands()...)
	return root
}

// Groups of the help.
const (
	groupStart = "start"
	groupDoors = "doors"
	groupHouse = "house"
)

// noSuchCommand is for commands that have only subcommands.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usage{text, cmd}
}

// exactly wants these arguments, by name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return &usage{"say which " + names[len(args)], cmd}
		case len(args) > len(names):
			return &usage{fmt.Sprintf("%q is too much", args[len(names)]), cmd}
		}
		return nil
	}
}

// bridge finds the bridge that the command is for.
func (a *app) bridge(ctx context.Context) (*client.Client, error) { return client.Find(ctx, a.where) }

// client makes cmd one that asks a bridge.
func (a *app) client(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.where.URL, "url", "", "the bridge at this `URL` (or LOQUET_URL)")
	cmd.Flags().StringVar(&a.where.Token, "token", "", "the `token` for --url (or LOQUET_TOKEN)")
	cmd.Flags().StringVar(&a.where.State, "state", "", "the bridge with this `folder` of state (or LOQUET_STATE)")
	return cmd
}

// listing gives cmd the flag --json.
func (a *app) listing(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.json, "json", false, "print JSON, as the API gives it")
	return cmd
}

// lists makes a command without another word do what its subcommand list does, as git branch lists branches.
func (a *app) lists(cmd, list *cobra.Command) *cobra.Command {
	cmd.Args, cmd.RunE = noSuchCommand, list.RunE
	cmd.AddCommand(list)
	return a.client(a.listing(cmd))
}

// exit prints the error, one line why and one line what to do, and returns the code.
func (a *app) exit(err error) int {
	var u *usage
	switch {
	case err == nil && a.lost != nil:
		a.complain("the answer could not be written: "+a.lost.Error(), "what was asked for is done")
		return exitFailed
	case err == nil:
		return exitDone
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &u):
		a.complain(u.text, u.cmd.CommandPath()+" --help shows how it is used")
		return exitUsage
	}
	a.complain(explain(err))
	return exitFailed
}

func (a *app) complain(why, remedy string) {
	text := "loquet: " + why + "\n"
	if remedy != "" {
		text += "  " + remedy + "\n"
	}
	_, _ = io.WriteString(a.streams.Err, text) // there is nobody else to tell
}

// explain splits an error into why and what to do.
func explain(err error) (why, remedy string) {
	var refused *api.Error
	var unreachable *client.Error
	var failure *Failure
	var refusal *device.Refusal
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &failure):
		return failure.Why, failure.Remedy
	case errors.As(err, &refused):
		return refused.Why, refused.Remedy
	case errors.As(err, &unreachable):
		return unreachable.Why, unreachable.Remedy
	case errors.As(err, &refusal):
		return refusal.Error(), refusal.Remedy
	case errors.As(err, &hinted):
		return oneLine(err.Error()), hinted.Hint()
	case errors.Is(err, context.Canceled):
		return "stopped before the answer came", "look at the door: the command may have been done"
	}
	return err.Error(), ""
}

// oneLine keeps a list of errors on the line that scripts read.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }
