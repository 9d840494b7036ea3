// Package access decides who may do what: pure rules on the standard library, without clocks,
// storage or protocols.
//
// A controller is a phone or a home hub that has paired. It is an id until an owner gives it a name,
// a role and doors; without those it has the role that follows from its HomeKit permission.
package access
