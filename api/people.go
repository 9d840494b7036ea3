package api

import (
	"context"
	"net/http"
	"time"
)

// Ledger is who may come in with a code, and when. Errors that are not *Error and wrap ErrNotFound become
// a 404. No error, and nothing that is returned, holds digits, but for NewCode.PIN.
type Ledger interface {
	People(ctx context.Context) ([]Person, error)
	AddPerson(ctx context.Context, r PersonRequest) (Person, error)
	ChangePerson(ctx context.Context, id string, c PersonChange) (Person, error)
	// RemovePerson removes a person and every code that is theirs, at once.
	RemovePerson(ctx context.Context, id string) error
	Codes(ctx context.Context) ([]Code, error)
	AddCode(ctx context.Context, r CodeRequest) (NewCode, error)
	ChangeCode(ctx context.Context, id string, c CodeChange) (Code, error)
	RemoveCode(ctx context.Context, id string) error
	// ExplainCode says whether a code would open a door at a moment, and why.
	ExplainCode(ctx context.Context, q ExplainRequest) (Explanation, error)
	// UnknownCodes are what locks hold that no code of the house put there.
	UnknownCodes(ctx context.Context) ([]UnknownCode, error)
	// AdoptCode gives a person what a place of a lock holds, for that lock.
	AdoptCode(ctx context.Context, lock string, slot int, person string) (Code, error)
	// ClearUnknownCode takes it off the lock, LeaveUnknownCode leaves it there and tells of it no more.
	ClearUnknownCode(ctx context.Context, lock string, slot int) error
	LeaveUnknownCode(ctx context.Context, lock string, slot int) error
	DoorGroups(ctx context.Context) ([]DoorGroup, error)
	// SaveDoorGroup adds a group of doors, or changes the one of that id.
	SaveDoorGroup(ctx context.Context, g DoorGroup) (DoorGroup, error)
	// RemoveDoorGroup removes a group that no code names.
	RemoveDoorGroup(ctx context.Context, id string) error
	Holidays(ctx context.Context) ([]Holiday, error)
	// SaveHoliday adds a holiday, or changes the one of that id.
	SaveHoliday(ctx context.Context, h Holiday) (Holiday, error)
	RemoveHoliday(ctx context.Context, id string) error
}

// Keypads are the keypads of the house.
type Keypads interface {
	// InstallKeypad lets a keypad that shares a key with the bridge get one, for some minutes.
	InstallKeypad(ctx context.Context, id string) (KeypadInstall, error)
}

// Person is somebody who may have codes.
type Person struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind" jsonschema:"enum=owner,enum=resident,enum=helper,enum=guest"`
	Codes int    `json:"codes" jsonschema:"description=how many codes are theirs"`
}

// PersonRequest is the body of POST /api/v1/people.
type PersonRequest struct {
	Name string `json:"name" jsonschema:"required"`
	Kind string `json:"kind" jsonschema:"required,enum=owner,enum=resident,enum=helper,enum=guest"`
}

// PersonChange changes what is set and leaves the rest.
type PersonChange struct {
	Name *string `json:"name,omitempty"`
	Kind *string `json:"kind,omitempty" jsonschema:"enum=owner,enum=resident,enum=helper,enum=guest"`
}

// Window is a time in which a code opens. Its dates are what the clock on a wall shows.
type Window struct {
	Kind  string `json:"kind,omitempty" jsonschema:"enum=always,enum=dates,enum=weekly,enum=count,description=dates where it is left out"`
	From  string `json:"from,omitempty" jsonschema:"description=the first minute: 2026-07-01T15:00"`
	To    string `json:"to,omitempty" jsonschema:"description=the first minute that is not in it any more"`
	Days  string `json:"days,omitempty" jsonschema:"description=weekly: mon or mon-fri or daily; several with commas between"`
	Begin string `json:"begin,omitempty" jsonschema:"description=weekly: the first minute of those days: 09:00"`
	End   string `json:"end,omitempty" jsonschema:"description=weekly: the first minute after it; on the next day where it is not later than begin"`
	Uses  int    `json:"uses,omitempty" jsonschema:"description=count: how many times it opens"`
	Zone  string `json:"zone,omitempty" jsonschema:"description=Europe/Paris; that of the house where it is left out"`
}

// Code is a code as it is listed: never what is typed.
type Code struct {
	ID         string    `json:"id"`
	Person     string    `json:"person" jsonschema:"description=the person's id"`
	PersonName string    `json:"person_name"`
	Kind       string    `json:"kind" jsonschema:"enum=pin,enum=card"`
	Length     int       `json:"length" jsonschema:"description=digits of a PIN or bits of a card"`
	Doors      []string  `json:"doors,omitzero" jsonschema:"description=the only devices it opens; absent: all that the keypad opens"`
	Windows    []Window  `json:"windows"`
	Grace      string    `json:"grace,omitempty" jsonschema:"description=for how long a code with dates opens although nobody knows the time: 2h"`
	Created    time.Time `json:"created,omitzero"`
	Revoked    bool      `json:"revoked,omitempty"`
	Groups     []string  `json:"groups,omitzero" jsonschema:"description=groups of doors that it opens too"`
	Both       bool      `json:"both,omitempty" jsonschema:"description=it opens only together with the other kind of code of the same person: a PIN with a card or a card with a PIN"`
	Duress     bool      `json:"duress,omitempty" jsonschema:"description=it opens as any other and tells the owner in silence"`
	Spare      string    `json:"spare,omitempty" jsonschema:"enum=waiting,enum=given,description=locks hold it before it opens: in reserve or given to a guest whose own code was not ready"`
	Copies     []Copy    `json:"copies,omitzero" jsonschema:"description=how it is with it at each door"`
	Used       *int      `json:"used,omitempty" jsonschema:"description=how many times it was used; only of a code with a window of the kind count"`
}

// CodeRequest is the body of POST /api/v1/codes: a PIN, a card, or neither for a PIN that is made.
type CodeRequest struct {
	Person  string    `json:"person" jsonschema:"required,description=the person's id"`
	PIN     string    `json:"pin,omitempty" jsonschema:"description=4 to 10 digits"`
	Card    string    `json:"card,omitempty" jsonschema:"description=format:facility:number as h10301:93:21377 or bits:hex as 26:2ea57c80"`
	Digits  int       `json:"digits,omitempty" jsonschema:"description=of the PIN that is made; 0: six or as many as it takes"`
	Doors   *[]string `json:"doors,omitempty" jsonschema:"description=device ids; absent or [*]: all that the keypad opens"`
	Windows []Window  `json:"windows,omitempty" jsonschema:"description=absent: always"`
	Grace   string    `json:"grace,omitempty"`
	Groups  []string  `json:"groups,omitempty" jsonschema:"description=ids of groups of doors; with them doors are only those that are named"`
	Duress  bool      `json:"duress,omitempty"`
	Both    bool      `json:"both,omitempty" jsonschema:"description=a PIN that opens only with a card of the same person or a card that opens only with a PIN"`
}

// DoorGroup is a set of doors that codes can name.
type DoorGroup struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Doors []string `json:"doors"`
}

// DoorGroupRequest is the body of PUT /api/v1/groups/{id}.
type DoorGroupRequest struct {
	Name  string   `json:"name" jsonschema:"required"`
	Doors []string `json:"doors" jsonschema:"required"`
}

// Holiday is a time in which codes of owners alone open, or in which weekly windows do not hold, or in which everything
// is as on other days although a longer one says otherwise. The one that began last decides.
type Holiday struct {
	ID    string   `json:"id"`
	From  string   `json:"from" jsonschema:"description=the first minute: 2026-12-24T00:00"`
	To    string   `json:"to" jsonschema:"description=the first minute that is not in it any more"`
	Zone  string   `json:"zone"`
	Mode  string   `json:"mode" jsonschema:"enum=owners,enum=no-weekly,enum=usual"`
	Doors []string `json:"doors,omitzero" jsonschema:"description=absent: all"`
	Lock  bool     `json:"lock,omitempty" jsonschema:"description=an ecosystem put it on a lock: it is changed there"`
}

// HolidayRequest is the body of PUT /api/v1/holidays/{id}.
type HolidayRequest struct {
	From  string   `json:"from" jsonschema:"required"`
	To    string   `json:"to" jsonschema:"required"`
	Zone  string   `json:"zone,omitempty" jsonschema:"description=that of the house where it is left out"`
	Mode  string   `json:"mode,omitempty" jsonschema:"enum=owners,enum=no-weekly,enum=usual,description=owners where it is left out"`
	Doors []string `json:"doors,omitempty" jsonschema:"description=device ids; absent: all"`
}

// NewCode is the answer that holds a PIN that was made, the only time it is shown.
type NewCode struct {
	Code
	PIN string `json:"pin,omitempty" jsonschema:"description=only of a PIN that was made here, and only now"`
}

// CodeChange changes what is set and leaves the rest. Who it belongs to and what is typed stay.
type CodeChange struct {
	Doors   *[]string `json:"doors,omitempty" jsonschema:"description=device ids; [*]: all that the keypad opens"`
	Windows *[]Window `json:"windows,omitempty" jsonschema:"description=[]: always"`
	Grace   *string   `json:"grace,omitempty"`
	Revoked *bool     `json:"revoked,omitempty"`
	Groups  *[]string `json:"groups,omitempty"`
	Duress  *bool     `json:"duress,omitempty"`
	Both    *bool     `json:"both,omitempty"`
}

// ExplainRequest is the body of POST /api/v1/codes/explain.
type ExplainRequest struct {
	Door   string    `json:"door" jsonschema:"required,description=the id of a door or lock"`
	Code   string    `json:"code,omitempty" jsonschema:"description=what would be typed; or code_id"`
	CodeID string    `json:"code_id,omitempty"`
	At     time.Time `json:"at,omitzero" jsonschema:"description=absent: now"`
}

// Explanation says whether a code opens a door at a moment.
type Explanation struct {
	Allowed bool      `json:"allowed"`
	Reason  string    `json:"reason" jsonschema:"description=a stable word"`
	Why     []string  `json:"why" jsonschema:"description=one line a thought"`
	At      time.Time `json:"at,omitzero" jsonschema:"description=the moment that was asked about in the time of the house"`
	Zone    string    `json:"zone,omitempty" jsonschema:"description=of the house"`
	Trust   string    `json:"trust,omitempty" jsonschema:"description=how far the time is known where it is about now"`
}

// KeypadInstall is until when a keypad can get its key.
type KeypadInstall struct {
	Keypad string    `json:"keypad"`
	Until  time.Time `json:"until"`
}

func (s *Server) ledgerRoutes() []route {
	if s.opts.Ledger == nil {
		return nil
	}
	none := map[int]any{http.StatusNoContent: nil}
	return []route{
		{"GET", "/api/v1/people", "listPeople", "The people who may have codes", nil, nil, ok([]Person{}), nil, s.getPeople},
		{"POST", "/api/v1/people", "addPerson", "Adds a person", nil, PersonRequest{}, map[int]any{201: Person{}}, []int{503, 507}, s.postPerson},
		{"PATCH", "/api/v1/people/{id}", "changePerson", "Gives a person another name or kind", nil, PersonChange{}, ok(Person{}), []int{404, 503}, s.patchPerson},
		{"DELETE", "/api/v1/people/{id}", "removePerson", "Removes a person and all codes that are theirs, at once", nil, nil, none, []int{404, 503}, s.deletePerson},
		{"GET", "/api/v1/codes", "listCodes", "The codes, without what is typed", nil, nil, ok([]Code{}), nil, s.getCodes},
		{"POST", "/api/v1/codes", "addCode", "Gives a person a code; a PIN that is made is shown once", nil, CodeRequest{}, map[int]any{201: NewCode{}}, []int{404, 409, 503, 507}, s.postCode},
		{"POST", "/api/v1/codes/explain", "explainCode", "Whether a code opens a door at a moment, and why", nil, ExplainRequest{}, ok(Explanation{}), []int{404, 503}, s.postExplain},
		{"PATCH", "/api/v1/codes/{id}", "changeCode", "Changes when and where a code opens, or takes it back", nil, CodeChange{}, ok(Code{}), []int{404, 503}, s.patchCode},
		{"GET", "/api/v1/groups", "listDoorGroups", "The groups of doors that codes can name", nil, nil, ok([]DoorGroup{}), nil, s.getGroups},
		{"PUT", "/api/v1/groups/{id}", "saveDoorGroup", "Makes a group of doors, or changes it", nil, DoorGroupRequest{}, ok(DoorGroup{}), []int{503, 507}, s.putGroup},
		{"DELETE", "/api/v1/groups/{id}", "removeDoorGroup", "Removes a group of doors that no code names", nil, nil, none, []int{409, 503}, s.deleteGroup},
		{"GET", "/api/v1/holidays", "listHolidays", "The times in which only owners come in by code, or nobody by a weekly one", nil, nil, ok([]Holiday{}), nil, s.getHolidays},
		{"PUT", "/api/v1/holidays/{id}", "saveHoliday", "Makes a holiday, or changes it", nil, HolidayRequest{}, ok(Holiday{}), []int{409, 503, 507}, s.putHoliday},
		{"DELETE", "/api/v1/holidays/{id}", "removeHoliday", "Removes a holiday", nil, nil, none, []int{404, 409, 503}, s.deleteHoliday},
		{"DELETE", "/api/v1/codes/{id}", "removeCode", "Removes a code at once", nil, nil, none, []int{404, 503}, s.deleteCode},
	}
}

func (s *Server) keypadRoutes() []route {
	if s.opts.Keypads == nil {
		return nil
	}
	return []route{
		{"POST", "/api/v1/pair/keypad/{id}", "installKeypad", "Lets a keypad on an encrypted line get a key of its own, for ten minutes", nil, nil, ok(KeypadInstall{}), []int{404, 409}, s.postInstall},
	}
}
