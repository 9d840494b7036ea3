package osdp

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/internal/serial"
	"github.com/rs/zerolog"
)

// Config are the settings of the keypad driver "osdp".
type Config struct {
	Port    string `yaml:"port" jsonschema_description:"the serial port of the RS-485 line, best by its place: /dev/serial/by-path/..."`
	Baud    int    `yaml:"baud,omitempty" jsonschema_description:"bits a second"`
	Address int    `yaml:"address,omitempty" jsonschema_description:"the reader's address on the line, 0 to 126"`
	KeyFile string `yaml:"key_file,omitempty" jsonschema_description:"the file that keeps the reader's own key; left out, it is kept with the rest of the state and is part of every backup"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if !filepath.IsAbs(c.Port) {
		add("port", "the serial port is no path", "name it, for example /dev/serial/by-path/... (ls -l /dev/serial/by-path)")
	}
	if c.KeyFile != "" && !filepath.IsAbs(c.KeyFile) {
		add("key_file", "this is not a whole path", "leave it out, or name a file as /etc/loquet/front-reader.key")
	}
	if !slices.Contains(serial.Bauds(), c.Baud) {
		add("baud", fmt.Sprintf("a port cannot be set to %d", c.Baud), "leave it out for 9600")
	}
	if c.Address < 0 || c.Address > maxAddr {
		add("address", "an address is 0 to 126", "read it on the reader's label; it is mostly 0")
	}
	return errors.Join(errs...)
}

// Driver is the keypad driver "osdp".
func Driver() hw.Driver[device.Keypad] {
	return hw.New("osdp", "a keypad or card reader on RS-485, encrypted (OSDP v2)", Config{Baud: 9600},
		func(ctx context.Context, env *hw.Env, c Config) (device.Keypad, error) { return Open(ctx, env, c) })
}

// entryBuffer is how many keys and cards wait for a slow reader.
const entryBuffer = 64

// Keypad is a reader on an OSDP line.
type Keypad struct {
	log     zerolog.Logger
	panel   panel
	file    keyFile
	orders  chan order
	cancel  context.CancelFunc
	done    chan struct{}
	changes hw.Feed[device.KeypadStatus]

	mu     sync.Mutex
	status device.KeypadStatus
	until  time.Time // when the default key is refused
	subs   map[chan device.KeypadEntry]struct{}
}

// order is a command that shows something.
type order struct {
	id   byte
	data []byte
	err  chan error
}

var (
	_ device.Keypad          = (*Keypad)(nil)
	_ device.KeypadWatcher   = (*Keypad)(nil)
	_ device.KeypadInstaller = (*Keypad)(nil)
)

// Open starts to speak with a reader. It need not be there yet. It ends with env.
func Open(ctx context.Context, env *hw.Env, c Config) (*Keypad, error) {
	if c.KeyFile == "" {
		if env.Folder() == "" {
			return nil, &hw.OpError{Op: "keep the reader's key", Err: errors.New("there is no folder for it"), Hint: "name a file with key_file"}
		}
		c.KeyFile = filepath.Join(env.Folder(), "reader-"+env.Device()+".key")
	}
	k := &Keypad{
		log: env.Log, file: keyFile(c.KeyFile), orders: make(chan order),
		done: make(chan struct{}), subs: make(map[chan device.KeypadEntry]struct{}),
	}
	k.changes.Publish(device.KeypadStatus{})
	if _, _, err := k.file.read(); err != nil {
		return nil, &hw.OpError{Op: "read the reader's key", Err: err, Hint: "restore the file from a backup, or reset the reader and remove the file to install it anew"}
	}
	line, err := hw.Share(ctx, env, fmt.Sprintf("osdp:%s@%d", c.Port, c.Baud), func(context.Context) (*bus, func() error, error) {
		b := newBus(c.Port, c.Baud)
		return b, b.Close, nil
	})
	if err != nil {
		return nil, err
	}
	k.panel = panel{bus: line, addr: byte(c.Address)}
	run, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	// The second thing that is borrowed is given back first: the reader falls silent before its line closes.
	speaks, err := hw.Share(ctx, env, fmt.Sprintf("osdp:%s@%d/%d", c.Port, c.Baud, c.Address), func(context.Context) (*Keypad, func() error, error) {
		go k.run(run)
		return k, k.stop, nil
	})
	if err == nil && speaks != k {
		err = &hw.OpError{Op: "request the reader", Device: env.Device(), Err: hw.ErrInUse, Hint: "give each reader on the line an address of its own"}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return k, nil
}

func (k *Keypad) stop() error {
	k.cancel()
	<-k.done
	return nil
}

// Status is the newest state of the reader.
func (k *Keypad) Status() device.KeypadStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Watch implements device.KeypadWatcher.
func (k *Keypad) Watch(ctx context.Context) <-chan device.KeypadStatus {
	return k.changes.Subscribe(ctx)
}

// Install implements device.KeypadInstaller.
func (k *Keypad) Install(context.Context) (until time.Time, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = time.Now().Add(installFor)
	return k.until, nil
}

// installing reports whether the key that everybody knows is accepted now.
func (k *Keypad) installing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Now().Before(k.until)
}

// installed closes what Install opened.
func (k *Keypad) installed() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.until = time.Time{}
}

// Entries implements device.Keypad. The channel is closed at once while the reader is not online.
func (k *Keypad) Entries(ctx context.Context) <-chan device.KeypadEntry {
	ch := make(chan device.KeypadEntry, entryBuffer)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.status.Online {
		close(ch)
		return ch
	}
	k.subs[ch] = struct{}{}
	context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.drop(ch)
	})
	return ch
}

// drop ends a subscription that has not ended yet.
func (k *Keypad) drop(ch chan device.KeypadEntry) {
	if _, ok := k.subs[ch]; ok {
		delete(k.subs, ch)
		close(ch)
	}
}

func (k *Keypad) deliver(e device.KeypadEntry) {
	e.Arrived = time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	for ch := range k.subs {
		select {
		case ch <- e:
		default: // a slow reader keeps what came before
		}
	}
}

// note changes the state and tells it.
func (k *Keypad) note(change func(*device.KeypadStatus)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.status
	change(&k.status)
	if k.status != before {
		k.changes.Publish(k.status) // before the entries end: whoever looks why must not see the state from before
	}
	if !k.status.Online {
		for ch := range k.subs {
			k.drop(ch)
		}
	}
}
