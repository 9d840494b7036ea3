// Package apitest has a house that is only memory, for tests of what speaks the API.
package apitest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// House is an api.House, with pairings and simulated devices, that remembers what it was asked.
type House struct {
	Stream *api.Stream // what the house tells, for api.Options

	mu       sync.Mutex
	devices  []api.Device
	rows     []api.Row
	problems []api.Problem
	pairings []api.Pairing
	matter   bool // the Matter bridge can be added
	bridges  []api.HomeKitBridge
	commands []Asked
	events   []string
	reloads  int
	answers  map[string]Answer
	ends     map[string]api.Row
	broken   error
}

// Asked is a command that the house was given.
type Asked struct {
	ID      string
	Command device.Command
}

// Answer is what the house says to a command.
type Answer struct {
	Answer device.Answer
	Err    error
}

var (
	_ api.House     = (*House)(nil)
	_ api.Pairings  = (*House)(nil)
	_ api.Simulator = (*House)(nil)
)

// New returns an empty house.
func New() *House {
	return &House{Stream: api.NewStream(), answers: map[string]Answer{}, ends: map[string]api.Row{}}
}

// Put adds a device or replaces it, and tells the stream.
func (h *House) Put(d api.Device) {
	h.mu.Lock()
	i := slices.IndexFunc(h.devices, func(o api.Device) bool { return o.ID == d.ID })
	if i < 0 {
		h.devices = append(h.devices, d)
	} else {
		h.devices[i] = d
	}
	h.mu.Unlock()
	h.Stream.State(d)
}

// Write adds a row to the history, with the next seq, and tells the stream.
func (h *House) Write(r api.Row) int64 {
	h.mu.Lock()
	r.Seq = int64(len(h.rows)) + 1
	r.Prev, r.Hash = hash(r.Seq-1), hash(r.Seq)
	if r.Trust == "" {
		r.Trust = "trusted"
	}
	h.rows = append(h.rows, r)
	h.mu.Unlock()
	h.Stream.Row(r)
	return r.Seq
}

func hash(seq int64) string { return fmt.Sprintf("%064x", seq) }

// SetProblems replaces the problems, and tells the stream.
func (h *House) SetProblems(ps ...api.Problem) {
	h.mu.Lock()
	h.problems = ps
	h.mu.Unlock()
	h.Stream.Health(ps)
}

// SetPairings replaces the controllers and the bridges.
func (h *House) SetPairings(bridges []api.HomeKitBridge, pairings ...api.Pairing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bridges, h.pairings = bridges, pairings
}

// Answer sets what the device says to its next commands. Without it, an intent is written to the
// history and its number is the answer.
func (h *House) Answer(id string, a Answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[id] = a
}

// Ends sets the row that follows each intent of the device, its outcome.
func (h *House) Ends(id string, outcome api.Row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ends[id] = outcome
}

// Break makes everything that can fail, fail; nil mends it.
func (h *House) Break(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = err
}

// Asked returns the commands so far.
func (h *House) Asked() []Asked {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.commands)
}

// Changes counts everything that was changed through the API: commands, simulated events, reloads,
// changed and removed pairings.
func (h *House) Changes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.commands) + len(h.events) + h.reloads
}

// Events returns what happened to simulated devices, as "id event digits".
func (h *House) Events() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// Devices lists the devices.
func (h *House) Devices() []api.Device {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.devices)
}

// Device returns one device.
func (h *House) Device(id string) (api.Device, bool) {
	for _, d := range h.Devices() {
		if d.ID == id {
			return d, true
		}
	}
	return api.Device{}, false
}

// Command remembers the command.
func (h *House) Command(_ context.Context, id string, c device.Command) (device.Answer, error) {
	h.mu.Lock()
	h.commands = append(h.commands, Asked{id, c})
	a, set := h.answers[id]
	end, ends := h.ends[id]
	err := h.broken
	h.mu.Unlock()
	switch {
	case err != nil:
		return device.Answer{}, err
	case set:
		return a.Answer, a.Err
	}
	row := api.EntryRow(device.Entry{Kind: device.EntryIntent, Device: id, Action: c.Action, Cause: c.Cause, Confirmed: c.Confirm})
	row.At = time.Now()
	intent := h.Write(row)
	if ends {
		end.At, end.Device, end.Intent, end.Kind = time.Now(), id, intent, "outcome"
		h.Write(end)
	}
	return device.Answer{Intent: intent}, nil
}

// History returns rows as api.Historian says.
func (h *House) History(_ context.Context, q api.HistoryQuery) ([]api.Row, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return nil, h.broken
	}
	var rows []api.Row
	for _, r := range h.rows {
		switch {
		case q.Device != "" && r.Device != q.Device, r.Seq <= q.After,
			!q.Since.IsZero() && r.At.Before(q.Since), !q.Until.IsZero() && !r.At.Before(q.Until):
		default:
			rows = append(rows, r)
		}
	}
	if !q.OldestFirst {
		slices.Reverse(rows)
	}
	return rows[:min(len(rows), q.Limit)], nil
}

// VerifyHistory finds nothing wrong.
func (h *House) VerifyHistory(context.Context) (api.Verdict, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := int64(len(h.rows))
	return api.Verdict{OK: true, Rows: n, First: min(1, n), Last: n, Limits: []string{"rows lost at the very end by a power cut"}}, h.broken
}

// Problems lists the problems.
func (h *House) Problems() []api.Problem {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.problems)
}

// Reload counts.
func (h *House) Reload(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reloads++
	return h.broken
}

// Sim takes every device for a simulated one.
func (h *House) Sim(id string) (api.SimState, bool) {
	if _, ok := h.Device(id); !ok {
		return api.SimState{}, false
	}
	return api.SimState{Pulses: 1, PulsesTotal: 3, Edges: 2, LastEdgeUnixNS: 1795287600000000000, Position: 0.5, Moving: "up", Energised: true,
		Lamp:     api.SimSignal{On: true, Edges: 6, Total: 3 * time.Second, Lasts: 5500 * time.Millisecond},
		LastMove: api.SimMove{UnixNS: 1795287600100000000, Direction: "up", Cause: "relay", Lamp: 5 * time.Second}}, true
}

// SimEvent remembers the event.
func (h *House) SimEvent(_ context.Context, id string, event api.SimEvent, digits string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, id+" "+string(event)+" "+digits)
	return h.broken
}

// Space is the storage of tokens in memory; the zero value is empty.
type Space struct {
	mu      sync.Mutex
	records map[string][]byte
	Fail    error // what Apply answers
	Lost    error // what List answers
}

// List returns the records.
func (s *Space) List(prefix string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Lost != nil {
		return nil, s.Lost
	}
	found := map[string][]byte{}
	for k, v := range s.records {
		if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
			found[k] = slices.Clone(v)
		}
	}
	return found, nil
}

// Apply changes the records.
func (s *Space) Apply(changes map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Fail != nil {
		return s.Fail
	}
	if s.records == nil {
		s.records = map[string][]byte{}
	}
	for k, v := range changes {
		if v == nil {
			delete(s.records, k)
			continue
		}
		s.records[k] = slices.Clone(v)
	}
	return nil
}

// Damage overwrites every record.
func (s *Space) Damage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.records {
		s.records[k] = []byte(strconv.Quote("torn"))
	}
}
