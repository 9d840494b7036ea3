// Package doorlock is the DoorLock cluster (Matter application clusters 1.4 section 5.2): what locks, bolts, users,
// credentials and schedules look like on the wire, in which order a command is judged and which status says what. It
// knows no lock: a Bolt moves one, and a Book keeps who may.
package doorlock
