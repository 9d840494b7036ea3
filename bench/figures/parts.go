package figures

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Part is a measurement that can be asked for by its name.
type Part struct {
	Name string
	Run  func(context.Context) error
}

// Run makes the parts asked for, in their order, between two lines about the machine. Ctrl-C ends it.
func (r *Report) Run(program string, asked []string, parts []Part) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r.Machine(program)
	for _, part := range parts {
		if !slices.Contains(asked, part.Name) {
			continue
		}
		if err := part.Run(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.Name, err)
		}
	}
	r.Machine(program)
	return nil
}

// Sizes reads a list of numbers, as "10,50".
func Sizes(text string) (out []int, err error) {
	for _, one := range strings.Split(text, ",") {
		n := 0
		if _, err := fmt.Sscan(one, &n); err != nil {
			return nil, fmt.Errorf("-sizes %q: %w", text, err)
		}
		out = append(out, n)
	}
	return out, nil
}
