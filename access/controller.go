package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/loquet/loquet/device"
)

// Controller is what is known of a controller. As JSON it is the record that the store keeps.
type Controller struct {
	ID     string   `json:"id"`             // its pairing id, proved by each session
	Bridge string   `json:"bridge"`         // the bridge it is paired with; empty where there is one only
	Name   string   `json:"name,omitempty"` // what the owner calls it
	Role   Role     `json:"role"`
	Doors  []string `json:"doors,omitzero"` // the only devices it may operate; nil: all; empty: none
}

// Bounds of a record.
const (
	maxID    = 64
	maxName  = 64
	maxDoors = 1024
)

// ErrRecord is wrapped when a stored record says what no controller can be.
var ErrRecord = errors.New("damaged record of a controller")

// UnmarshalJSON reads a stored record. It ignores fields of later releases, and refuses everything
// that would give a controller more than it was given: no id, an unknown role, an overlong name.
func (c *Controller) UnmarshalJSON(data []byte) error {
	type plain Controller
	var p plain
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	switch {
	case p.ID == "" || len(p.ID) > maxID || len(p.Bridge) > maxID:
		return fmt.Errorf("%w: its id has %d bytes", ErrRecord, len(p.ID))
	case p.Role == RoleNone:
		return fmt.Errorf("%w: it has no role", ErrRecord)
	case len(p.Name) > maxName || !utf8.ValidString(p.Name) || strings.ContainsFunc(p.Name, unicode.IsControl):
		return fmt.Errorf("%w: its name is not one", ErrRecord)
	case len(p.Doors) > maxDoors:
		return fmt.Errorf("%w: it has %d doors", ErrRecord, len(p.Doors))
	}
	*c = Controller(p)
	return nil
}

// Manages reports whether the controller decides about others: roles, names, pairings. That does not
// depend on its doors.
func (c Controller) Manages() bool { return c.Role == RoleManage }

// Reaches reports whether the device is among those it may operate.
func (c Controller) Reaches(deviceID string) bool {
	return c.Doors == nil || slices.Contains(c.Doors, deviceID)
}

// May reports whether the controller may do this to the device; nil means yes. The error is a
// *device.Refusal that says why and what to do. Everybody who is paired may look: seeing is not an
// action.
func May(c Controller, action device.Action, deviceID string) error {
	least, known := needs(action)
	switch {
	case !known:
		return refuse(deviceID, "nobody may do that here", "open, close, stop, lock and unlock are all there is")
	case c.Role == RoleNone || c.Role > RoleManage:
		return refuse(deviceID, "this controller has no role", "the owner can give it one")
	case !c.Reaches(deviceID):
		return refuse(deviceID, "this controller may not operate this device", "the owner can add the device to its doors")
	case c.Role >= least:
		return nil
	case c.Role == RoleLockOnly:
		return refuse(deviceID, "this controller may close and lock, not open and unlock", "the owner can give it the role operate")
	}
	return refuse(deviceID, "this controller may look, not operate", "the owner can give it the role operate, or lock-only")
}

// MayGiveCodes reports whether the controller may see and change the codes of a device: it takes the role manage,
// because whoever sees a code can use it, and hand it on. Like that of May, the error is a *device.Refusal.
func MayGiveCodes(c Controller, deviceID string) error {
	switch {
	case !c.Manages():
		return refuse(deviceID, "this controller may not see codes", "the owner can give it the role manage")
	case !c.Reaches(deviceID):
		return refuse(deviceID, "this controller may not give codes for this device", "the owner can add the device to its doors")
	}
	return nil
}

// needs is the least role an action takes. Whoever may close a door may stop it as well: a person who
// sees something in its way must not be refused.
func needs(action device.Action) (Role, bool) {
	switch action {
	case device.ActionClose, device.ActionLock, device.ActionStop:
		return RoleLockOnly, true
	case device.ActionOpen, device.ActionUnlock:
		return RoleOperate, true
	case device.ActionNone:
	}
	return RoleNone, false
}

func refuse(deviceID, why, remedy string) error {
	return &device.Refusal{Device: deviceID, Code: device.RefusedRole, Why: why, Remedy: remedy}
}
