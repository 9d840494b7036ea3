// Package serial opens serial ports for devices that speak bytes at a fixed speed. It sets them raw by
// the kernel's own calls, takes them for itself, and keeps DTR and RTS low.
package serial

import (
	"fmt"
	"os"
	"time"
)

// Mode is how a port is set. Eight data bits and one stop bit are the same everywhere here.
type Mode struct {
	Baud   int    // bits a second: one of Bauds
	Parity Parity // none unless said
}

// Parity of a byte.
type Parity uint8

// Parities.
const (
	None Parity = iota
	Even
	Odd
)

// Bauds lists the speeds that a port can be set to.
func Bauds() []int { return []int{1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400} }

// Port is an open port. Reads wait for at least one byte; Close ends those that wait.
type Port struct{ f *os.File }

// Read implements io.Reader.
func (p *Port) Read(b []byte) (int, error) { return p.f.Read(b) }

// Write implements io.Writer. The bytes are with the kernel when it returns, see Drain.
func (p *Port) Write(b []byte) (int, error) { return p.f.Write(b) }

// SetWriteDeadline bounds writes to a port that takes no more.
func (p *Port) SetWriteDeadline(t time.Time) error { return p.f.SetWriteDeadline(t) }

func modeError(m Mode) error { return fmt.Errorf("a serial port cannot be set to %d baud", m.Baud) }
