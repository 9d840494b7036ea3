// Package keys proves that a person with a code comes in and nobody else does: the built binary, its
// commands, a keypad, and a phone that sees the lock move.
package keys
