package im

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/loquet/loquet/matter/tlv"
)

// errInvalid is a message that breaks the rules of the interaction model.
var errInvalid = errors.New("matter/im: invalid message")

// What a message may hold. A bridge is read with wildcards; these only stop what is no controller.
const (
	maxPaths   = 256 // paths of a read or subscription, filters by data version
	maxWrites  = 512 // attributes and list items of one write message
	maxInvokes = 64  // commands of a message that is parsed at all; Config.MaxInvokes is what is carried out
)

// readRequest is a read, or the part of a subscription that says what is wanted.
type readRequest struct {
	Attributes []AttributePath
	Events     []EventPath
	EventMin   uint64
	EventEnd   uint64 // events with this number and after it are for the next report; 0 for no end
	Filtered   bool
	Versions   []versionFilter
}

type versionFilter struct {
	endpoint uint16
	cluster  uint32
	version  uint32
}

type subscribeRequest struct {
	readRequest
	Keep bool
	Min  uint16 // seconds
	Max  uint16 // seconds
}

type writeRequest struct {
	Suppress bool
	Timed    bool
	More     bool
	Items    []writeItem
}

type writeItem struct {
	Path    AttributePath
	Version *uint32
	Value   tlv.Element
}

type invokeRequest struct {
	Suppress bool
	Timed    bool
	Items    []invokeItem
}

type invokeItem struct {
	Path   CommandPath
	Fields tlv.Element // TypeNone for none
	Ref    *uint16
}

func open(payload []byte) (*tlv.Fields, error) {
	e, err := tlv.Decode(payload)
	if err != nil {
		return nil, err
	}
	f := tlv.OpenStruct(e)
	f.OptionalUint(revisionTag, math.MaxUint8)
	return f, f.Err()
}

// members goes through an array that may be missing, and fails when it holds more than most.
func members(f *tlv.Fields, n uint8, most int) (iter.Seq[tlv.Element], error) {
	if !f.Has(n) {
		return func(func(tlv.Element) bool) {}, f.Err()
	}
	a := f.Array(n)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if c := a.Count(); c > most {
		return nil, fmt.Errorf("%w: %d elements in member %d, at most %d", errInvalid, c, n, most)
	}
	return a.Members(), nil
}

// each parses every member of an array that may be missing.
func each[T any](f *tlv.Fields, n uint8, most int, parse func(tlv.Element) (T, error)) ([]T, error) {
	list, err := members(f, n, most)
	if err != nil {
		return nil, err
	}
	var out []T
	for e := range list {
		v, err := parse(e)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// parseRead reads the members that read and subscribe requests share, which have other tags in each.
func parseRead(f *tlv.Fields, attributes, events, filters, filtered, versions uint8) (readRequest, error) {
	var r readRequest
	var err, err2, err3 error
	r.Attributes, err = each(f, attributes, maxPaths, parseAttributePath)
	r.Events, err2 = each(f, events, maxPaths, parseEventPath)
	r.Versions, err3 = each(f, versions, 4*maxPaths, parseVersionFilter)
	if err := errors.Join(err, err2, err3); err != nil {
		return r, err
	}
	mins, err := each(f, filters, 16, func(e tlv.Element) (uint64, error) {
		f := tlv.OpenStruct(e)
		f.OptionalUint(0, math.MaxUint64)
		return f.Uint64(1), f.Err()
	})
	if err != nil {
		return r, err
	}
	for _, m := range mins {
		r.EventMin = max(r.EventMin, m)
	}
	r.Filtered = f.Bool(filtered)
	if err := f.Err(); err != nil {
		return r, err
	}
	if slices.ContainsFunc(r.Attributes, func(p AttributePath) bool { return !p.readable() }) {
		return r, fmt.Errorf("%w: one attribute of all clusters", errInvalid)
	}
	return r, nil
}

func parseVersionFilter(e tlv.Element) (versionFilter, error) {
	f := tlv.OpenStruct(e)
	path := f.Element(0)
	v := versionFilter{version: f.Uint32(1)}
	if err := f.Err(); err != nil {
		return v, err
	}
	p := tlv.OpenList(path)
	v.endpoint, v.cluster = p.Uint16(1), p.Uint32(2)
	return v, p.Err()
}

func parseReadRequest(payload []byte) (readRequest, error) {
	f, err := open(payload)
	if err != nil {
		return readRequest{}, err
	}
	return parseRead(f, 0, 1, 2, 3, 4)
}

func parseSubscribeRequest(payload []byte) (subscribeRequest, error) {
	f, err := open(payload)
	if err != nil {
		return subscribeRequest{}, err
	}
	r := subscribeRequest{Keep: f.Bool(0), Min: f.Uint16(1), Max: f.Uint16(2)}
	r.readRequest, err = parseRead(f, 3, 4, 5, 7, 8)
	if err != nil {
		return r, err
	}
	if len(r.Attributes)+len(r.Events) == 0 || r.Min > r.Max {
		return r, fmt.Errorf("%w: a subscription to nothing, or with a least interval over the greatest", errInvalid)
	}
	return r, nil
}

func parseWriteRequest(payload []byte) (writeRequest, error) {
	f, err := open(payload)
	if err != nil {
		return writeRequest{}, err
	}
	r := writeRequest{Suppress: f.OptionalBool(0, false), Timed: f.Bool(1), More: f.OptionalBool(3, false)}
	f.Array(2)
	if err := f.Err(); err != nil {
		return r, err
	}
	r.Items, err = each(f, 2, maxWrites, func(e tlv.Element) (writeItem, error) {
		f := tlv.OpenStruct(e)
		item := writeItem{Version: optional32(f, 0), Value: f.Element(2)}
		path := f.Element(1)
		if err := f.Err(); err != nil {
			return item, err
		}
		item.Path, err = parseAttributePath(path)
		if err == nil && (item.Path.Cluster == nil || item.Path.Attribute == nil || item.Path.Flags != 0) {
			err = fmt.Errorf("%w: a write to any cluster or attribute", errInvalid)
		}
		return item, err
	})
	return r, err
}

func parseInvokeRequest(payload []byte) (invokeRequest, error) {
	f, err := open(payload)
	if err != nil {
		return invokeRequest{}, err
	}
	r := invokeRequest{Suppress: f.Bool(0), Timed: f.Bool(1)}
	f.Array(2)
	if err := f.Err(); err != nil {
		return r, err
	}
	r.Items, err = each(f, 2, maxInvokes, func(e tlv.Element) (invokeItem, error) {
		f := tlv.OpenStruct(e)
		path := f.Element(0)
		item := invokeItem{Ref: optional16(f, 2)}
		item.Fields, _ = f.Optional(1)
		if err := f.Err(); err != nil {
			return item, err
		}
		if item.Fields.Type() != tlv.TypeNone && item.Fields.Type() != tlv.TypeStruct {
			return item, fmt.Errorf("%w: fields of a command are no structure", errInvalid)
		}
		item.Path, err = parseCommandPath(path)
		return item, err
	})
	if err == nil && len(r.Items) == 0 {
		err = fmt.Errorf("%w: no command", errInvalid)
	}
	return r, err
}

// parseTimedRequest returns a timeout in milliseconds.
func parseTimedRequest(payload []byte) (uint16, error) {
	f, err := open(payload)
	if err != nil {
		return 0, err
	}
	return f.Uint16(0), f.Err()
}

func parseStatusResponse(payload []byte) (uint8, error) {
	f, err := open(payload)
	if err != nil {
		return 0, err
	}
	return f.Uint8(0), f.Err()
}
