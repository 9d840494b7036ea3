package commission

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/internal/ready"
	"github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/fabric"
)

// Errors of an owner's wishes.
var (
	// ErrBusy says that somebody is adding the bridge at this moment, or may.
	ErrBusy = errors.New("somebody is adding the bridge at this moment")
	// ErrClosed says that there is nothing to close.
	ErrClosed = errors.New("nobody can add the bridge at the moment")
	// ErrUnknown says that there is no such fabric.
	ErrUnknown = errors.New("no such fabric")
)

// Status is the node as its owner sees it. The codes are empty unless somebody who knows them can add it now.
type Status struct {
	Off           bool
	Err           error  // why it does not run; nil: it does, or is off
	Damaged       bool   // what is stored cannot be read: that is why
	Deaf          error  // why its socket is down; it is opened again by itself
	Addr          string // where it listens
	Devices       int
	Open          bool      // somebody can add it; without codes: with a code that another ecosystem shows
	Until         time.Time // zero: for as long as nobody has added it
	Spent         bool      // too many wrong codes
	Passcode      uint32
	Discriminator uint16
	Manual        string // 11 digits
	QR            string
	Fabrics       []Fabric
	Sessions      int // of all fabrics, and of a commissioner
	Subscriptions int
}

// Fabric is one ecosystem that has added the bridge.
type Fabric struct {
	ID       string // the same for the life of the membership, and when it comes again
	Label    string // what the ecosystem calls itself; often empty
	Maker    string // of the ecosystem, if it is known
	Vendor   uint16
	Sessions int
	LastSeen time.Time // zero: not since the start
}

// Name is what to call a fabric to which its owner gave no name.
func (f Fabric) Name() string {
	switch {
	case f.Label != "":
		return f.Label
	case f.Maker != "":
		return f.Maker
	}
	return fmt.Sprintf("vendor 0x%04X", f.Vendor)
}

// makers are the ecosystems by the vendor id that their controllers give (the Alliance's ledger).
func maker(vendor uint16) string {
	switch vendor {
	case 0x1349, 0x1384:
		return "Apple Home"
	case 0x6006:
		return "Google Home"
	case 0x1217:
		return "Alexa"
	case 0x10E1:
		return "SmartThings"
	case 0x134B:
		return "Home Assistant"
	}
	return ""
}

// ID is what a fabric is known by: its compressed id (Matter 1.4 section 4.3.2.2).
func ID(compressed [8]byte) string { return fmt.Sprintf("%X", compressed[:]) }

// Status looks now.
func (n *Node) Status() Status {
	n.mu.Lock()
	server, why, deaf := n.server, n.err, n.deaf
	n.mu.Unlock()
	if server == nil {
		damaged := errors.Is(why, matter.ErrState) || errors.Is(why, fabric.ErrDamaged) || errors.Is(why, events.ErrDamaged)
		return Status{Off: n.Off(), Err: why, Damaged: damaged}
	}
	o := server.Opening()
	load := server.Load()
	s := Status{Deaf: deaf, Sessions: load.Sessions, Subscriptions: load.Subscriptions, Open: o.Open, Until: o.Until, Spent: o.Spent, Devices: max(0, len(server.Node().Endpoints())-2)}
	if a := server.Addr(); a != nil {
		s.Addr = a.String()
	}
	if o.Open && o.Own {
		setup := server.Setup()
		s.Passcode, s.Discriminator, s.Manual, s.QR = setup.Passcode, setup.Discriminator, setup.Manual, setup.QR
	}
	for _, f := range server.Fabrics() {
		seen := server.Seen(f.Index)
		s.Fabrics = append(s.Fabrics, Fabric{ID: ID(f.Compressed), Label: f.Label, Maker: maker(f.VendorID), Vendor: f.VendorID,
			Sessions: seen.Sessions, LastSeen: seen.Last})
	}
	return s
}

// Ready is what the ready file says of the node; nil when nobody with its codes can add it.
func (n *Node) Ready() *ready.Matter {
	s := n.Status()
	if s.Passcode == 0 {
		return nil
	}
	return &ready.Matter{Addr: s.Addr, Passcode: s.Passcode, Discriminator: s.Discriminator, ManualCode: s.Manual, QR: s.QR}
}

// Open lets somebody with the codes add the bridge, for d. A node in no fabric is open already, unless too many wrong codes
// have closed it. It is no error if a window with these codes is open.
func (n *Node) Open(d time.Duration) error {
	server, err := n.running()
	if err != nil {
		return err
	}
	if o := server.Opening(); o.Open && o.Own {
		return nil
	}
	if err := server.OpenWindow(d); errors.Is(err, commissioning.ErrBusy) {
		return ErrBusy
	} else if err != nil {
		return err
	}
	return nil
}

// Close takes back what Open, or an ecosystem, began.
func (n *Node) Close() error {
	server, err := n.running()
	if err != nil {
		return err
	}
	if err := server.CloseWindow(); errors.Is(err, commissioning.ErrNotOpen) {
		return ErrClosed
	} else if err != nil {
		return err
	}
	return nil
}

// Remove takes the bridge out of an ecosystem: its sessions end at once.
func (n *Node) Remove(id string) error {
	server, err := n.running()
	if err != nil {
		return err
	}
	f, ok := find(server, id)
	if !ok {
		return fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	err = server.RemoveFabric(f.Index)
	n.opts.Changed()
	return err
}

func find(server *matter.Server, id string) (*fabric.Fabric, bool) {
	for _, f := range server.Fabrics() {
		if strings.EqualFold(ID(f.Compressed), id) {
			return f, true
		}
	}
	return nil, false
}
