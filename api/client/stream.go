package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
)

// Event is one event of the stream; exactly one of the pointers is set.
type Event struct {
	Device *api.Device
	Row    *api.Row
	Health *api.Health
}

// FromNow as the seq to follow from means that no older rows are wanted.
const FromNow int64 = -1

// reconnectAfter is the pause before a broken stream is opened again.
const reconnectAfter = time.Second

// errStop carries the error of a callback out of a stream.
type errStop struct{ error }

// Follow calls back for every event from the rows after seq on (or FromNow), until ctx ends or the
// callback returns an error, which is returned. The state of every device and the health come first,
// and again after each reconnection; each row comes once. A stream that breaks after it worked is
// opened again.
func (c *Client) Follow(ctx context.Context, after int64, each func(Event) error) error {
	s := &stream{after: after, each: each}
	for worked := false; ; {
		err := c.follow(ctx, s)
		var stop errStop
		var refused *api.Error
		switch {
		case errors.As(err, &stop):
			return stop.error
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused) && refused.Status < http.StatusInternalServerError:
			return err
		}
		worked = worked || s.begun
		if !worked {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reconnectAfter):
		}
	}
}

type stream struct {
	after int64 // the last row seen
	begun bool
	each  func(Event) error
}

func (c *Client) follow(ctx context.Context, s *stream) error {
	header := http.Header{}
	if s.after >= 0 {
		header.Set("Last-Event-ID", strconv.FormatInt(s.after, 10))
	}
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(requestTimeout, cancel) // the head must come in time; the rest never ends
	resp, err := c.send(bounded, http.MethodGet, "/api/v1/stream", nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	late.Stop()
	s.begun = true
	in := bufio.NewReader(resp.Body)
	var name string
	var data strings.Builder
	for {
		line, err := readLine(in)
		if err != nil {
			return err
		}
		if line == "" {
			if err := s.dispatch(name, data.String()); err != nil {
				return err
			}
			name = ""
			data.Reset()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data.WriteString(value)
		case "id":
			if seq, err := strconv.ParseInt(value, 10, 64); err == nil {
				s.after = seq
			}
		}
	}
}

// maxLine is far above what any event needs.
const maxLine = 1 << 20

func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return "", fmt.Errorf("a line of the stream is longer than %d bytes", maxLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", io.ErrUnexpectedEOF // a stream never ends by itself
		}
		return strings.TrimRight(string(line), "\r\n"), nil
	}
}

// dispatch ignores events that a later version may have.
func (s *stream) dispatch(name, data string) error {
	var e Event
	var into any
	switch name {
	case "state":
		e.Device = new(api.Device)
		into = e.Device
	case "history":
		e.Row = new(api.Row)
		into = e.Row
	case "health":
		e.Health = new(api.Health)
		into = e.Health
	default:
		return nil
	}
	if err := json.Unmarshal([]byte(data), into); err != nil {
		return fmt.Errorf("an event of the stream cannot be read: %w", err)
	}
	if err := s.each(e); err != nil {
		return errStop{err}
	}
	return nil
}
