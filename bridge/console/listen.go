// Package console opens the port of the API and its pages.
package console

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/rs/zerolog"
)

// tries is how far above a busy port a free one is looked for.
const tries = 100

// Listen takes the next free port where somebody else has the one that was asked for: a second bridge on a
// machine must not keep its doors shut because of a page.
func Listen(ctx context.Context, addr string, log zerolog.Logger) (net.Listener, error) {
	var lc net.ListenConfig
	first, err := lc.Listen(ctx, "tcp", addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return first, err
	}
	host, text, splitErr := net.SplitHostPort(addr)
	port, portErr := strconv.Atoi(text)
	if splitErr != nil || portErr != nil {
		return nil, err
	}
	for k := 1; k <= tries && port+k <= 65535; k++ {
		l, nextErr := lc.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port+k)))
		if nextErr == nil {
			log.Warn().Str("asked", addr).Str("addr", l.Addr().String()).Msg("the console's port is busy, listening on another one")
			return l, nil
		}
	}
	return nil, err
}
