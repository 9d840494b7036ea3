package cli

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// secret is where a passphrase comes from.
type secret struct{ file string }

func (s *secret) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.file, "passphrase-file", "", "read the passphrase from the first line of this `file` (default: ask, or read standard input)")
}

// mostSecret is more than anybody types.
const mostSecret = 4096

// read returns the passphrase: from the file, from a person (twice if asked to), or from the first line
// of standard input.
func (a *app) secret(s secret, twice bool) (string, error) {
	if s.file != "" {
		f, err := os.Open(s.file)
		if err != nil {
			return "", &Failure{Why: err.Error(), Remedy: "--passphrase-file names a file whose first line is the passphrase", Err: err}
		}
		defer func() { _ = f.Close() }()
		return firstLine(f)
	}
	in, ok := a.streams.In.(*os.File)
	if !ok || !terminal(in) {
		return firstLine(a.streams.In)
	}
	return a.askTwice(in, "Passphrase", "passphrases", twice)
}

// typed returns what is typed at a keypad: from a person, who does not see it, or from the first line of
// standard input.
func (a *app) typed(what string, twice bool) (string, error) {
	in, ok := a.streams.In.(*os.File)
	if !ok || !terminal(in) {
		text, err := firstLine(a.streams.In)
		if err != nil {
			err = &Failure{Why: "there is no " + what, Remedy: "type it, or pass it on standard input", Err: err}
		}
		return text, err
	}
	return a.askTwice(in, what, what+"s", twice)
}

func (a *app) askTwice(in *os.File, what, several string, twice bool) (string, error) {
	text, err := a.ask(in, what+": ")
	if err != nil || !twice {
		return text, err
	}
	again, err := a.ask(in, "The same again: ")
	if err == nil && again != text {
		err = &Failure{Why: "those were two different " + several, Remedy: "begin again"}
	}
	return text, err
}

// ask reads a line that is not shown. The prompt goes where errors go, so that output can be piped.
func (a *app) ask(in *os.File, prompt string) (string, error) {
	fd := int(in.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return "", err
	}
	_, _ = io.WriteString(a.streams.Err, prompt)
	phrase, err := firstLine(in)
	_, _ = io.WriteString(a.streams.Err, "\n")
	return phrase, errors.Join(err, unix.IoctlSetTermios(fd, unix.TCSETS, before))
}

// firstLine reads no further than the line goes.
func firstLine(in io.Reader) (string, error) {
	line, err := bufio.NewReaderSize(io.LimitReader(in, mostSecret), 16).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", &Failure{Why: "there is no passphrase", Remedy: "type one, pass one on standard input, or name a file with --passphrase-file"}
	}
	return line, nil
}
