// Package state damages, fills, locks and loses the folder in which a paired bridge keeps its state, and
// requires the same each time: the bridge keeps its identity, nobody can pair with it by accident,
// nothing moves at its start, and whoever was paired still opens the door. Where it cannot start, it says
// why and what to do, and leaves the folder as it was.
//
// Damage is tried in volume on a bridge inside the test's process, and again, by way of example, on the
// built binary. Full, read-only and foreign disks are always tried on the binary, on small disks of its
// own (they need a mount namespace). LOQUET_LONG=1 tries ten times as much.
package state
