// Package frames is what goes over the wall-button wire of Chamberlain and LiftMaster openers: the frames of
// Security+ 2.0 (19 bytes with a rolling code) and the single bytes of Security+ 1.0. It knows no wire and no time
// but that of the bytes it is given.
package frames
