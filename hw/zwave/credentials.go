package zwave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/loquet/loquet/device"
)

// pinCode is the type of a credential (User Credential CC v1).
const pinCode = 1

// Results of writing users and credentials (zwave-js SetUserResult, SetCredentialResult).
const (
	credentialOK         = 0
	credentialOccupied   = 1
	credentialEmpty      = 2
	credentialDuplicate  = 3
	credentialRules      = 4
	credentialOfTheAdmin = 5
	credentialNobody     = 6
)

// access asks the access control API of the server. Slot n is the PIN in slot n of user n.
func (l *Lock) access(ctx context.Context, s *session, method string, args arguments, into any) error {
	whole := arguments{"nodeId": l.node, "endpoint": l.endpoint}
	for k, v := range args {
		whole[k] = v
	}
	m, err := s.call(ctx, "endpoint.access_control."+method, whole)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(m.Result, into); err != nil {
		return fmt.Errorf("%w: an answer that cannot be read", device.ErrUnsure)
	}
	return nil
}

func (l *Lock) credentialTraits(ctx context.Context, s *session, t *device.SlotTraits) error {
	var users struct {
		Capabilities struct {
			Users int `json:"maxUsers"`
		} `json:"capabilities"`
	}
	if err := l.access(ctx, s, "get_user_capabilities_cached", nil, &users); err != nil {
		return err
	}
	var r struct {
		Capabilities struct {
			Types map[string]struct {
				Slots int `json:"numberOfCredentialSlots"`
				Least int `json:"minCredentialLength"`
				Most  int `json:"maxCredentialLength"`
			} `json:"supportedCredentialTypes"`
		} `json:"capabilities"`
	}
	if err := l.access(ctx, s, "get_credential_capabilities_cached", nil, &r); err != nil {
		return err
	}
	pins, ok := r.Capabilities.Types[fmt.Sprint(pinCode)]
	if !ok || pins.Slots < 1 || users.Capabilities.Users < 1 {
		return fmt.Errorf("%w: this lock holds no PINs", errors.ErrUnsupported)
	}
	t.Last = min(pins.Slots, users.Capabilities.Users)
	t.MinDigits, t.MaxDigits = max(pins.Least, 0), max(pins.Most, 0)
	return nil
}

// writeCredential writes the PIN, and makes the user that it needs where there is none. A server that takes a
// slot to be used or free by mistake is told so by the lock, which then has stored nothing: once it knows
// better the write is given to it again.
func (l *Lock) writeCredential(ctx context.Context, s *session, n int, keys device.Keys) error {
	pin := arguments{"userId": n, "credentialType": pinCode, "credentialSlot": n, "data": string(keys)}
	user := arguments{"userId": n, "options": arguments{"active": true}}
	err := l.put(ctx, s, "set_credential", pin)
	if errors.Is(err, errOtherwise) {
		err = l.put(ctx, s, "set_credential", pin)
	}
	if !errors.Is(err, errNobody) {
		return err
	}
	err = l.put(ctx, s, "set_user", user)
	if errors.Is(err, errOtherwise) {
		err = l.put(ctx, s, "set_user", user)
	}
	if err != nil {
		return err
	}
	return l.put(ctx, s, "set_credential", pin)
}

// clearCredential empties a slot, whoever's it is.
func (l *Lock) clearCredential(ctx context.Context, s *session, n int) error {
	owner, _, err := l.credential(ctx, s, n)
	if err != nil || owner == 0 {
		return questionError(err)
	}
	err = l.put(ctx, s, "delete_credential", arguments{"userId": owner, "credentialType": pinCode, "credentialSlot": n})
	if errors.Is(err, errOtherwise) {
		return nil // it is empty by now
	}
	return err
}

var (
	errOtherwise = errors.New("the slot is not as the Z-Wave software took it to be")
	errNobody    = errors.New("the lock has no such user")
)

func (l *Lock) put(ctx context.Context, s *session, method string, args arguments) error {
	var r struct {
		Result json.RawMessage `json:"result"`
	}
	if err := l.access(ctx, s, method, args, &r); err != nil {
		return err
	}
	result, ok := number(r.Result)
	switch {
	case !ok:
		return fmt.Errorf("%w: an answer without a result", device.ErrUnsure)
	case result == credentialOK:
		return nil
	case result == credentialOccupied, result == credentialEmpty:
		return errOtherwise
	case result == credentialNobody:
		return errNobody
	case result == credentialDuplicate, result == credentialOfTheAdmin:
		return fmt.Errorf("%w: the lock holds it already, in another slot", device.ErrCodeRefused)
	case result == credentialRules:
		return fmt.Errorf("%w: it breaks a rule of the lock's maker, as 1234 or 1111 do", device.ErrCodeRefused)
	}
	return fmt.Errorf("%w: the lock says %d", device.ErrUnsure, result)
}

// credential asks the lock for the PIN in a slot and whose it is; 0 for nobody's.
func (l *Lock) credential(ctx context.Context, s *session, n int) (owner int, pin json.RawMessage, err error) {
	var r struct {
		Credential *struct {
			User int             `json:"userId"`
			Data json.RawMessage `json:"data"`
		} `json:"credential"`
	}
	err = l.access(ctx, s, "get_credential", arguments{"credentialType": pinCode, "credentialSlot": n}, &r)
	if err != nil || r.Credential == nil {
		return 0, nil, err
	}
	return r.Credential.User, r.Credential.Data, nil
}

func (l *Lock) readCredential(ctx context.Context, s *session, n int, slot *device.Slot) error {
	owner, pin, err := l.credential(ctx, s, n)
	if err != nil {
		return err
	}
	if owner == 0 {
		slot.Use = device.SlotEmpty
		return nil
	}
	var user struct {
		User *struct {
			Active bool `json:"active"`
		} `json:"user"`
	}
	if err := l.access(ctx, s, "get_user", arguments{"userId": owner}, &user); err != nil {
		return err
	}
	slot.Use = device.SlotDisabled
	if user.User != nil && user.User.Active {
		slot.Use = device.SlotUsed
	}
	l.show(slot, pin)
	return nil
}
