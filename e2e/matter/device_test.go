package matter

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
	"github.com/loquet/loquet/mdns"
	"github.com/rs/zerolog"
)

// serve is a Matter bridge with some contacts, in a process of its own. It says in JSON on a line what a commissioner needs,
// and then obeys words on its standard input: "toggle N" turns contact N, "add" adds another one, "window" lets another
// commissioner in.
func serve(state, device string, contacts int) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	log := zerolog.New(os.Stderr).With().Timestamp().Logger()
	responder, err := mdns.New(mdns.Config{Interfaces: []string{device}, Hostname: "loquet-matter", Log: log.Level(zerolog.WarnLevel)})
	if err != nil {
		return err
	}
	announcing, silent := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = responder.Run(announcing)
	}()
	defer func() { silent(); <-ended }()
	disk, err := open(state)
	if err != nil {
		return err
	}
	board := &board{responder: responder, log: log, on: map[string]*mdns.Registration{}}
	server, err := matter.New(matter.Config{Storage: disk, Advertise: board.advertise, NetworkName: device,
		Product: cluster.Product{VendorName: "Loquet", ProductName: "Test bridge", VendorID: 0xFFF1, ProductID: 0x8000, HardwareVersionText: "1",
			SoftwareVersion: 1, SoftwareVersionText: "1.0", SerialNumber: "T1", UniqueID: "test-bridge", Label: "Test house"},
		Failed: func(err error) { log.Info().Err(err).Msg("failed") }})
	if err != nil {
		return err
	}
	bridge := &bridge{server: server}
	if os.Getenv(envHouse) != "" {
		h, err := newHouse(ctx, server, disk, log)
		if err != nil {
			return err
		}
		defer h.Close()
	}
	for range contacts {
		if err := bridge.add(); err != nil {
			return err
		}
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	defer server.Stop()
	s := server.Setup()
	if err := json.NewEncoder(os.Stdout).Encode(setup{s.Passcode, s.Discriminator, s.Manual, s.QR, len(server.Fabrics())}); err != nil {
		return err
	}
	orders := make(chan error, 1)
	go func() { orders <- bridge.obey() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-orders:
		return err
	}
}

// setup is what a commissioner needs.
type setup struct {
	Passcode      uint32
	Discriminator uint16
	Manual, QR    string
	Fabrics       int
}

// bridge is what stands behind the endpoints.
type bridge struct {
	server   *matter.Server
	contacts []*contact
}

func (b *bridge) add() error {
	name := fmt.Sprintf("contact %d", len(b.contacts))
	number, err := b.server.EndpointFor(name)
	if err != nil {
		return err
	}
	c := newContact()
	_, err = b.server.Bridge(model.EndpointConfig{ID: number, DeviceTypes: []model.DeviceType{{ID: 0x15, Revision: 2}}, Clusters: []model.Cluster{c,
		cluster.NewIdentify(cluster.IdentifyActuator, nil), cluster.NewBridged(cluster.BridgedDevice{Label: name, UniqueID: name, SerialNumber: name,
			VendorName: "Loquet", ProductName: "Contact", Reachable: true})}})
	b.contacts = append(b.contacts, c)
	return err
}

func (b *bridge) obey() error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, rest, _ := strings.Cut(in.Text(), " ")
		var err error
		switch word {
		case "toggle":
			var n int
			if _, err = fmt.Sscan(rest, &n); err == nil && n < len(b.contacts) {
				b.contacts[n].toggle()
			}
		case "add":
			err = b.add()
		case "window":
			err = b.server.OpenWindow(3 * time.Minute)
		}
		if err != nil {
			return err
		}
	}
	return in.Err()
}

// contact is BooleanState.
type contact struct {
	model.Base
	mu     sync.Mutex
	closed bool
}

func newContact() *contact {
	c := &contact{}
	c.Init(model.NewClass(model.Class{ID: 0x45, Revision: 3, Attributes: []model.Attribute{{ID: 0, Read: model.View}}}))
	return c
}

func (c *contact) toggle() {
	c.mu.Lock()
	c.closed = !c.closed
	c.mu.Unlock()
	c.Changed(0)
}

// ReadAttribute implements model.Cluster.
func (c *contact) ReadAttribute(_ *model.Caller, _ uint32, w *tlv.Writer, tag tlv.Tag) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Bool(tag, c.closed)
	return nil
}

// board holds what is announced.
type board struct {
	responder *mdns.Responder
	log       zerolog.Logger
	on        map[string]*mdns.Registration
}

func (b *board) advertise(list []matter.Advertisement) {
	wanted := map[string]bool{}
	for _, a := range list {
		name := a.Instance + "." + a.Type
		wanted[name] = true
		if b.on[name] != nil {
			continue
		}
		r, err := b.responder.Publish(mdns.Service{Instance: a.Instance, Type: a.Type, Subtypes: a.Subtypes, Port: a.Port, TXT: a.TXT})
		if err != nil {
			b.log.Error().Err(err).Msg("not announced")
			continue
		}
		b.on[name] = r
	}
	maps.DeleteFunc(b.on, func(name string, r *mdns.Registration) bool {
		if wanted[name] {
			return false
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = r.Withdraw(ctx)
		return true
	})
}

// disk keeps the state in one file, written whole.
type disk struct {
	path string
	mu   sync.Mutex
	kept map[string][]byte
}

func open(path string) (*disk, error) {
	d := &disk{path: path, kept: map[string][]byte{}}
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(b, &d.kept)
}

// Get implements matter.Storage.
func (d *disk) Get(key string) ([]byte, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.kept[key]
	return v, ok, nil
}

// List implements matter.Storage.
func (d *disk) List(prefix string) (map[string][]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range d.kept {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out, nil
}

// Apply implements matter.Storage.
func (d *disk) Apply(changes map[string][]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := maps.Clone(d.kept)
	maps.Copy(next, changes)
	maps.DeleteFunc(next, func(_ string, v []byte) bool { return v == nil })
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(d.path), ".next")
	if err := os.WriteFile(temp, b, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temp, d.path); err != nil {
		return err
	}
	d.kept = next
	return nil
}
