package modbus

import (
	"encoding/binary"
	"time"
)

// Orders that boards add to Modbus.
const (
	coilOn = 0xFF00 // MODBUS Application Protocol V1.1b3, section 6.5

	// Waveshare "Modbus RTU Relay", second version: a coil above these switches on, or off, for the value
	// times 100 ms.
	flashOn   = 0x0200
	flashOff  = 0x0400
	flashUnit = 100 * time.Millisecond
	flashMost = 0x7FFF

	// R421 and RYN4 boards. Their own timers are of no use for doors: one kind switches all other relays
	// off when it starts, the other takes no order to go off before it ends.
	registerOn  = 0x0100
	registerOff = 0x0200
)

// switching is the order that brings relay n (from 0) to a level; with max above 0 the board itself brings
// it back after that time where it can. The board's time is rounded up to its unit: our own release comes
// first.
func (c Config) switching(n int, high bool, max time.Duration) pdu {
	if c.Kind == Registers {
		if high {
			return order(writeRegister, c.FirstRelay+n, registerOn)
		}
		return order(writeRegister, c.FirstRelay+n, registerOff)
	}
	if units := (max + flashUnit - 1) / flashUnit; c.Kind == Waveshare && units > 0 && units <= flashMost {
		if high {
			return order(writeCoil, flashOn+n, uint16(units))
		}
		return order(writeCoil, flashOff+n, uint16(units))
	}
	if high {
		return order(writeCoil, c.FirstRelay+n, coilOn)
	}
	return order(writeCoil, c.FirstRelay+n, 0)
}

// asking is the question for the levels of all relays.
func (c Config) asking() pdu {
	if c.Kind == Registers {
		return ask(readRegisters, c.FirstRelay, c.Relays)
	}
	return ask(readCoils, c.FirstRelay, c.Relays)
}

// relay reads the level of relay n (from 0) in the answer to asking.
func (c Config) relay(data []byte, n int) bool {
	if c.Kind == Registers {
		return 2*n+1 < len(data) && binary.BigEndian.Uint16(data[2*n:]) != 0
	}
	return bit(data, n)
}
