package homekit

import "strconv"

// Status is the result of reading or writing one characteristic (HAP R2 6.7.1.4, table 6-11).
type Status int

// The status codes of HAP.
const (
	StatusOK                Status = 0
	StatusNoPrivileges      Status = -70401 // the controller may not do this
	StatusNoCommunication   Status = -70402 // the accessory does not answer, shown as "No Response"
	StatusBusy              Status = -70403 // try again
	StatusReadOnly          Status = -70404
	StatusWriteOnly         Status = -70405
	StatusNoNotification    Status = -70406
	StatusOutOfResources    Status = -70407
	StatusTimedOut          Status = -70408
	StatusNotFound          Status = -70409
	StatusInvalidValue      Status = -70410 // also: a timed write without a valid prepare
	StatusNoAuthorization   Status = -70411 // additional authorization data is missing or wrong
	StatusNotAllowedInState Status = -70412
)

// String returns the number and its meaning.
func (s Status) String() string {
	words := map[Status]string{
		StatusOK: "success", StatusNoPrivileges: "insufficient privileges", StatusNoCommunication: "no communication",
		StatusBusy: "busy", StatusReadOnly: "read only", StatusWriteOnly: "write only", StatusNoNotification: "no notification",
		StatusOutOfResources: "out of resources", StatusTimedOut: "timed out", StatusNotFound: "not found",
		StatusInvalidValue: "invalid value", StatusNoAuthorization: "insufficient authorization",
		StatusNotAllowedInState: "not allowed in the current state",
	}
	if w, ok := words[s]; ok {
		return strconv.Itoa(int(s)) + " (" + w + ")"
	}
	return strconv.Itoa(int(s))
}
