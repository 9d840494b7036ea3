// Package qr draws QR codes with characters, so that a phone can read them off a terminal.
package qr

import (
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"
)

// quiet is the margin that scanners need (ISO/IEC 18004, 4 modules).
const quiet = 4

// Colours outside the 16 that themes change: modules are black on white on every terminal.
const (
	inked = "\x1b[38;5;16;48;5;231m"
	reset = "\x1b[0m"
)

// Write draws text as a QR code, two modules to a character. With colour it is black on white,
// whatever the terminal's own colours; without, it is drawn for light characters on dark ground.
func Write(w io.Writer, text string, colour bool) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return fmt.Errorf("draw a QR code: %w", err)
	}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		if colour {
			b.WriteString(inked)
		}
		for x := -quiet; x < code.Size+quiet; x++ {
			upper, lower := code.Black(x, y), code.Black(x, y+1)
			if !colour { // characters are light: they stand for the ground
				upper, lower = !upper, !lower
			}
			b.WriteRune(half(upper, lower))
		}
		if colour {
			b.WriteString(reset)
		}
		b.WriteByte('\n')
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func half(upper, lower bool) rune {
	switch {
	case upper && lower:
		return '█'
	case upper:
		return '▀'
	case lower:
		return '▄'
	}
	return ' '
}
