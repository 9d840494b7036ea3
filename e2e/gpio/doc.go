// Package gpio runs the built bridge on a real kernel with simulated GPIO chips: a controller's write moves
// a line, a line's edge reaches the controller, a bridge that is killed leaves nothing energised, and the
// example for a Raspberry Pi works. Its test binary is the init of that kernel (internal/gpiolab).
package gpio
