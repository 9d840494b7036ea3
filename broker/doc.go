// Package broker is the house's MQTT: a broker in the process for devices that need one (Server), and the
// one connection of the house to its broker, this one or another (Client, the hw.MQTT of every driver).
//
// # Commands are sent once
//
// The client publishes with quality of service 0, never retained, and never keeps anything for later: while
// there is no connection Publish fails at once. What the network holds back is thrown away with the
// connection after five seconds (TCP_USER_TIMEOUT), and each message says that it expires then. The broker
// delivers everything with quality of service 0, so that it never sends anything again, and keeps no message
// on a topic of commands.
//
// # Who may say what
//
// A device has an account of its own, made here. It reaches its own topics and no others, under one client
// id that nobody else may use. Without an account nobody gets in, but for the minutes in which the owner
// adopts a device. Size, rate, number and age of everything that comes from the network are bounded.
package broker
