package access

import (
	"errors"
	"fmt"
	"strings"
)

// Role says how much a controller may do. Each role may do all that the roles before it may. The
// zero value may do nothing.
type Role uint8

// Roles.
const (
	RoleNone     Role = iota
	RoleView          // sees the devices, moves nothing
	RoleLockOnly      // closes and locks, and stops what moves; never opens or unlocks
	RoleOperate       // opens, closes, locks and unlocks
	RoleManage        // the same, and decides about the others
)

// ErrNoRole is wrapped by ParseRole.
var ErrNoRole = errors.New("no such role")

// Roles are the roles an owner can give, the least first.
func Roles() []Role { return []Role{RoleView, RoleLockOnly, RoleOperate, RoleManage} }

// DefaultRole is the role of a controller that no owner has given one: that of its pairing. An admin
// of a home manages, everybody else in it operates (the permissions of a HAP pairing).
func DefaultRole(admin bool) Role {
	if admin {
		return RoleManage
	}
	return RoleOperate
}

func (r Role) String() string {
	switch r {
	case RoleNone:
		return "none"
	case RoleView:
		return "view"
	case RoleLockOnly:
		return "lock-only"
	case RoleOperate:
		return "operate"
	case RoleManage:
		return "manage"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// ParseRole is the inverse of String for the roles an owner can give. Errors wrap ErrNoRole.
func ParseRole(s string) (Role, error) {
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		if r.String() == s {
			return r, nil
		}
		names = append(names, r.String())
	}
	if len(s) > 32 {
		s = s[:32]
	}
	return RoleNone, fmt.Errorf("%w: %q, use one of %s", ErrNoRole, s, strings.Join(names, ", "))
}

// MarshalText makes the role a word in stored records. A role that nobody can have is an error.
func (r Role) MarshalText() ([]byte, error) {
	if r == RoleNone || r > RoleManage {
		return nil, fmt.Errorf("%w: %s", ErrNoRole, r)
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the word. An unknown one is an error: it never becomes some other role.
func (r *Role) UnmarshalText(text []byte) error {
	role, err := ParseRole(string(text))
	if err != nil {
		return err
	}
	*r = role
	return nil
}
