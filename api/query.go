package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// param is one parameter of the query.
type param struct{ name, kind, doc string }

const (
	historyLimit    = 100
	historyLimitMax = 1000
)

func historyParams() []param {
	return []param{
		{"device", "string", "only rows of this device"},
		{"since", "date-time", "only rows from this time on"},
		{"until", "date-time", "only rows before this time"},
		{"after", "integer", "only rows with a greater seq"},
		{"order", "string", "newest or oldest rows first; newest if absent"},
		{"limit", "integer", "at most so many rows, 1 to 1000; 100 if absent"},
	}
}

func streamParams() []param {
	return []param{{"after", "integer", "like Last-Event-ID, for clients that cannot set it: rows after this seq come first"}}
}

func bridgeParams() []param {
	return []param{{"bridge", "string", "only on this bridge; absent: on all"}}
}

// checkQuery refuses what no handler would read, and what could be read in two ways.
func checkQuery(r *http.Request, known []string) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badQuery("", "the query cannot be read", "check its escapes")
	}
	for name, v := range values {
		if !slices.Contains(known, name) {
			return badQuery(name, "there is no parameter "+quote(name), "leave it out; /api/v1/openapi.json lists what there is")
		}
		if len(v) != 1 {
			return badQuery(name, quote(name)+" is there twice", "send it once")
		}
	}
	return nil
}

func parseHistory(v url.Values) (HistoryQuery, error) {
	q := HistoryQuery{Device: v.Get("device"), Limit: historyLimit}
	var err error
	if q.Since, err = parseTime(v, "since"); err != nil {
		return q, err
	}
	if q.Until, err = parseTime(v, "until"); err != nil {
		return q, err
	}
	if q.After, err = parseSeq("after", v.Get("after")); err != nil {
		return q, err
	}
	switch order := v.Get("order"); order {
	case "", "newest":
	case "oldest":
		q.OldestFirst = true
	default:
		return q, badQuery("order", quote(order)+" is no order", "send newest or oldest")
	}
	if !v.Has("limit") {
		return q, nil
	}
	n, err := strconv.Atoi(v.Get("limit"))
	if err != nil || n < 1 || n > historyLimitMax {
		return q, badQuery("limit", "limit is not a number from 1 to 1000", fmt.Sprintf("leave it out for %d", historyLimit))
	}
	q.Limit = n
	return q, nil
}

func parseTime(v url.Values, name string) (time.Time, error) {
	if !v.Has(name) {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, v.Get(name))
	if err != nil {
		return time.Time{}, badQuery(name, name+" is not a time with a zone", "write it like 2026-11-21T19:00:00+01:00 (a + in a query is written %2B)")
	}
	return t, nil
}

// parseSeq reads the number of a row; nothing is 0.
func parseSeq(name, s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, badQuery(name, name+" is not the number of a row", "send the seq of a row")
	}
	return n, nil
}

func badQuery(field, why, remedy string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "bad-query", Why: why, Remedy: remedy, Field: field}
}
