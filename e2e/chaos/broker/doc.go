// Package broker runs the built binary and a Garadget board in the worst MQTT there is: a broker that dies and
// comes back again and again, and a network full of devices that shout, lie, plant orders and send packets of
// a megabyte. No relay moves that nobody asked for, none twice, and the board stays in reach.
package broker
