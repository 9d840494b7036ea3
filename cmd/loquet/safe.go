package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/bridge/boards"
	"github.com/loquet/loquet/cli"
)

// guardCommand starts this very program as the guard, also after an upgrade has replaced its file.
func guardCommand() []string { return []string{"/proc/self/exe", "guard"} }

// safeTime bounds outputs-safe: systemd starts the bridge again after it.
const safeTime = 5 * time.Second

// outputsSafe brings the outputs of a configuration to rest. After a clean stop, as systemd tells, they are.
func outputsSafe(ctx context.Context, path string, s cli.Streams) error {
	if os.Getenv("SERVICE_RESULT") == "success" {
		return nil
	}
	cfg, _, err := readConfig(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, safeTime)
	defer cancel()
	rested, err := boards.Rest(ctx, cfg, zerolog.Nop())
	for _, id := range rested {
		if _, err := fmt.Fprintf(s.Out, "At rest  %s\n", id); err != nil {
			return err
		}
	}
	return withRemedy(err)
}
