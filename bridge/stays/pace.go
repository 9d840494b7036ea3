//go:build !hurried

package stays

import "time"

// How soon it is found that a guest's code is not ready. A build with the tag hurried does not let tests wait for it.
const (
	minute = time.Minute // how often everything is looked at
	// patience is how long a guest's code must not be ready before a spare one is given: a lock that is written to at this
	// moment is no lock that is away.
	patience = 5 * time.Minute
)
