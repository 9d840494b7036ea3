package matter

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/loquet/loquet/matter/commissioning"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/session"
)

// opening is a window that lets a commissioner in.
type opening struct {
	discriminator uint16
	mode          int    // CM: 1 with the node's own passcode, 2 with another
	instance      string // a new random name each time
}

// deviceTypeAggregator is what a commissioner is told the node is before it is commissioned.
const deviceTypeAggregator = 0x000E

func newOpening(discriminator uint16, status commissioning.Status) *opening {
	mode := 1
	if status == commissioning.Enhanced {
		mode = 2
	}
	return &opening{discriminator, mode, upperHex(crypto.Random(8))}
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// commissionable is the service of a node that may be commissioned (Matter 1.4 section 4.3.1).
func (c *Config) commissionable(o *opening, port int) Advertisement {
	p := &c.Product
	return Advertisement{Instance: o.instance, Type: "_matterc._udp", Port: port,
		Subtypes: []string{fmt.Sprintf("_L%d", o.discriminator), fmt.Sprintf("_S%d", o.discriminator>>8), fmt.Sprintf("_V%d", p.VendorID),
			fmt.Sprintf("_T%d", deviceTypeAggregator), "_CM"},
		TXT: append([]string{fmt.Sprintf("D=%d", o.discriminator), fmt.Sprintf("CM=%d", o.mode), fmt.Sprintf("VP=%d+%d", p.VendorID, p.ProductID),
			fmt.Sprintf("DT=%d", deviceTypeAggregator), "DN=" + cut(p.ProductName, 32), "PH=33", "PI="}, timing()...)}
}

// cut shortens a text to at most n octets, at a rune's edge.
func cut(s string, n int) string {
	for len(s) > n {
		r := []rune(s)
		s = string(r[:len(r)-1])
	}
	return s
}

// operational is the service of a node in a fabric (Matter 1.4 section 4.3.2).
func operational(f *fabric.Fabric, port int) Advertisement {
	return Advertisement{Instance: instance(f.Compressed, f.NodeID), Type: "_matter._tcp", Port: port, Subtypes: []string{"_I" + upperHex(f.Compressed[:])}, TXT: timing()}
}

// instance names a node of a fabric.
func instance(compressed [8]byte, node uint64) string {
	return fmt.Sprintf("%s-%016X", upperHex(compressed[:]), node)
}

// timing says how the node wants to be spoken to; TCP is not served.
func timing() []string {
	p := session.OwnParams()
	return []string{fmt.Sprintf("SII=%d", p.Idle.Milliseconds()), fmt.Sprintf("SAI=%d", p.Active.Milliseconds()),
		fmt.Sprintf("SAT=%d", p.Threshold.Milliseconds()), "T=0"}
}

// advertisements lists what is to be announced now.
func (s *Server) advertisements() []Advertisement {
	port := s.port()
	var out []Advertisement
	for _, f := range s.table.All() {
		out = append(out, operational(f, port))
	}
	s.mu.Lock()
	o := s.opening
	s.mu.Unlock()
	if o != nil {
		out = append(out, s.c.commissionable(o, port))
	}
	return out
}

func sameAdvertisements(a, b []Advertisement) bool {
	return slices.EqualFunc(a, b, func(a, b Advertisement) bool {
		return a.Instance == b.Instance && a.Type == b.Type && a.Port == b.Port && slices.Equal(a.Subtypes, b.Subtypes) && slices.Equal(a.TXT, b.TXT)
	})
}
