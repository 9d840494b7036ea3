// Package gpio lends the lines of Linux GPIO character devices (/dev/gpiochipN, uAPI version 2, Linux
// 5.10 and newer). Facts about that interface are from include/uapi/linux/gpio.h.
//
// # Which line
//
// A line is named by its offset ("17"), by the name that the kernel gives it ("GPIO17"), or by either
// behind the label of its chip ("pinctrl-bcm2711/17"). Numbers of chips change from one start to the next;
// they are taken only where two chips share a label ("gpiochip2/3"). A bare offset that several chips have
// means the processor's own pins (label pinctrl-...), and is refused where that does not decide.
//
// # Nothing moves
//
// An output is requested with its rest level in the request itself, so that the line goes from what it was
// to rest in one step: two calls (direction, then level) would drive the wrong level in between, which an
// active-low relay board answers with a click. A chip that is unplugged takes its lines away; when it comes
// back they are requested again, at rest. Only the same chip label, offset and name will do.
//
// # How long
//
// hw.Bounded bounds every order; a second timer here drives the line to rest should that one fail. Both die
// with the process, and what a chip does with the line then is the kernel's affair (see keepsOutputs). Hence
// the guard: a second process that has the lines, too (docs/adr/0009).
package gpio
