// Package modbus drives relay and input boards that speak Modbus: RTU on a serial line, RTU through a
// serial server (RTU over TCP), and Modbus TCP. Facts are from MODBUS Application Protocol V1.1b3, MODBUS
// over Serial Line V1.02 and MODBUS Messaging on TCP/IP V1.0b, and from the makers' pages for what boards
// add to them.
//
// # One line, several boards
//
// Boards with the same url share one connection, which one goroutine owns: it sends one question, waits
// for its answer, and only then sends the next. Orders come before polls.
//
// # Sent once
//
// An order that energises goes out once. An answer that does not come is device.ErrUnsure; then every relay
// that is lent is brought to its rest level before the board takes another order. Modbus TCP numbers its
// questions, so a late answer is known. RTU does not: bytes that nobody waits for are thrown away, an
// answer must have the unit, the function, the length and, for an order, the very address and value that
// were sent, and after a question that was not answered the same board is asked nothing for a second
// (docs/adr/0010).
//
// # When nobody releases the relay
//
// With kind "waveshare" the board itself ends a pulse, also when this process or the cable is gone in the
// middle of it. All other boards keep a relay on until somebody releases it.
package modbus
