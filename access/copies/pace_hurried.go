//go:build hurried

package copies

import "time"

// Only test builds are in such a hurry.
const (
	look    = time.Second     // how often windows are looked at
	silence = 5 * time.Second // without an answer to any call, and it is not counted on
	nearby  = 5 * time.Second // between two questions to a lock that nothing was asked for, where a guest is expected
)
