// Package wiegand reads keypads and card readers with two wires, D0 and D1. Both are high at rest; a
// short low pulse on D0 is a zero, on D1 a one; a pause ends the frame. The frames that mean something
// here are the 26-, 34- and 37-bit cards with parity (HID H10301, H10304, H10302) and the keys of 4 or
// 8 bits.
//
// The wires carry no check of their own and anybody who opens the reader's box can write on them: what
// comes from here is a claim, and wrong codes are counted behind it. A frame with anything odd about it
// (an edge lost or out of order, a bit too near or too late, both wires low) is rejected whole, and the
// rejection is delivered, so that digits typed before it are not completed by what follows.
package wiegand
