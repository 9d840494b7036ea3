package usbrelay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/loquet/loquet/device"
)

// Facts of the boards of dcttech: USB 16C0:05DF, product USBRelayN; orders are reports of nine bytes (the
// first is the report's number, 0), the state is feature report 1.
const (
	hidID      = "0003:000016C0:000005DF"
	hidProduct = "USBRelay"
	hidOn      = 0xFF
	hidOff     = 0xFD
	hidReport  = 9
	hidSerial  = 5 // bytes of the state, from the first
	hidBitmap  = 7 // its place in the state; bit 0 is relay 1
)

// hidraw is what the kernel offers of a HID device.
type hidraw interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	// Feature reads feature report 1.
	Feature() ([hidReport]byte, error)
	Close() error
}

// hid is a board of the HID kind.
type hid struct {
	raw  hidraw
	lost chan struct{}
	once *sync.Once
}

func newHID(raw hidraw) hid {
	h := hid{raw: raw, lost: make(chan struct{}), once: new(sync.Once)}
	go func() { // the board never sends by itself: this waits until it is pulled out
		defer close(h.lost)
		buf := make([]byte, 64)
		for {
			if _, err := raw.Read(buf); err != nil {
				return
			}
		}
	}()
	return h
}

// Gone implements relays.
func (h hid) Gone() <-chan struct{} { return h.lost }

// Close implements relays.
func (h hid) Close() { h.once.Do(func() { _ = h.raw.Close() }) }

// set implements relays: the order, and then the question whether it was obeyed.
func (h hid) set(ctx context.Context, channel int, on bool) error {
	select {
	case <-h.lost:
		return fmt.Errorf("%w: the relay board was pulled out", device.ErrUnavailable)
	default:
	}
	var state [hidReport]byte
	err := within(ctx, func() error {
		if _, err := h.raw.Write(hidOrder(channel, on)); err != nil {
			return err
		}
		s, err := h.raw.Feature()
		state = s
		return err
	})
	if err != nil {
		return err
	}
	return disobeyed(on, state[hidBitmap]>>(channel-1)&1 == 1)
}

func hidOrder(channel int, on bool) []byte {
	order := make([]byte, hidReport)
	order[1], order[2] = hidOff, byte(channel)
	if on {
		order[1] = hidOn
	}
	return order
}

// openHID finds the board with that serial, or the only one if serial is empty.
func openHID(class, dev, serial string) (relays, error) {
	names, err := hidNames(class)
	if err != nil {
		return nil, err
	}
	var found []hidraw
	for _, name := range names {
		raw, err := openHidraw(filepath.Join(dev, name))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
		}
		state, err := raw.Feature()
		if err != nil || serial != "" && string(state[:hidSerial]) != serial {
			_ = raw.Close()
			continue
		}
		found = append(found, raw)
	}
	if len(found) == 1 {
		return newHID(found[0]), nil
	}
	for _, raw := range found {
		_ = raw.Close()
	}
	return nil, fmt.Errorf("%w: %d relay boards fit, want one", device.ErrUnavailable, len(found))
}

// hidNames lists the relay boards among the kernel's HID devices.
func hidNames(class string) ([]string, error) {
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	var names []string
	for _, e := range entries {
		event, err := os.ReadFile(filepath.Join(class, e.Name(), "device", "uevent"))
		if err == nil && isHIDRelay(string(event)) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// isHIDRelay judges the uevent of a device: the USB numbers are shared by many makers' things, so the
// product's name has to fit as well.
func isHIDRelay(uevent string) bool {
	id, name := false, false
	for line := range strings.Lines(uevent) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "HID_ID":
			id = value == hidID
		case "HID_NAME":
			name = strings.Contains(value, hidProduct)
		}
	}
	return id && name
}
