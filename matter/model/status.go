package model

import (
	"errors"
	"fmt"
)

// Status is a status code of the interaction model (Matter 1.4 section 8.10). Every status but Success is an error that a
// cluster may return.
type Status uint8

// The status codes.
const (
	Success                Status = 0x00
	Failure                Status = 0x01
	InvalidSubscription    Status = 0x7D
	UnsupportedAccess      Status = 0x7E
	UnsupportedEndpoint    Status = 0x7F
	InvalidAction          Status = 0x80
	UnsupportedCommand     Status = 0x81
	InvalidCommand         Status = 0x85
	UnsupportedAttribute   Status = 0x86
	ConstraintError        Status = 0x87
	UnsupportedWrite       Status = 0x88
	ResourceExhausted      Status = 0x89
	NotFound               Status = 0x8B
	UnreportableAttribute  Status = 0x8C
	InvalidDataType        Status = 0x8D
	UnsupportedRead        Status = 0x8F
	DataVersionMismatch    Status = 0x92
	Timeout                Status = 0x94
	Busy                   Status = 0x9C
	AccessRestricted       Status = 0x9D
	UnsupportedCluster     Status = 0xC3
	NoUpstreamSubscription Status = 0xC5
	NeedsTimedInteraction  Status = 0xC6
	UnsupportedEvent       Status = 0xC7
	PathsExhausted         Status = 0xC8
	TimedRequestMismatch   Status = 0xC9
	FailsafeRequired       Status = 0xCA
	InvalidInState         Status = 0xCB
	NoCommandResponse      Status = 0xCC
)

// Error names the status.
func (s Status) Error() string { return "matter: " + s.String() }

// String names the status as the specification does.
func (s Status) String() string {
	names := map[Status]string{
		Success: "success", Failure: "failure", InvalidSubscription: "invalid subscription", UnsupportedAccess: "unsupported access",
		UnsupportedEndpoint: "unsupported endpoint", InvalidAction: "invalid action", UnsupportedCommand: "unsupported command",
		InvalidCommand: "invalid command", UnsupportedAttribute: "unsupported attribute", ConstraintError: "constraint error",
		UnsupportedWrite: "unsupported write", ResourceExhausted: "resource exhausted", NotFound: "not found",
		UnreportableAttribute: "unreportable attribute", InvalidDataType: "invalid data type", UnsupportedRead: "unsupported read",
		DataVersionMismatch: "data version mismatch", Timeout: "timeout", Busy: "busy", AccessRestricted: "access restricted",
		UnsupportedCluster: "unsupported cluster", NoUpstreamSubscription: "no upstream subscription",
		NeedsTimedInteraction: "needs timed interaction", UnsupportedEvent: "unsupported event", PathsExhausted: "paths exhausted",
		TimedRequestMismatch: "timed request mismatch", FailsafeRequired: "fail-safe required", InvalidInState: "invalid in state",
		NoCommandResponse: "no command response",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return fmt.Sprintf("status 0x%02x", uint8(s))
}

// ClusterStatus is a failure with a code that the cluster's own specification gives a meaning.
type ClusterStatus struct {
	Status Status // Failure, or Success
	Code   uint8
}

// Error names the code.
func (s *ClusterStatus) Error() string {
	return fmt.Sprintf("matter: %s, cluster status %d", s.Status, s.Code)
}

// Code returns the status, and the cluster's own code if there is one, that an error stands for. An error without a
// status is a Failure.
func Code(err error) (Status, uint8, bool) {
	if err == nil {
		return Success, 0, false
	}
	var own *ClusterStatus
	if errors.As(err, &own) {
		return own.Status, own.Code, true
	}
	var status Status
	if errors.As(err, &status) {
		return status, 0, false
	}
	return Failure, 0, false
}
