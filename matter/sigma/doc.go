// Package sigma establishes sessions between members of a fabric with their certificates: CASE, Matter's form of the
// SIGMA protocol (Matter 1.4 4.14.2). It has both sides, and resumption: two nodes that met before need no certificates
// the second time. (The package is not called case because that word is taken in Go.)
//
// The Responder answers at most a few handshakes at once and asks further peers to come again; a peer that does not
// know a fabric of this node is told so before anything costly is computed.
package sigma
