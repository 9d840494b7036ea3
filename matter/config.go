package matter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/loquet/loquet/matter/attest"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/model"
)

// The errors of a server.
var (
	// ErrConfig is returned for a configuration that no controller would accept.
	ErrConfig = errors.New("matter: configuration")
	// ErrState is returned when what is stored cannot be read. A new identity is never made in its place.
	ErrState = errors.New("matter: stored state")
)

// What an error that Config.Failed hears is about, where it is a peer's doing; errors.Is tells.
var (
	ErrPasscode    = errors.New("matter: a handshake with the passcode")
	ErrHandshake   = errors.New("matter: a handshake of a session")
	ErrInteraction = errors.New("matter: an interaction")
)

// Port is the port of Matter. Some ecosystems look nowhere else.
const Port = 5540

// Storage keeps everything that a restart must not change: fabrics, keys, numbers. Apply is all or nothing and durable
// when it returns; a nil value deletes. An error of Get or List means that a record is damaged, not that it is not there.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// Advertisement is a service to be announced over mDNS.
type Advertisement struct {
	Instance string   // "2906C908D115D362-8FC7772401CD0696"
	Type     string   // "_matter._tcp"
	Subtypes []string // "_I2906C908D115D362"
	Port     int
	TXT      []string // "SII=500"
}

// Config says what a server is. Product and Storage are needed.
type Config struct {
	Product cluster.Product
	Storage Storage
	// Attestation proves what the device is. nil makes one for this installation under the public test authority, and
	// keeps it; the product's vendor id is then attest.TestVendor.
	Attestation cluster.Attestation

	// Addr is the UDP address to serve, ":5540" when empty; when that port is taken, another one is. Conns are sockets to
	// serve instead, which the server closes.
	Addr  string
	Conns []net.PacketConn
	// Fabrics is how many memberships there may be, 5 to 254; 0 is 16.
	Fabrics int
	// Revisions overrides what clusters advertise, by cluster id.
	Revisions map[uint32]uint16

	// Advertise hears of all services to be announced whenever they change. It is called by one goroutine at a time and may
	// wait. nil announces nothing.
	Advertise func([]Advertisement)
	// Resolve finds the address of a controller when its subscription is resumed, after a restart of either; instance is the
	// name of its service without the type. nil, or an error: it is looked for where it was last heard.
	Resolve func(ctx context.Context, instance string) (net.Addr, error)
	// ParseAddr reads an address that a socket of Conns gave; nil is for UDP.
	ParseAddr func(string) (net.Addr, error)
	// Interfaces are shown in diagnostics; nil shows those of the machine.
	Interfaces func() []cluster.Interface
	// Clock returns the calendar time, and whether it can be relied on: only then are the times in certificates judged. nil
	// is the machine's clock, not relied on.
	Clock func() (time.Time, bool)
	// NetworkName is shown as the network the node is on; empty is "ethernet".
	NetworkName string
	// Failed hears of what went wrong on the way: handshakes, interactions, things that could not be stored. It must not
	// wait. nil: nobody.
	Failed func(error)
	// Settled is closed when the endpoints are there and tell the truth. Until then controllers can prove who they are, what they
	// ask waits, and nothing is announced. nil: they are from the start.
	Settled <-chan struct{}
	// RootClusters stand on the root endpoint beside the usual ones.
	RootClusters []model.Cluster
}

func (c *Config) check() error {
	p := &c.Product
	for name, text := range map[string]struct {
		value string
		most  int
	}{"vendor name": {p.VendorName, 32}, "product name": {p.ProductName, 32}, "serial number": {p.SerialNumber, 32}, "unique id": {p.UniqueID, 32},
		"hardware version": {p.HardwareVersionText, 64}, "software version": {p.SoftwareVersionText, 64}} {
		if text.value == "" || len(text.value) > text.most {
			return fmt.Errorf("%w: the %s must have 1 to %d octets", ErrConfig, name, text.most)
		}
	}
	if len(p.Label) > 32 {
		return fmt.Errorf("%w: the label has over 32 octets", ErrConfig)
	}
	if c.Storage == nil {
		return fmt.Errorf("%w: storage is needed", ErrConfig)
	}
	if c.Attestation == nil && p.VendorID != attest.TestVendor {
		return fmt.Errorf("%w: vendor 0x%04x needs an attestation of its own", ErrConfig, p.VendorID)
	}
	return nil
}

func (c *Config) defaults() {
	if c.Addr == "" {
		c.Addr = fmt.Sprintf(":%d", Port)
	}
	if c.Fabrics == 0 {
		c.Fabrics = 16
	}
	if c.Interfaces == nil {
		c.Interfaces = machineInterfaces
	}
	if c.Clock == nil {
		c.Clock = func() (time.Time, bool) { return time.Now(), false }
	}
	if c.ParseAddr == nil {
		c.ParseAddr = func(s string) (net.Addr, error) {
			at, err := netip.ParseAddrPort(s)
			return net.UDPAddrFromAddrPort(at), err
		}
	}
	if c.Settled == nil {
		settled := make(chan struct{})
		close(settled)
		c.Settled = settled
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	if c.Advertise == nil {
		c.Advertise = func([]Advertisement) {}
	}
}

// machineInterfaces lists the interfaces that are up, without loopback.
func machineInterfaces() []cluster.Interface {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []cluster.Interface
	for _, i := range list {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || len(i.HardwareAddr) == 0 {
			continue
		}
		n := cluster.Interface{Name: i.Name, Up: i.Flags&net.FlagRunning != 0, Hardware: i.HardwareAddr, Type: 2}
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				n.Addresses = append(n.Addresses, p.Addr())
			}
		}
		out = append(out, n)
	}
	return out
}
