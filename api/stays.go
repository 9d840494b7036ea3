package api

import (
	"context"
	"net/http"
	"time"
)

// Stays are the guests of calendars and their codes. Errors that are not *Error and wrap ErrNotFound become a
// 404. No error, and nothing that is returned, holds digits or the address of a calendar, but for StayMessage.
type Stays interface {
	Calendars(ctx context.Context) ([]Calendar, error)
	AddCalendar(ctx context.Context, r CalendarRequest) (Calendar, error)
	ChangeCalendar(ctx context.Context, id string, c CalendarChange) (Calendar, error)
	// RemoveCalendar forgets a calendar with its stays, and takes their codes back.
	RemoveCalendar(ctx context.Context, id string) error
	// FetchCalendar asks for it now.
	FetchCalendar(ctx context.Context, id string) error
	Stays(ctx context.Context) ([]Stay, error)
	// AddStay enters a guest whom no calendar knows.
	AddStay(ctx context.Context, r StayRequest) (Stay, error)
	// ChangeStay changes one that was entered so.
	ChangeStay(ctx context.Context, id string, c StayChange) (Stay, error)
	// TellStay is the message with the code. From then on the code does not change any more.
	TellStay(ctx context.Context, id string) (StayMessage, error)
	// CancelStay takes the code of a stay back, whatever its calendar says.
	CancelStay(ctx context.Context, id string) error
	// EraseStay removes a guest for good: name, code and all. History keeps ids only.
	EraseStay(ctx context.Context, id string) error
}

// Calendar is a feed of a booking channel and what is wanted of it.
type Calendar struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Address  string    `json:"address" jsonschema:"description=where it is, without what makes it readable; empty: its guests are entered by hand"`
	Zone     string    `json:"zone"`
	Doors    []string  `json:"doors"`
	Groups   []string  `json:"groups,omitzero"`
	CheckIn  string    `json:"check_in"`
	CheckOut string    `json:"check_out"`
	Early    string    `json:"early,omitempty"`
	Late     string    `json:"late,omitempty"`
	Times    bool      `json:"times,omitempty"`
	Policy   string    `json:"policy" jsonschema:"enum=random,enum=last4,enum=dates"`
	Prefix   string    `json:"prefix,omitempty"`
	Digits   int       `json:"digits,omitempty"`
	Ahead    int       `json:"ahead"`
	Grace    string    `json:"grace,omitempty"`
	Cleaning []string  `json:"cleaning,omitzero" jsonschema:"description=ids of codes that open between stays"`
	Message  string    `json:"message,omitempty"`
	Paused   bool      `json:"paused,omitempty"`
	Stays    int       `json:"stays" jsonschema:"description=those to come or there now"`
	Fetched  time.Time `json:"fetched,omitzero" jsonschema:"description=when a whole calendar was last read"`
	Problem  string    `json:"problem,omitempty"`
	Warnings []string  `json:"warnings,omitzero"`
	NoCode   []string  `json:"no_code,omitzero" jsonschema:"description=doors of it that no code opens as they are: no keypad opens them and their locks keep none"`
}

// CalendarRequest is the body of POST /api/v1/calendars.
type CalendarRequest struct {
	Name     string   `json:"name" jsonschema:"required"`
	URL      string   `json:"url,omitempty" jsonschema:"description=the export link of the channel; https only; absent: its guests are entered by hand"`
	Zone     string   `json:"zone,omitempty" jsonschema:"description=of the property; absent: of the house"`
	Doors    []string `json:"doors,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	CheckIn  string   `json:"check_in,omitempty" jsonschema:"description=15:00 if absent"`
	CheckOut string   `json:"check_out,omitempty" jsonschema:"description=11:00 if absent"`
	Early    string   `json:"early,omitempty" jsonschema:"description=so long before check-in the code opens: 30m"`
	Late     string   `json:"late,omitempty" jsonschema:"description=so long after check-out it still does: 30m"`
	Times    bool     `json:"times,omitempty" jsonschema:"description=believe times of day in the feed"`
	Policy   string   `json:"policy,omitempty" jsonschema:"enum=random,enum=last4,enum=dates,description=random if absent"`
	Prefix   string   `json:"prefix,omitempty" jsonschema:"description=digits before the last four of the phone or the dates"`
	Digits   int      `json:"digits,omitempty" jsonschema:"description=of random codes; as many as it takes if absent"`
	Ahead    int      `json:"ahead,omitempty" jsonschema:"description=days before arrival that a code is made; 30 if absent"`
	Grace    string   `json:"grace,omitempty"`
	Cleaning []string `json:"cleaning,omitempty" jsonschema:"description=ids of codes that open between stays only"`
	Message  string   `json:"message,omitempty" jsonschema:"description=with {name} {code} {property} {from} {until} {doors}"`
}

// CalendarChange changes what is set and leaves the rest.
type CalendarChange struct {
	Name     *string   `json:"name,omitempty"`
	URL      *string   `json:"url,omitempty"`
	Doors    *[]string `json:"doors,omitempty"`
	Groups   *[]string `json:"groups,omitempty"`
	CheckIn  *string   `json:"check_in,omitempty"`
	CheckOut *string   `json:"check_out,omitempty"`
	Early    *string   `json:"early,omitempty"`
	Late     *string   `json:"late,omitempty"`
	Times    *bool     `json:"times,omitempty"`
	Policy   *string   `json:"policy,omitempty" jsonschema:"enum=random,enum=last4,enum=dates"`
	Prefix   *string   `json:"prefix,omitempty"`
	Digits   *int      `json:"digits,omitempty"`
	Ahead    *int      `json:"ahead,omitempty"`
	Grace    *string   `json:"grace,omitempty"`
	Cleaning *[]string `json:"cleaning,omitempty"`
	Message  *string   `json:"message,omitempty"`
	Paused   *bool     `json:"paused,omitempty"`
}

// Stay is somebody who comes, from then to then.
type Stay struct {
	ID           string    `json:"id"`
	Calendar     string    `json:"calendar" jsonschema:"description=the id of its calendar"`
	Name         string    `json:"name,omitempty"`
	Confirmation string    `json:"confirmation,omitempty"`
	Arrives      time.Time `json:"arrives"`
	Leaves       time.Time `json:"leaves"`
	From         time.Time `json:"from" jsonschema:"description=the first moment at which its code opens"`
	Until        time.Time `json:"until" jsonschema:"description=the first at which it does not any more"`
	State        string    `json:"state" jsonschema:"enum=planned,enum=coming,enum=here,enum=over,enum=cancelled"`
	CodeID       string    `json:"code_id,omitempty"`
	Person       string    `json:"person,omitempty"`
	ByHand       bool      `json:"by_hand,omitempty" jsonschema:"description=an owner entered it; no calendar knows it"`
	Policy       string    `json:"policy,omitempty" jsonschema:"description=how its code was made"`
	Told         time.Time `json:"told,omitzero" jsonschema:"description=when its message was shown; its code stays from then on"`
	Missing      bool      `json:"missing,omitempty" jsonschema:"description=it was not in the last feed"`
	Ready        bool      `json:"ready"`
	Why          string    `json:"why,omitempty" jsonschema:"description=what is missing where it is not ready"`
	Copies       []Copy    `json:"copies,omitzero" jsonschema:"description=its code at each door"`
	Fallback     *Fallback `json:"fallback,omitempty" jsonschema:"description=the code in reserve that it was given because its own was not ready"`
}

// Fallback is a code that waited on the locks of a property, and that a guest has whose own did not get onto a lock in time.
type Fallback struct {
	CodeID string    `json:"code_id"`
	Told   time.Time `json:"told,omitzero" jsonschema:"description=when its message was shown"`
	Copies []Copy    `json:"copies,omitzero" jsonschema:"description=this code at each door"`
}

// StayRequest is the body of POST /api/v1/stays.
type StayRequest struct {
	Calendar     string `json:"calendar" jsonschema:"required,description=the id of the property or calendar whose doors it is about"`
	From         string `json:"from" jsonschema:"required,description=the day of arrival as 2026-07-01; with a time of day as 2026-07-01T16:00 where it is not check-in"`
	To           string `json:"to" jsonschema:"required,description=the day of departure"`
	Name         string `json:"name,omitempty"`
	Confirmation string `json:"confirmation,omitempty"`
	Phone        string `json:"phone,omitempty" jsonschema:"description=only its last four digits are kept"`
}

// StayChange changes what is set and leaves the rest.
type StayChange struct {
	From  *string `json:"from,omitempty"`
	To    *string `json:"to,omitempty"`
	Name  *string `json:"name,omitempty"`
	Phone *string `json:"phone,omitempty"`
}

// Copy is a code at one door, and what is known of it.
type Copy struct {
	Code      string    `json:"code" jsonschema:"description=the id of the code"`
	Door      string    `json:"door"`
	Where     string    `json:"where" jsonschema:"description=the keypad or the lock that knows it"`
	State     string    `json:"state" jsonschema:"enum=confirmed,enum=pending,enum=unconfirmed,enum=failed,enum=removing"`
	Confirmed time.Time `json:"confirmed,omitzero" jsonschema:"description=when it was read back last"`
	Slot      int       `json:"slot,omitempty"`
	Tries     int       `json:"tries,omitempty"`
	Why       string    `json:"why,omitempty"`
	Plan      string    `json:"plan,omitempty" jsonschema:"description=what to do at the door by hand, and when"`
}

// StayMessage is what to send to a guest, with the code.
type StayMessage struct {
	Stay string `json:"stay"`
	Text string `json:"text"`
	PIN  string `json:"pin"`
	// Fallback says that it holds the code in reserve.
	Fallback bool `json:"fallback,omitempty" jsonschema:"description=it is the code in reserve"`
}

func (s *Server) stayRoutes() []route {
	if s.opts.Stays == nil {
		return nil
	}
	none := map[int]any{http.StatusNoContent: nil}
	return []route{
		{"GET", "/api/v1/calendars", "listCalendars", "The calendars whose guests get codes", nil, nil, ok([]Calendar{}), nil, s.getCalendars},
		{"POST", "/api/v1/calendars", "addCalendar", "Adds a calendar; from now on it is fetched", nil, CalendarRequest{}, map[int]any{201: Calendar{}}, []int{503, 507}, s.postCalendar},
		{"PATCH", "/api/v1/calendars/{id}", "changeCalendar", "Changes a calendar", nil, CalendarChange{}, ok(Calendar{}), []int{404, 503}, s.patchCalendar},
		{"DELETE", "/api/v1/calendars/{id}", "removeCalendar", "Forgets a calendar and takes the codes of its guests back", nil, nil, none, []int{404, 503}, s.deleteCalendar},
		{"POST", "/api/v1/calendars/{id}/fetch", "fetchCalendar", "Asks for a calendar now", nil, nil, map[int]any{202: nil}, []int{404, 409}, s.postFetch},
		{"GET", "/api/v1/stays", "listStays", "The guests of calendars", nil, nil, ok([]Stay{}), nil, s.getStays},
		{"POST", "/api/v1/stays", "addStay", "Enters a guest whom no calendar knows", nil, StayRequest{}, map[int]any{201: Stay{}}, []int{404, 503, 507}, s.postStay},
		{"PATCH", "/api/v1/stays/{id}", "changeStay", "Changes a guest who was entered so; the code follows", nil, StayChange{}, ok(Stay{}), []int{404, 409, 503}, s.patchStay},
		{"POST", "/api/v1/stays/{id}/message", "tellStay", "The message for a guest, with the code, which stays from then on", nil, nil, ok(StayMessage{}), []int{404, 409, 503}, s.postMessage},
		{"POST", "/api/v1/stays/{id}/cancel", "cancelStay", "Takes the code of a guest back", nil, nil, none, []int{404, 503}, s.postCancel},
		{"DELETE", "/api/v1/stays/{id}", "eraseStay", "Erases a guest: name, code and all", nil, nil, none, []int{404, 503}, s.deleteStay},
	}
}

func (s *Server) getCalendars(w http.ResponseWriter, r *http.Request) error {
	all, err := s.opts.Stays.Calendars(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(all))
}

func (s *Server) postCalendar(w http.ResponseWriter, r *http.Request) error {
	var body CalendarRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := s.checkDoors(&body.Doors); err != nil {
		return err
	}
	c, err := s.opts.Stays.AddCalendar(r.Context(), body)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, c)
}

func (s *Server) patchCalendar(w http.ResponseWriter, r *http.Request) error {
	var change CalendarChange
	if err := decode(r, &change); err != nil {
		return err
	}
	if change == (CalendarChange{}) {
		return invalid("", "nothing to change", "send what is to change")
	}
	if err := s.checkDoors(change.Doors); err != nil {
		return err
	}
	c, err := s.opts.Stays.ChangeCalendar(r.Context(), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, c)
}

func (s *Server) deleteCalendar(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.opts.Stays.RemoveCalendar(r.Context(), r.PathValue("id")))
}

func (s *Server) postFetch(w http.ResponseWriter, r *http.Request) error {
	if err := s.opts.Stays.FetchCalendar(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *Server) getStays(w http.ResponseWriter, r *http.Request) error {
	all, err := s.opts.Stays.Stays(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(all))
}

func (s *Server) postStay(w http.ResponseWriter, r *http.Request) error {
	var body StayRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.Calendar == "" {
		return invalid("calendar", "which property it is about is missing", "send the id of a calendar; loquet calendars list shows them")
	}
	stay, err := s.opts.Stays.AddStay(r.Context(), body)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, stay)
}

func (s *Server) patchStay(w http.ResponseWriter, r *http.Request) error {
	var change StayChange
	if err := decode(r, &change); err != nil {
		return err
	}
	if change == (StayChange{}) {
		return invalid("", "nothing to change", "send from, to, name or phone")
	}
	stay, err := s.opts.Stays.ChangeStay(r.Context(), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, stay)
}

func (s *Server) postMessage(w http.ResponseWriter, r *http.Request) error {
	m, err := s.opts.Stays.TellStay(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, m)
}

func (s *Server) postCancel(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.opts.Stays.CancelStay(r.Context(), r.PathValue("id")))
}

func (s *Server) deleteStay(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.opts.Stays.EraseStay(r.Context(), r.PathValue("id")))
}

// done answers what has no answer but that it was done.
func done(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
