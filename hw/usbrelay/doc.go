// Package usbrelay drives relay boards on a USB port: LCUS boards (a CH340 serial port and four bytes an
// order), Numato boards (a serial port and lines of text) and the boards of dcttech that call themselves
// USBRelayN (USB HID, through the kernel's hidraw).
//
// An order goes out once. Numato and HID boards are asked afterwards what the relay does; LCUS boards
// say nothing, unless they are one of those that answer a status question (readback). What was sent and
// not confirmed is device.ErrUnsure; the connection is then made anew, which brings every relay that is
// lent to its rest level.
//
// None of these boards has a timer of its own: a relay is released by this process, and if the process is
// killed in the middle of a pulse, only when it is started again. Doors that may not have that want a board
// with a timer, or GPIO under loquet guard.
package usbrelay
