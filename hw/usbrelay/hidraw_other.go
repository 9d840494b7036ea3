//go:build !linux

package usbrelay

import "errors"

func openHidraw(string) (hidraw, error) {
	return nil, errors.New("HID relays are supported on Linux only")
}
