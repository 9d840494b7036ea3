//go:build hurried

package stays

import "time"

// Only test builds are in such a hurry.
const (
	minute = time.Second // how often everything is looked at
	// patience is how long a guest's code must not be ready before a spare one is given: a lock that is written to at this
	// moment is no lock that is away.
	patience = 5 * time.Second
)
