package modbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/internal/serial"
)

// Kind is how a board is told to switch a relay.
type Kind string

// Kinds of boards.
const (
	Coils     Kind = "coils"     // each relay is a coil; nothing more
	Waveshare Kind = "waveshare" // coils, and coils that switch for a time (Waveshare, second version)
	Registers Kind = "registers" // each relay is a holding register that takes 0100 and 0200 (R421, RYN4)
)

// Bounds of what a board is asked for in one question.
const (
	mostLines   = 64
	mostAddress = 0xFFFF
	mostUnit    = 247 // MODBUS over Serial Line V1.02, section 2.2
	tcpUnit     = 255 // a device that is reached by its IP address alone (MODBUS Messaging on TCP/IP V1.0b, section 4.4.2.1)
)

// Config are the settings of the board driver "modbus".
type Config struct {
	URL        string        `yaml:"url" jsonschema_description:"rtu:///dev/serial/by-path/..., rtuovertcp://host:port (a serial server) or tcp://host:502 (Modbus TCP); boards with the same url share the line"`
	Unit       int           `yaml:"unit,omitempty" jsonschema_description:"the board's address on the line, 1 to 247 (255 for some boards on Modbus TCP)"`
	Kind       Kind          `yaml:"kind,omitempty" jsonschema:"enum=coils,enum=waveshare,enum=registers" jsonschema_description:"coils (any board), waveshare (the board ends a pulse itself) or registers (R421, RYN4: relays are holding registers)"`
	Relays     int           `yaml:"relays,omitempty" jsonschema_description:"how many relays the board has: lines relay-1 and up"`
	Inputs     int           `yaml:"inputs,omitempty" jsonschema_description:"how many inputs the board has: lines input-1 and up"`
	FirstRelay int           `yaml:"first_relay,omitempty" jsonschema_description:"the Modbus address of relay-1, if not 0"`
	FirstInput int           `yaml:"first_input,omitempty" jsonschema_description:"the Modbus address of input-1, if not 0"`
	Baud       int           `yaml:"baud,omitempty" jsonschema_description:"rtu: bits a second"`
	Parity     string        `yaml:"parity,omitempty" jsonschema:"enum=none,enum=even,enum=odd" jsonschema_description:"rtu: none, even or odd"`
	Poll       time.Duration `yaml:"poll,omitempty" jsonschema_description:"how often the inputs are asked for, 50ms to 1s"`
}

func defaults() Config {
	return Config{Unit: 1, Kind: Coils, Baud: 9600, Parity: "none", Poll: 250 * time.Millisecond}
}

var parities = map[string]serial.Parity{"none": serial.None, "even": serial.Even, "odd": serial.Odd}

func (c Config) mode() serial.Mode { return serial.Mode{Baud: c.Baud, Parity: parities[c.Parity]} }

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if _, err := parseAddress(c.URL, c.mode()); err != nil {
		add("url", err.Error(), "write rtu:///dev/serial/by-path/..., rtuovertcp://192.168.1.50:4196 or tcp://192.168.1.50:502")
	}
	if (c.Unit < 1 || c.Unit > mostUnit) && c.Unit != tcpUnit {
		add("unit", "a board's address is 1 to 247", "read it on the board's switches or in its manual; it is mostly 1")
	}
	if !slices.Contains([]Kind{Coils, Waveshare, Registers}, c.Kind) {
		add("kind", fmt.Sprintf("there is no kind %q", c.Kind), "write coils, waveshare or registers")
	}
	if c.Relays < 0 || c.Relays > mostLines || c.Inputs < 0 || c.Inputs > mostLines || c.Relays+c.Inputs == 0 {
		add("relays", fmt.Sprintf("a board has relays or inputs, %d of each at most", mostLines), "count them on the board: relays: 8, inputs: 8")
	}
	if c.FirstRelay < 0 || c.FirstRelay+c.Relays > mostAddress {
		add("first_relay", "a Modbus address is 0 to 65535", "leave it out unless the manual gives another address for the first relay")
	}
	if c.Kind == Waveshare && c.FirstRelay != 0 {
		add("first_relay", "waveshare boards begin at 0", "leave it out")
	}
	if c.FirstInput < 0 || c.FirstInput+c.Inputs > mostAddress {
		add("first_input", "a Modbus address is 0 to 65535", "leave it out unless the manual gives another address for the first input")
	}
	if !slices.Contains(serial.Bauds(), c.Baud) {
		add("baud", fmt.Sprintf("a port cannot be set to %d", c.Baud), "leave it out for 9600")
	}
	if _, ok := parities[c.Parity]; !ok {
		add("parity", fmt.Sprintf("there is no parity %q", c.Parity), "write none, even or odd")
	}
	if c.Poll < 50*time.Millisecond || c.Poll > time.Second {
		add("poll", fmt.Sprintf("%v is not between 50ms and 1s", c.Poll), "take 250ms")
	}
	return errors.Join(errs...)
}

// BoardDriver is the board driver "modbus".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("modbus", "relay and input boards that speak Modbus: RTU, RTU over TCP, and TCP", defaults(),
		func(ctx context.Context, env *hw.Env, c Config) (hw.Board, error) { return Open(ctx, env, c) })
}

// Open starts to connect to a board. Orders are refused until it is there. The line is shared with all
// boards of env's house that have the same url.
func Open(ctx context.Context, env *hw.Env, c Config) (*Board, error) {
	where, err := parseAddress(c.URL, c.mode())
	if err != nil {
		return nil, err
	}
	mine := env.For(env.Device()) // given back at once where the board cannot be opened
	board, err := join(ctx, mine, c, where)
	if err != nil {
		return nil, errors.Join(err, mine.Close())
	}
	return board, nil
}

// line is what boards with the same url share.
type line struct {
	*bus
	mode serial.Mode
}

func join(ctx context.Context, env *hw.Env, c Config, where address) (*Board, error) {
	shared, err := hw.Share(ctx, env, where.key(), func(context.Context) (line, func() error, error) {
		b := newBus(env.Log, where)
		return line{b, where.mode}, b.Close, nil
	})
	if err != nil {
		return nil, err
	}
	if where.scheme == schemeRTU && shared.mode != where.mode {
		return nil, &hw.OpError{Op: "open " + c.URL, Device: env.Device(), Err: errors.New("another board on this line has other settings"),
			Hint: "give all boards on one line the same baud and parity"}
	}
	// The second thing that is borrowed is given back first: the board falls silent before its line closes.
	board := newBoard(env.Log, shared.bus, c, where.numbered())
	speaks, err := hw.Share(ctx, env, fmt.Sprintf("%s/%d", where.key(), c.Unit), func(context.Context) (*Board, func() error, error) {
		return board, board.Close, nil
	})
	if err == nil && speaks != board {
		err = &hw.OpError{Op: fmt.Sprintf("open unit %d on %s", c.Unit, c.URL), Device: env.Device(), Err: hw.ErrInUse,
			Hint: "give each board on a line a unit of its own, and one section under boards"}
	}
	if err != nil {
		return nil, errors.Join(err, board.Close())
	}
	return board, nil
}
