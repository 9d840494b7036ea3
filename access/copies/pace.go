//go:build !hurried

package copies

import "time"

// How soon a lock that is away is found. A build with the tag hurried does not let tests wait for it.
const (
	look    = 20 * time.Second // how often windows are looked at
	silence = 10 * time.Minute // without an answer to any call, and it is not counted on
	nearby  = 20 * time.Minute // between two questions to a lock that nothing was asked for, where a guest is expected
)
