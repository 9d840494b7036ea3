// Package secplus speaks Security+ 2.0 and 1.0, the protocols on the wall-button wire of Chamberlain and LiftMaster
// openers, through a serial port with a level shifter.
//
// In Security+ 2.0 (a yellow learn button) each message carries a code that rises by one; the opener drops one that does
// not. So codes are taken from a range that is on the disk before the first of it is sent, and after a start the next
// range is used: no code goes out twice, whenever the power fails. Only the two halves of one button press have the same
// code, as the opener wants it.
//
// In Security+ 1.0 (a purple, red or orange one) everything is a single byte, and there is one button for everything.
// A digital wall panel asks the opener several times a second where its door is: loquet listens to the answers, and says
// its own bytes between the panel's. Where no panel is heard loquet asks.
//
// Nothing is sent by itself but questions, and that buttons are let go, which moves nothing. An order is one press and
// its end.
package secplus
