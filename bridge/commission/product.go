package commission

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/matter/attest"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/mdns"
)

// About is what the node says of the installation.
type About struct {
	Name    string // of the house, as ecosystems show it
	Install string // the installation's id: the serial number and the unique id come from it
	Version string // of the program
}

// productID is the one that the public test authority certifies beside its vendor.
const productID = 0x8000

// longest is the most octets that Matter has for names and ids (Matter 1.4 section 11.1.5).
const longest = 32

// product is the node as BasicInformation has it. No text may be empty: some controllers refuse a node without them.
func (a About) product() cluster.Product {
	return cluster.Product{
		VendorName: "Loquet", ProductName: "Loquet bridge", VendorID: attest.TestVendor, ProductID: productID, Label: cut(a.Name, longest),
		HardwareVersionText: "1", SoftwareVersion: number(a.Version), SoftwareVersionText: cut(a.Version, 64),
		SerialNumber: cut(strings.ToUpper(a.Install), 12), UniqueID: cut(a.Install, longest),
	}
}

// number makes one number of a version, that grows as versions do: 1.2.3 is 0x01000200 + 3. A build that is no release is 1.
func number(version string) uint32 {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 3 {
		return 1
	}
	last, _, _ := strings.Cut(strings.NewReplacer("+", "-", "~", "-").Replace(parts[2]), "-")
	var out uint32
	for i, text := range []string{parts[0], parts[1], last} {
		n, err := strconv.ParseUint(text, 10, []int{7, 15, 8}[i])
		if err != nil {
			return 1
		}
		out = out<<[]int{0, 16, 8}[i] | uint32(n)
	}
	return max(out, 1)
}

// cut shortens a text to at most n octets, at a letter's edge.
func cut(s string, n int) string {
	for len(s) > n {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	return s
}

// build makes a server of what is stored. It has its port; ecosystems that have added it are let in at once, and what they ask
// waits until the devices are there.
func (n *Node) build() (b built) {
	socket, err := n.listen(context.Background())
	if err != nil {
		return built{err: err}
	}
	conn := n.lasting(socket)
	settled := make(chan struct{})
	b.settled, b.conn = settled, conn
	b.server, b.err = matter.New(matter.Config{
		Product: n.opts.About.product(), Storage: n.storage, Conns: []net.PacketConn{conn}, Clock: n.opts.Clock, Resolve: n.resolver(),
		Advertise: func(list []matter.Advertisement) {
			n.opts.Announce(services(list))
			n.opts.Changed()
		},
		Failed:  n.wrong.hear,
		Settled: settled,
	})
	if b.err != nil {
		b.drop()
		return b
	}
	if len(b.server.Fabrics()) > 0 {
		b.started, b.err = true, b.server.Start(context.Background())
	}
	return b
}

// services are the advertisements as mDNS has them. The name of a node in a fabric means something: it stays. That of one that
// can be commissioned is random.
func services(list []matter.Advertisement) []mdns.Service {
	out := make([]mdns.Service, 0, len(list))
	for _, a := range list {
		out = append(out, mdns.Service{Instance: a.Instance, Type: a.Type, Subtypes: a.Subtypes, Port: a.Port, TXT: a.TXT, Fixed: true})
	}
	return out
}
