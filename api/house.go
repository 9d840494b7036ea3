package api

import (
	"context"
	"time"

	"github.com/loquet/loquet/device"
)

// House is everything the API needs from the program behind it. All methods may be called from many
// goroutines at once. Their errors may be *Error (sent as it is), *device.Refusal (409), something
// that wraps ErrNotFound (404); all others become a 500.
type House interface {
	Doors
	Historian
	Caretaker
}

// Doors are the devices and their commands.
type Doors interface {
	// Devices lists every device in the order of the configuration. It never waits for a device.
	Devices() []Device
	// Device returns one device; false if there is none with that id.
	Device(id string) (Device, bool)
	// Command asks a device to act. The cause is filled in by the API.
	Command(ctx context.Context, id string, c device.Command) (device.Answer, error)
}

// Historian reads the history.
type Historian interface {
	// History returns the rows that match, newest first unless the query says otherwise.
	History(ctx context.Context, q HistoryQuery) ([]Row, error)
	// VerifyHistory checks the chain of hashes. An error means that it could not be read; what is
	// wrong with the chain is in the verdict.
	VerifyHistory(ctx context.Context) (Verdict, error)
}

// Caretaker looks after the house as a whole.
type Caretaker interface {
	// Problems lists what is wrong now, worst first.
	Problems() []Problem
	// Reload reads the configuration again. A configuration that is refused changes nothing.
	Reload(ctx context.Context) error
}

// HistoryQuery selects rows. The zero value selects all.
type HistoryQuery struct {
	Device      string
	Since       time.Time // inclusive; zero: from the beginning
	Until       time.Time // exclusive; zero: to the end
	After       int64     // only rows with a greater seq; 0: all
	Limit       int       // at most so many, always > 0
	OldestFirst bool      // with After: the next ones, for whoever follows the history
}

// Pairings are the controllers (phones, home hubs) that may operate the house through HomeKit, and the ecosystems
// (fabrics) that may through Matter. bridge is the bridge's id ("AA:BB:CC:DD:EE:FF", "matter"); empty means every bridge that knows the controller.
type Pairings interface {
	Pairings(ctx context.Context) ([]Pairing, error)
	// ChangePairing gives a controller a name, a role or doors. It wraps ErrNotFound if no such
	// controller is paired.
	ChangePairing(ctx context.Context, bridge, id string, c PairingChange) (Pairing, error)
	// RemovePairing revokes a controller: when it returns, its sessions are closed.
	RemovePairing(ctx context.Context, bridge, id string) error
	// HomeKitBridges lists the bridges with what is needed to pair each; codes only while they can pair.
	HomeKitBridges(ctx context.Context) ([]HomeKitBridge, error)
	// ArmHomeKit lets unpaired bridges pair again after too many wrong codes, for 15 minutes.
	ArmHomeKit(ctx context.Context) ([]HomeKitBridge, error)
	// MatterBridge is the Matter bridge with what is needed to add it; codes only while they are accepted.
	MatterBridge(ctx context.Context) (MatterBridge, error)
	// OpenMatter lets one more ecosystem add it, for 15 minutes.
	OpenMatter(ctx context.Context) (MatterBridge, error)
	// CloseMatter takes that back. It is no error if there is nothing to take back.
	CloseMatter(ctx context.Context) (MatterBridge, error)
}

// Simulator reaches into simulated devices: what a hand or a fault would do to real ones.
type Simulator interface {
	// Sim returns the physics of one device; false if it is not simulated.
	Sim(id string) (SimState, bool)
	// SimEvent makes something happen. digits is only set for EventKeypad.
	SimEvent(ctx context.Context, id string, event SimEvent, digits string) error
}

// Space is the durable key-value storage in which tokens are kept (as hashes).
type Space interface {
	// List returns all records whose key begins with prefix.
	List(prefix string) (map[string][]byte, error)
	// Apply changes all or nothing, and is durable when it returns; a nil value deletes.
	Apply(changes map[string][]byte) error
}
