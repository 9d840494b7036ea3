// Package access decides who may do what: pure rules on the standard library, without clocks,
// storage or protocols.
//
// A controller is a phone or a home hub that has paired. It is an id until an owner gives it a name,
// a role and doors; without those it has the role that follows from its HomeKit permission.
//
// A person has codes, PINs or cards; a code has windows and doors. Allowed says whether it opens a door at
// a moment, and why. Lockout counts what was tried in vain at one keypad. Digits are nowhere in here: seal
// keeps them, ledger keeps the records, gate stands between a keypad and its doors.
package access
