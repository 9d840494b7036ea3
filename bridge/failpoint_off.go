//go:build !failpoints

package bridge

import "github.com/loquet/loquet/device"

// failpoints are where a test build can be killed; this build has none.
type failpoints struct{}

func newFailpoints() *failpoints { return &failpoints{} }

func (*failpoints) journal(j device.Journal) device.Journal { return j }

func (*failpoints) answered() {}
