// Package modbus runs the built binary against Modbus boards: pymodbus (a server that nobody here wrote)
// over TCP and over a serial line made of PTYs, and a board with a timer of its own.
package modbus
