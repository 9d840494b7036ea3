// Package sim is a simulated house: doors and locks with inertia, end contacts, wall buttons and faults,
// wired to lines that drivers use like any others.
//
// A World is a House that moves. World.Board gives its lines to drivers in the same process; Serve gives
// them to other processes over a unix socket, and Dial takes them there, so that the house outlives a
// bridge that is killed. Like a Raspberry Pi it then leaves a relay as it was, until somebody requests
// the line again.
//
// The lines of a door "garage" are garage/relay (one button) or garage/open-relay, garage/close-relay
// and garage/stop-relay; the contacts garage/closed and garage/open, the photo-eye garage/obstructed, and
// garage/lamp and garage/beeper. A motor lock "front" has front/secure and front/unsecure, the contacts
// front/secured, front/unsecured and front/door; a strike or maglock "studio" has studio/relay,
// studio/secured and studio/door; a keypad "studio-pad" has the Wiegand wires studio-pad/d0 and /d1.
//
// Nothing ticks. Positions are functions of time, and one timer a device waits for the next moment at
// which a contact changes or a movement ends. The speed factor makes physics faster and nothing else.
// With the time package replaced by testing/synctest, a World is deterministic.
package sim
