// Package hw is what drivers are made of: lines to the outside (Output, Input, Edges), boards that
// provide them, the Env that lends them, and the registry in which drivers are listed.
//
// # Lines
//
// A line is named by a Ref in the configuration: board:name or board:chip/offset, with ! in front for
// active-low. Levels are logical from there on: Active means that the contact is made or that the relay
// pulls, whatever the voltage. Every output has a rest level. It is requested with it (nothing moves
// when a program starts), and left at it when it is closed.
//
// A momentary output (Cap above zero) never stays away from rest for longer than its cap: the order
// arms a timer of the driver's own before the line changes, so that a caller that dies, forgets or
// hangs cannot hold a relay. Bounded implements this once for all boards.
//
// # Orders are sent once
//
// Nothing here repeats an order that energises. An error of Output.Set says that nothing was energised,
// unless it is device.ErrUnsure: then the order went out, the answer is lost, and only a person or a
// sensor can tell. The release is repeated until it is confirmed: going to rest twice moves nothing.
//
// # Who owns what
//
// Env.For gives each device an Env of its own. What was borrowed through it goes back when it is closed,
// outputs first, each at rest. An output is lent once; inputs may be shared.
package hw
