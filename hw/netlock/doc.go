// Package netlock is the frame of a lock that speaks over MQTT and is no more than what it said: Nuki, Zigbee2MQTT. A
// driver brings the words of its lock; everything else is here, once:
//
//	orders (Throw, codes) ---- Send ----> one message, once ---> the broker
//	       ^                                                        |
//	       | what came of it                                        v
//	       `---- Heard <---- the driver's own reading of it <---- events
//
// # One goroutine
//
// What is known of a lock belongs to one goroutine: it gets every event of the broker, everything that is handed in by Do,
// and every Alarm. Nothing of it needs a lock.
//
// # There or away
//
// A lock is there from Arrive to Down. While it is away orders are refused with the reason and the readings end; whoever
// waits for what came of an order is told that nobody knows.
//
// # Sent once
//
// Send publishes one message, once. What comes of it is the lock's own word, which the driver recognises; until then, and
// where that never comes, it is device.ErrUnsure.
package netlock
