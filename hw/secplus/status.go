package secplus

import (
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/secplus/frames"
)

// status is what an opener says of itself.
type status struct {
	door       byte // 1 open, 2 closed, 3 stopped, 4 opening, 5 closing: as command 081 has them
	obstructed device.Tri
	light      bool
	locked     bool // for remotes
}

// Places in a status.
const (
	statusOpen    byte = 1
	statusClosed  byte = 2
	statusStopped byte = 3
	statusOpening byte = 4
	statusClosing byte = 5
)

func statusOf(m frames.Message) status {
	s := status{door: m.Nibble, obstructed: device.No, light: m.Byte2&2 != 0, locked: m.Byte2&1 != 0}
	if m.Byte1&0x40 == 0 {
		s.obstructed = device.Yes
	}
	return s
}

func (s status) reading(taken time.Time) device.Reading {
	r := device.Reading{Energised: device.No, Obstructed: s.obstructed, Taken: taken}
	switch s.door {
	case statusOpen:
		r.At = device.PlaceOpen
	case statusClosed:
		r.At = device.PlaceClosed
	case statusStopped:
		r.At = device.PlaceBetween
	case statusOpening:
		r.At, r.Moving = device.PlaceBetween, device.TargetOpen
	case statusClosing:
		r.At, r.Moving = device.PlaceBetween, device.TargetClosed
	default:
		r.Fault = fmt.Sprintf("the opener tells a state that is none: %d", s.door)
	}
	return r
}
