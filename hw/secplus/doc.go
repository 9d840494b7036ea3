// Package secplus speaks Security+ 2.0, the protocol on the wall-button wire of Chamberlain and LiftMaster openers with
// a yellow learn button, through a serial port with a level shifter.
//
// Each message carries a code that rises by one; the opener drops one that does not. So codes are taken from a range
// that is on the disk before the first of it is sent, and after a start the next range is used: no code goes out
// twice, whenever the power fails. Only the two halves of one button press have the same code, as the opener wants it.
//
// Nothing is sent by itself but the question for the state. An order is one press and one release.
package secplus
