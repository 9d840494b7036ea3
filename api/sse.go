package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	heartbeat     = 15 * time.Second
	streamWrite   = 10 * time.Second // a client that takes nothing for so long is dropped
	replayPage    = 500
	streamRetryMS = 2000
)

var errStreams = &Error{Status: http.StatusServiceUnavailable, Code: "too-many-streams", Why: "too many clients follow the stream", Remedy: "close a page or a script that follows it"}

// getStream sends the state of everything, then the rows that the client missed, then what changes.
func (s *Server) getStream(w http.ResponseWriter, r *http.Request) error {
	after, resume, err := lastEvent(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return nil
	}
	// Subscribed before anything is read: what changes from here on waits in the queue, so nothing
	// falls between the snapshot and the first change.
	sub := s.stream.subscribe()
	if sub == nil {
		return errStreams
	}
	defer s.stream.unsubscribe(sub)
	newest, err := s.newestSeq(r.Context())
	if err != nil {
		return err
	}
	if !resume || after > newest { // a seq from the future is one of another history
		after = newest
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the server's bound is for requests that end
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	out := &eventWriter{w: w, control: control, sent: after}
	err = s.follow(r.Context(), out, sub)
	if err != nil && r.Context().Err() == nil {
		s.log.Debug().Err(err).Str("actor", of(r.Context()).actor).Msg("stream ended")
	}
	return nil
}

func (s *Server) follow(ctx context.Context, out *eventWriter, sub *subscriber) error {
	if err := s.snapshot(out); err != nil {
		return err
	}
	if err := s.replay(ctx, out); err != nil {
		return err
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stop:
			return nil
		case <-beat.C:
			out.buf.WriteString(": beat\n\n")
		case e, ok := <-sub.events:
			if !ok {
				return errors.New("client is too slow")
			}
			out.event(e)
			for range len(sub.events) { // what is waiting already goes out in one write
				if e, ok := <-sub.events; ok {
					out.event(e)
				}
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

// snapshot writes the state of every device and the health. It also tells the client which row it
// is at: a client that saw no row yet can then resume as well.
func (s *Server) snapshot(out *eventWriter) error {
	fmt.Fprintf(&out.buf, "retry: %d\nid: %d\n\n", streamRetryMS, out.sent)
	for _, d := range s.house.Devices() {
		if err := out.encode("state", 0, d); err != nil {
			return err
		}
	}
	if err := out.encode("health", 0, health(s.house.Problems())); err != nil {
		return err
	}
	return out.flush()
}

func (s *Server) replay(ctx context.Context, out *eventWriter) error {
	for {
		rows, err := s.house.History(ctx, HistoryQuery{After: out.sent, Limit: replayPage, OldestFirst: true})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := out.encode("history", row.Seq, row); err != nil {
				return err
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
		if len(rows) < replayPage {
			return nil
		}
	}
}

func (s *Server) newestSeq(ctx context.Context) (int64, error) {
	rows, err := s.house.History(ctx, HistoryQuery{Limit: 1})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0].Seq, nil
}

func lastEvent(r *http.Request) (after int64, resume bool, err error) {
	name, value := "Last-Event-ID", r.Header.Get("Last-Event-ID")
	if value == "" {
		name, value = "after", r.URL.Query().Get("after")
	}
	after, err = parseSeq(name, value)
	return after, value != "", err
}

type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
	sent    int64 // the seq of the last row written
}

func (o *eventWriter) encode(name string, seq int64, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	o.event(event{name: name, seq: seq, data: data})
	return nil
}

// event leaves out rows that were sent already: a replay and the queue overlap.
func (o *eventWriter) event(e event) {
	if e.seq != 0 {
		if e.seq <= o.sent {
			return
		}
		o.sent = e.seq
		fmt.Fprintf(&o.buf, "id: %d\n", e.seq)
	}
	fmt.Fprintf(&o.buf, "event: %s\ndata: %s\n\n", e.name, e.data)
}

func (o *eventWriter) flush() error {
	if o.buf.Len() == 0 {
		return nil
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(streamWrite))
	if _, err := o.w.Write(o.buf.Bytes()); err != nil {
		return err
	}
	o.buf.Reset()
	return o.control.Flush()
}
