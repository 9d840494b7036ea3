// Package e2e starts the built binary and drives it from outside: in network namespaces of its own,
// over the API, and through clients that were written elsewhere. It imports nothing of the program
// but what a user has too: the shapes of the API are spelled out here a second time, so that a change
// of the contract fails a test instead of following along.
//
// A test binary that calls Open is started again inside a network and mount namespace of its own (a
// user namespace as well, without root). All that it makes there, and all its traffic, ends with it.
package e2e
