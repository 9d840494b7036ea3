// Package lines drives doors and locks whose wires end on plain relays and contacts: garage openers
// with one button, gates with a line a direction, strikes, maglocks and motor bolts. NewDoor and NewLock
// add contacts, an obstruction input and a warning light with a beeper to any opener or bolt, these or
// others.
//
// A contact is active while it is made: a closed contact while the door is closed, a door contact while
// the door is in its frame. An obstruction input is active while something is in the way. A contact that
// opens instead takes a ! in front of its line.
package lines
