// Command loquet makes doors and locks of the relays, openers, strikes and locks that people own.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/hw/gpio"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, cli.Program{
		Version: version(),
		Run:     run,
		Demo:    demo,
		World:   world,
		Guard:   gpio.Guard,
		Safe:    outputsSafe,
		Wire:    wiring,
		Check:   check,
		Drivers: drivers,
		Schema:  schema,

		VerifyState: verifyState,
		Backup:      backupStopped,
		Restore:     restore,
	})
	stop()
	os.Exit(code)
}
