package hw

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/rs/zerolog"
)

// Env is all that a driver may use from the outside: the log, lines, and buses shared with others.
type Env struct {
	Log zerolog.Logger
	// Guard is the command that starts the guard of this machine's output lines; nil: there is none.
	Guard []string
	// Report hears of problems that are nobody's device's; nil: nobody listens. Use Problem.
	Report func(p Problem, detail string, on bool)

	device string
	folder string
	house  *house
	parent *Env // nil for that of the house

	mu       sync.Mutex
	closed   bool
	children map[*Env]struct{}
	pulses   []func() error // momentary outputs: given back first, the last one borrowed first
	outs     []func() error // the other outputs
	rest     []func() error
}

// house is what all Envs of one process share.
type house struct {
	ask sync.Mutex // held while a board is asked, so that two devices cannot get one line

	mu      sync.Mutex
	boards  map[string]Board
	outputs map[Line]string // by whom it is used; ActiveLow is false in the key
	inputs  map[Line]*sharedInput
	buses   map[string]*bus
	mqtt    MQTT // nil: there is no broker
}

// NewEnv returns the Env of the house. Devices get theirs from For.
func NewEnv(log zerolog.Logger) *Env {
	return &Env{Log: log, house: &house{
		boards:  make(map[string]Board),
		outputs: make(map[Line]string),
		inputs:  make(map[Line]*sharedInput),
		buses:   make(map[string]*bus),
	}}
}

// Add puts a board into the house under the name by which lines refer to it. It is closed with this
// Env, after everything that was lent.
func (e *Env) Add(name string, b Board) error {
	if !isBoardName(name) {
		return fmt.Errorf("board %q: a board's name is 1 to %d of a-z, 0-9 and -", name, maxBoardName)
	}
	e.house.mu.Lock()
	defer e.house.mu.Unlock()
	if _, ok := e.house.boards[name]; ok {
		return fmt.Errorf("there are two boards named %q", name)
	}
	kept := e.keep(&e.rest, func() error {
		e.house.mu.Lock()
		delete(e.house.boards, name)
		e.house.mu.Unlock()
		return b.Close()
	})
	if !kept {
		return fmt.Errorf("board %q: %w", name, ErrClosed)
	}
	e.house.boards[name] = b
	return nil
}

// For returns an Env for one device, whose id errors and boards are told. It is closed with this one, or
// before it to give back what that device borrowed.
func (e *Env) For(device string) *Env {
	child := &Env{Log: e.Log.With().Str("device", device).Logger(), Guard: e.Guard, Report: e.Report, device: device, folder: e.folder, house: e.house, parent: e}
	e.mu.Lock()
	defer e.mu.Unlock()
	child.closed = e.closed
	if e.children == nil {
		e.children = make(map[*Env]struct{})
	}
	e.children[child] = struct{}{}
	return child
}

// Problem is something wrong with the machine that a driver runs on. Its text is the code of a declared
// problem of the house.
type Problem string

// Problems of machines.
const (
	GuardDown   Problem = "guard-down"   // the guard of the output lines does not run
	OutputsKept Problem = "outputs-kept" // the kernel leaves outputs as they are when the program dies
)

// Problem tells the owner that a problem is there, or is over.
func (e *Env) Problem(p Problem, detail string, on bool) {
	if e.Report != nil {
		e.Report(p, detail, on)
	}
}

// Device is the id of the device that this Env belongs to.
func (e *Env) Device() string { return e.device }

// KeepIn says which folder drivers keep their keys in. It is set before the first For.
func (e *Env) KeepIn(folder string) { e.folder = folder }

// Folder is where a driver keeps what must not be lost, such as the key of a reader: files named
// *.key, private, and part of every backup. It is empty where nothing can be kept.
func (e *Env) Folder() string { return e.folder }

// Output lends a line for output, once: the second request is refused and says who uses it.
func (e *Env) Output(ctx context.Context, ref Ref, o OutputOptions) (Output, error) {
	out, err := e.lendOutput(ctx, ref, o)
	list := &e.outs
	if o.Cap > 0 {
		list = &e.pulses
	}
	if err == nil && !e.keep(list, out.Close) {
		err = errors.Join(ErrClosed, out.Close())
	}
	if err != nil {
		return nil, opError(e.device, "request "+string(ref), err)
	}
	return out, nil
}

func (e *Env) lendOutput(ctx context.Context, ref Ref, o OutputOptions) (*lentOutput, error) {
	line, err := ref.Parse()
	if err != nil {
		return nil, err
	}
	e.house.ask.Lock()
	defer e.house.ask.Unlock()
	board, key, err := e.house.find(line)
	if err != nil {
		return nil, err
	}
	if by, ok := e.house.outputUser(key); ok {
		return nil, fmt.Errorf("%w: it is used by %s", ErrInUse, by)
	}
	if in, ok := e.house.input(key); ok {
		return nil, fmt.Errorf("%w: %s reads it as an input", ErrInUse, in.first)
	}
	o.ActiveLow = line.ActiveLow
	o.Consumer = e.consumer()
	out, err := board.Output(ctx, line.Name, o)
	if err != nil {
		return nil, err
	}
	e.house.mu.Lock()
	e.house.outputs[key] = e.device
	e.house.mu.Unlock()
	return &lentOutput{Output: out, env: e, ref: ref, key: key}, nil
}

// Input lends a line for input. Several devices may read one line, also with opposite polarity.
func (e *Env) Input(ctx context.Context, ref Ref) (Input, error) {
	in, err := e.lendInput(ctx, ref)
	if err == nil && !e.keep(&e.rest, in.Close) {
		err = errors.Join(ErrClosed, in.Close())
	}
	if err != nil {
		return nil, opError(e.device, "request "+string(ref), err)
	}
	return in, nil
}

func (e *Env) lendInput(ctx context.Context, ref Ref) (*lentInput, error) {
	line, err := ref.Parse()
	if err != nil {
		return nil, err
	}
	e.house.ask.Lock()
	defer e.house.ask.Unlock()
	board, key, err := e.house.find(line)
	if err != nil {
		return nil, err
	}
	if by, ok := e.house.outputUser(key); ok {
		return nil, fmt.Errorf("%w: it is an output of %s", ErrInUse, by)
	}
	shared, ok := e.house.input(key)
	if !ok {
		in, err := board.Input(ctx, line.Name, InputOptions{ActiveLow: line.ActiveLow, Consumer: e.consumer()})
		if err != nil {
			return nil, err
		}
		shared = &sharedInput{Input: in, low: line.ActiveLow, first: e.device}
		e.house.mu.Lock()
		e.house.inputs[key] = shared
		e.house.mu.Unlock()
	}
	shared.users++
	return &lentInput{shared: shared, flip: shared.low != line.ActiveLow, env: e, ref: ref, key: key}, nil
}

// Edges lends several lines of one board in one request.
func (e *Env) Edges(ctx context.Context, refs ...Ref) (Edges, error) {
	return e.edges(ctx, refs, false)
}

// FallingEdges is Edges that tells only of edges to inactive (InputOptions.Falling).
func (e *Env) FallingEdges(ctx context.Context, refs ...Ref) (Edges, error) {
	return e.edges(ctx, refs, true)
}

func (e *Env) edges(ctx context.Context, refs []Ref, falling bool) (Edges, error) {
	edges, err := e.lendEdges(ctx, refs, falling)
	if err == nil && !e.keep(&e.rest, edges.Close) {
		err = errors.Join(ErrClosed, edges.Close())
	}
	if err != nil {
		return nil, opError(e.device, fmt.Sprintf("request %v", refs), err)
	}
	return edges, nil
}

func (e *Env) lendEdges(ctx context.Context, refs []Ref, falling bool) (Edges, error) {
	var (
		board EdgeBoard
		names []string
		first Line
	)
	e.house.ask.Lock()
	defer e.house.ask.Unlock()
	for i, ref := range refs {
		line, err := ref.Parse()
		if err != nil {
			return nil, err
		}
		b, key, err := e.house.find(line)
		if err != nil {
			return nil, err
		}
		if by, ok := e.house.outputUser(key); ok {
			return nil, fmt.Errorf("%s: %w: it is an output of %s", ref, ErrInUse, by)
		}
		if i == 0 {
			first = line
		}
		if line.Board != first.Board || line.ActiveLow != first.ActiveLow {
			return nil, errors.New("lines that are watched together are on one board, and all or none of them active-low")
		}
		eb, ok := b.(EdgeBoard)
		if !ok {
			return nil, fmt.Errorf("board %q cannot watch several lines together", line.Board)
		}
		board, names = eb, append(names, line.Name)
	}
	if board == nil {
		return nil, errors.New("no lines are given")
	}
	return board.Edges(ctx, names, InputOptions{ActiveLow: first.ActiveLow, Consumer: e.consumer(), Falling: falling})
}

// Close gives everything back that was borrowed through this Env: first every output, at rest, then the
// inputs and buses, then the boards. What is bounded moves something, so a device's momentary outputs are
// at rest before those that only say which way. The errors say which outputs may not be at rest.
func (e *Env) Close() error {
	e.mu.Lock()
	children, pulses, outs, rest := e.children, e.pulses, e.outs, e.rest
	e.children, e.pulses, e.outs, e.rest, e.closed = nil, nil, nil, nil, true
	e.mu.Unlock()
	var errs []error
	for child := range children {
		errs = append(errs, child.Close())
	}
	for _, list := range [][]func() error{pulses, outs, rest} {
		for _, giveBack := range slices.Backward(list) {
			errs = append(errs, giveBack())
		}
	}
	if e.parent != nil {
		e.parent.mu.Lock()
		delete(e.parent.children, e)
		e.parent.mu.Unlock()
	}
	return errors.Join(errs...)
}

// keep remembers what to give back; false after Close, when the borrower must give it back itself.
func (e *Env) keep(list *[]func() error, giveBack func() error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	*list = append(*list, giveBack)
	return true
}

func (e *Env) consumer() string {
	if e.device == "" {
		return "loquet"
	}
	return "loquet: " + e.device
}

// find returns the board of a line and the key under which the house remembers who uses it.
func (h *house) find(line Line) (Board, Line, error) {
	h.mu.Lock()
	board, ok := h.boards[line.Board]
	have := slices.Sorted(maps.Keys(h.boards))
	h.mu.Unlock()
	if !ok {
		return nil, Line{}, fmt.Errorf("%w: there is no board %q, have %v", ErrNoLine, line.Board, have)
	}
	key := Line{Board: line.Board, Name: line.Name}
	if naming, ok := board.(NamingBoard); ok {
		name, err := naming.Canonical(line.Name)
		if err != nil {
			return nil, Line{}, err
		}
		key.Name = name
	}
	return board, key, nil
}

func (h *house) outputUser(key Line) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	by, ok := h.outputs[key]
	return by, ok
}

func (h *house) input(key Line) (*sharedInput, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	in, ok := h.inputs[key]
	return in, ok
}
