// Package garadget drives garage doors through a Garadget board (Particle Photon P1) over MQTT, with no
// server of anybody's. The board has a laser that sees the closed door and a relay on the opener's button; it
// gives the clicks that a target needs by itself.
//
// # What is believed
//
// A board is known by its id, never by its name: two boards of one name would answer for each other. What the
// broker kept is a claim of unknown age; it says where to ask, and never where the door is. A board that has
// not been heard for 30 seconds is unavailable. Only "closed" is seen by the laser; "open" is what the board's
// clock says, so that here the door is between its ends, and the house's own clock decides.
//
// # How an order is sent
//
// Once. Before it the board must have answered within two seconds; after it the board is asked again, and
// its answer shows that the order has arrived, for it handles one message after another. Without that answer
// nobody knows, and the order is not repeated. The board tells nothing when it clicked and the door stays
// closed: a clock here notices.
package garadget
