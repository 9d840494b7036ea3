package homekit

import (
	"errors"

	"github.com/loquet/loquet/device"
)

// Operations of the Access Code Control Point.
const (
	codeList   = 1
	codeRead   = 2
	codeAdd    = 3
	codeUpdate = 4
	codeRemove = 5
)

// codeStatus is how a request at the control point went.
type codeStatus byte

// Statuses.
const (
	codeDone      codeStatus = 0
	codeUnknown   codeStatus = 1 // it went wrong for a reason that has no number
	codeFull      codeStatus = 2
	codeBulk      codeStatus = 3 // too many requests in one write
	codeTaken     codeStatus = 4
	codeTooShort  codeStatus = 5
	codeTooLong   codeStatus = 6
	codeCharacter codeStatus = 7
	codeInvalid   codeStatus = 8
	codeNotThere  codeStatus = 9
)

// Items of the control point: of a write and of its answer, and of each request and response in them.
const (
	itemSeparator = 0
	itemOperation = 1
	itemRequest   = 2
	itemResponse  = 3

	itemNumber = 1 // the identifier of a code
	itemPIN    = 2 // in ASCII
	itemFlags  = 3
	itemStatus = 4
)

// codeRequest is one request of an order.
type codeRequest struct {
	number    uint64
	hasNumber bool
	pin       device.Keys // whatever was sent, at most maxPIN bytes
	hasPIN    bool
	bad       bool // it asks for something that nobody knows here
}

// codeOrder is a write to the control point.
type codeOrder struct {
	operation byte
	requests  []codeRequest
}

// Bounds of an order.
const (
	maxCodeRequests = maxShownCodes
	maxPIN          = 64 // of what can be read; what is no PIN is said after that
)

var (
	errCodeOrder = errors.New("this is no order about codes")
	errCodeBulk  = errors.New("too many requests about codes in one write")
)

// parseCodeOrder reads a write strictly: a cut item, one that comes twice, a second request without a separator before
// it are errors, because half an order about codes is none. Items of types that nobody knows are skipped (HAP R2
// 14.1). The order it returns with errCodeBulk has an operation and no requests.
func parseCodeOrder(b []byte) (o codeOrder, err error) {
	hasOperation, last, more := false, byte(itemSeparator), false
	err = eachItem(b, func(kind byte, value []byte) error {
		previous := last
		last = kind
		switch kind {
		case itemSeparator:
			if len(value) > 0 {
				return errCodeOrder
			}
		case itemOperation:
			if hasOperation || len(value) != 1 {
				return errCodeOrder
			}
			o.operation, hasOperation = value[0], true
		case itemRequest:
			if previous == itemRequest {
				return errCodeOrder
			}
			if more = more || len(o.requests) >= maxCodeRequests; more {
				return nil
			}
			r, err := parseCodeRequest(value)
			if err != nil {
				return err
			}
			o.requests = append(o.requests, r)
		}
		return nil
	})
	switch {
	case err != nil || !hasOperation:
		return codeOrder{}, errCodeOrder
	case more:
		return codeOrder{operation: o.operation}, errCodeBulk
	}
	return o, nil
}

// parseCodeRequest reads one request. Flags other than none may be a restriction: a code that should not always open
// must not be taken for one that does.
func parseCodeRequest(b []byte) (r codeRequest, err error) {
	seen := map[byte]bool{}
	err = eachItem(b, func(kind byte, value []byte) error {
		if seen[kind] {
			return errCodeOrder
		}
		seen[kind] = true
		switch kind {
		case itemNumber:
			r.number, r.hasNumber = littleEndian(value)
			r.bad = r.bad || !r.hasNumber
		case itemPIN:
			if len(value) > maxPIN {
				value = value[:maxPIN]
			}
			r.pin, r.hasPIN = device.Keys(value), true
		case itemFlags:
			flags, ok := littleEndian(value)
			r.bad = r.bad || !ok || flags != 0
		}
		return nil
	})
	return r, err
}

// eachItem calls f for each item of a TLV8, without joining fragments: nothing here is as long as one.
func eachItem(b []byte, f func(kind byte, value []byte) error) error {
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return errCodeOrder
		}
		if err := f(b[0], b[2:2+int(b[1])]); err != nil {
			return err
		}
		b = b[2+int(b[1]):]
	}
	return nil
}

// littleEndian is a number of 1, 2, 4 or 8 bytes (HAP R2 14.1).
func littleEndian(b []byte) (n uint64, ok bool) {
	switch len(b) {
	case 1, 2, 4, 8:
	default:
		return 0, false
	}
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n, true
}

// codeResponse is the answer to one request, or one code of a list.
type codeResponse struct {
	number    uint64
	hasNumber bool
	pin       device.Keys // left out when empty
	status    codeStatus
}

// answer is what the control point answers. It repeats the operation: Apple's home daemon ends without it.
func (o codeOrder) answer(responses []codeResponse) []byte {
	b := []byte{itemOperation, 1, o.operation}
	for i, r := range responses {
		if i > 0 {
			b = append(b, itemSeparator, 0)
		}
		one := r.items()
		b = append(append(b, itemResponse, byte(len(one))), one...)
	}
	return b
}

// items are far fewer than 255 bytes.
func (r codeResponse) items() []byte {
	var b []byte
	if r.hasNumber {
		b = append(b, itemNumber)
		switch {
		case r.number <= 0xFF:
			b = append(b, 1, byte(r.number))
		default: // only what was asked for and is not there
			b = append(b, 8)
			for i := range 8 {
				b = append(b, byte(r.number>>(8*i)))
			}
		}
	}
	if r.pin != "" && len(r.pin) <= maxPIN {
		b = append(append(b, itemPIN, byte(len(r.pin))), r.pin...)
	}
	return append(b, itemFlags, 1, 0, itemStatus, 1, byte(r.status))
}

// codeLimits is what can be typed where a door is opened, in digits.
type codeLimits struct{ least, most int }

// supported is the Access Code Supported Configuration: digits only, from so many to so many, and how many codes.
func (l codeLimits) supported() []byte {
	return []byte{1, 1, 1, 2, 1, byte(l.least), 3, 1, byte(l.most), 4, 1, maxShownCodes}
}

// check says what is wrong with what should become a PIN.
func (l codeLimits) check(pin device.Keys) codeStatus {
	for _, c := range []byte(pin) {
		if c < '0' || c > '9' {
			return codeCharacter
		}
	}
	switch {
	case len(pin) < l.least:
		return codeTooShort
	case len(pin) > l.most:
		return codeTooLong
	}
	return codeDone
}
