// Package garadget runs the built binary against a Garadget board: its firmware's way with MQTT, its idea of
// the door and the door itself are a process of their own, on a host of its own. A HomeKit controller that
// nobody here wrote moves the door, and the owner is told when it was left open. The broker is loquet's own or
// mosquitto. No host has a way out.
package garadget
