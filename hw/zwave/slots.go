package zwave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
)

// codeWay is how the codes of a lock are reached.
type codeWay uint8

const (
	noCodes codeWay = iota
	userCodes
	credentials
)

// credentialSchema is the first API schema with access control.
const credentialSchema = 48

// Statuses of a slot (User Code CC v2, User ID Status).
const (
	slotAvailable = 0
	slotEnabled   = 1
	slotDisabled  = 2
	slotMessaging = 3 // its code is reported and opens nothing
	slotPassage   = 4
)

// SlotTraits implements device.CodeSlots.
func (l *Lock) SlotTraits(ctx context.Context) (device.SlotTraits, error) {
	s, way, err := l.slots(ctx)
	if err != nil {
		return device.SlotTraits{}, l.fail("ask for its codes", err)
	}
	t := device.SlotTraits{First: 1, MinDigits: leastDigits, MaxDigits: mostDigits, SleepsBetweenCalls: l.asleep(), ReadsBack: !l.hidden()}
	if way == credentials {
		err = l.credentialTraits(ctx, s, &t)
	} else {
		var n json.RawMessage
		if n, err = l.userCode(ctx, s, "getUsersCount"); err == nil {
			var ok bool
			if t.Last, ok = number(n); !ok || t.Last < 1 {
				err = fmt.Errorf("%w: the lock does not say how many codes it holds", device.ErrUnavailable)
			}
		}
	}
	if err != nil {
		return device.SlotTraits{}, l.fail("ask for its codes", questionError(err))
	}
	if l.digits > 0 {
		t.MinDigits, t.MaxDigits, t.OneLength = l.digits, l.digits, true
	}
	return t, nil
}

// WriteSlot implements device.CodeSlots.
func (l *Lock) WriteSlot(ctx context.Context, n int, keys device.Keys) error {
	const op = "write a code"
	if err := l.takes(n, keys); err != nil {
		return l.complain(op, err, "give it a code as the lock takes them")
	}
	s, way, err := l.slots(ctx)
	if err != nil {
		return l.fail(op, err)
	}
	if way == credentials {
		err = l.writeCredential(ctx, s, n, keys)
	} else {
		var result json.RawMessage
		if result, err = l.userCode(ctx, s, "set", n, slotEnabled, string(keys)); err == nil {
			err = written(result)
		}
	}
	return l.failSlot(op, err)
}

// ClearSlot implements device.CodeSlots. Slot 0 would be all of them: it is none of the lock's.
func (l *Lock) ClearSlot(ctx context.Context, n int) error {
	const op = "clear a code"
	if n < 1 || n > lastSlot {
		return l.complain(op, fmt.Errorf("there is no slot %d", n), "slots are counted from 1")
	}
	s, way, err := l.slots(ctx)
	if err != nil {
		return l.fail(op, err)
	}
	if way == credentials {
		err = l.clearCredential(ctx, s, n)
	} else {
		var result json.RawMessage
		if result, err = l.userCode(ctx, s, "clear", n); err == nil {
			err = written(result)
		}
	}
	return l.failSlot(op, err)
}

// ReadSlot implements device.CodeSlots.
func (l *Lock) ReadSlot(ctx context.Context, n int) (device.Slot, error) {
	const op = "read a code"
	if n < 1 || n > lastSlot {
		return device.Slot{}, l.complain(op, fmt.Errorf("there is no slot %d", n), "slots are counted from 1")
	}
	s, way, err := l.slots(ctx)
	if err != nil {
		return device.Slot{}, l.fail(op, err)
	}
	slot := device.Slot{Taken: time.Now()}
	if way == credentials {
		err = l.readCredential(ctx, s, n, &slot)
	} else {
		err = l.readUserCode(ctx, s, n, &slot)
	}
	if err != nil {
		return device.Slot{}, l.fail(op, redact(questionError(err)))
	}
	return slot, nil
}

const lastSlot = 65535

// takes refuses what no lock takes before it is sent.
func (l *Lock) takes(n int, keys device.Keys) error {
	least, most := leastDigits, mostDigits
	if l.digits > 0 {
		least, most = l.digits, l.digits
	}
	switch {
	case n < 1 || n > lastSlot:
		return fmt.Errorf("there is no slot %d", n)
	case strings.Trim(string(keys), "0123456789") != "":
		return fmt.Errorf("%w: a code on this lock is digits alone", device.ErrCodeRefused)
	case len(keys) < least || len(keys) > most:
		return fmt.Errorf("%w: it has %d digits, and the lock takes %d to %d", device.ErrCodeRefused, len(keys), least, most)
	}
	return nil
}

// slots says how the codes are reached.
func (l *Lock) slots(ctx context.Context) (*session, codeWay, error) {
	s, err := l.present()
	if err != nil {
		return nil, noCodes, err
	}
	ways := []struct {
		class  int
		way    codeWay
		schema int
	}{{ccUserCredential, credentials, credentialSchema}, {ccUserCode, userCodes, leastSchema}}
	for _, w := range ways {
		if s.schema < w.schema {
			continue
		}
		m, err := s.call(ctx, "endpoint.supports_cc", arguments{"nodeId": l.node, "endpoint": l.endpoint, "commandClass": w.class})
		if err != nil {
			return nil, noCodes, questionError(err)
		}
		var r struct {
			Supported bool `json:"supported"`
		}
		if err := json.Unmarshal(m.Result, &r); err != nil {
			return nil, noCodes, fmt.Errorf("%w: an answer that cannot be read", device.ErrUnavailable)
		}
		if r.Supported {
			return s, w.way, nil
		}
	}
	return nil, noCodes, fmt.Errorf("%w: this lock holds no codes", errors.ErrUnsupported)
}

// userCode calls a method of the User Code CC, which speaks with the lock.
func (l *Lock) userCode(ctx context.Context, s *session, method string, args ...any) (json.RawMessage, error) {
	if args == nil {
		args = []any{}
	}
	m, err := s.call(ctx, "endpoint.invoke_cc_api", arguments{
		"nodeId": l.node, "endpoint": l.endpoint, "commandClass": ccUserCode, "methodName": method, "args": args,
	})
	if err != nil {
		return nil, err
	}
	var r struct {
		Response json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(m.Result, &r); err != nil {
		return nil, fmt.Errorf("%w: an answer that cannot be read", device.ErrUnsure)
	}
	return r.Response, nil
}

// written reads how the lock took a write: an unsupervised one says nothing.
func written(response json.RawMessage) error {
	var r *struct {
		Status json.RawMessage `json:"status"`
	}
	if len(response) == 0 {
		return nil
	}
	if err := json.Unmarshal(response, &r); err != nil {
		return fmt.Errorf("%w: an answer that cannot be read", device.ErrUnsure)
	}
	if r == nil {
		return nil
	}
	status, ok := number(r.Status)
	switch {
	case !ok:
		return fmt.Errorf("%w: an answer without a status", device.ErrUnsure)
	case status == statusFail:
		return fmt.Errorf("%w: the lock refused it, as it does with a code that another slot holds", device.ErrCodeRefused)
	}
	return statusError(status)
}

func (l *Lock) readUserCode(ctx context.Context, s *session, n int, slot *device.Slot) error {
	response, err := l.userCode(ctx, s, "get", n)
	if err != nil {
		return err
	}
	var r *struct {
		Status json.RawMessage `json:"userIdStatus"`
		Code   json.RawMessage `json:"userCode"`
	}
	if len(response) > 0 && json.Unmarshal(response, &r) != nil {
		return fmt.Errorf("%w: an answer that cannot be read", device.ErrUnavailable)
	}
	if r == nil {
		return fmt.Errorf("%w: the lock did not answer", device.ErrUnavailable)
	}
	status, ok := number(r.Status)
	if !ok {
		return fmt.Errorf("%w: the lock does not say what the slot holds", device.ErrUnavailable)
	}
	switch status {
	case slotAvailable:
		slot.Use = device.SlotEmpty
		return nil
	case slotEnabled, slotPassage:
		slot.Use = device.SlotUsed
	case slotDisabled, slotMessaging:
		slot.Use = device.SlotDisabled
	default:
		return nil // it may not tell about this slot
	}
	l.show(slot, r.Code)
	return nil
}

// show keeps the digits of a slot, where they are digits: some locks answer with stars.
func (l *Lock) show(slot *device.Slot, code json.RawMessage) {
	keys := text(code)
	if keys == "" || strings.Trim(keys, "0123456789") != "" {
		l.mu.Lock()
		l.hides = true
		l.mu.Unlock()
		return
	}
	slot.Keys = device.Keys(keys)
}

func (l *Lock) hidden() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hides
}
