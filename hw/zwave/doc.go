// Package zwave drives Z-Wave locks through a zwave-js-server, the WebSocket service that Z-Wave JS UI,
// Home Assistant and the npm package @zwave-js/server offer. It speaks its API schema 33 to 50.
//
// One connection serves all locks of one server. It is made again when it ends, or when the server has
// been silent for 30 s; until then every lock on it is unavailable. After each connection a lock is asked
// over the radio before anything is said about it: what the server remembers may be older than the last
// turn of a key.
//
// An order goes to the server once. A lock that sleeps takes no order: the server would keep it until the
// lock wakes. What the server says is "success" is only that the order was sent; the outcome is what the
// lock reports.
//
// Codes go into the slots of the lock through the User Code command class, and through the server's access
// control API on locks with the newer User Credential class.
package zwave
