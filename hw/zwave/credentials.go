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
	credentialEmpty      = 2
	credentialDuplicate  = 3
	credentialRules      = 4
	credentialOfTheAdmin = 5
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

// writeCredential writes the PIN, and before it the user that it needs.
func (l *Lock) writeCredential(ctx context.Context, s *session, n int, keys device.Keys) error {
	var user struct {
		User *struct{} `json:"user"`
	}
	if err := l.access(ctx, s, "get_user", arguments{"userId": n}, &user); err != nil {
		return questionError(err)
	}
	if user.User == nil {
		if err := l.put(ctx, s, "set_user", arguments{"userId": n, "options": arguments{"active": true}}); err != nil {
			return err
		}
	}
	return l.put(ctx, s, "set_credential", arguments{"userId": n, "credentialType": pinCode, "credentialSlot": n, "data": string(keys)})
}

// clearCredential empties a slot, whoever's it is.
func (l *Lock) clearCredential(ctx context.Context, s *session, n int) error {
	return l.put(ctx, s, "delete_credential", arguments{"userId": 0, "credentialType": pinCode, "credentialSlot": n})
}

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
	case result == credentialOK, result == credentialEmpty && method == "delete_credential":
		return nil
	case result == credentialDuplicate, result == credentialOfTheAdmin:
		return fmt.Errorf("%w: the lock holds it already, in another slot", device.ErrCodeRefused)
	case result == credentialRules:
		return fmt.Errorf("%w: it breaks a rule of the lock's maker, as 1234 or 1111 do", device.ErrCodeRefused)
	}
	return fmt.Errorf("%w: the lock says %d", device.ErrUnsure, result)
}

func (l *Lock) readCredential(ctx context.Context, s *session, n int, slot *device.Slot) error {
	var r struct {
		Credential *struct {
			User int             `json:"userId"`
			Data json.RawMessage `json:"data"`
		} `json:"credential"`
	}
	if err := l.access(ctx, s, "get_credential", arguments{"credentialType": pinCode, "credentialSlot": n}, &r); err != nil {
		return err
	}
	if r.Credential == nil {
		slot.Use = device.SlotEmpty
		return nil
	}
	var user struct {
		User *struct {
			Active bool `json:"active"`
		} `json:"user"`
	}
	if err := l.access(ctx, s, "get_user", arguments{"userId": r.Credential.User}, &user); err != nil {
		return err
	}
	slot.Use = device.SlotDisabled
	if user.User != nil && user.User.Active {
		slot.Use = device.SlotUsed
	}
	l.show(slot, r.Credential.Data)
	return nil
}
