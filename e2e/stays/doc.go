// Package stays lets a guest of a booking calendar in: the built binary in a network without a way out, with a
// calendar on its own loopback.
package stays
