package modbus

import (
	"context"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/loquet/loquet/internal/serial"
)

// Schemes of a url.
const (
	schemeRTU  = "rtu"
	schemeOver = "rtuovertcp"
	schemeTCP  = "tcp"
)

// tcpPort is Modbus TCP's own (MODBUS Messaging on TCP/IP V1.0b, section 4.1).
const tcpPort = "502"

// address is where a line is and how it is spoken to.
type address struct {
	scheme string
	place  string // a path, or host:port
	mode   serial.Mode
}

// parseAddress reads rtu:///dev/..., rtuovertcp://host:port and tcp://host[:port].
func parseAddress(text string, mode serial.Mode) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return address{}, errors.New("it is no address")
	}
	a := address{scheme: u.Scheme, mode: mode}
	switch u.Scheme {
	case schemeRTU:
		if u.Host != "" || !filepath.IsAbs(u.Path) || filepath.Clean(u.Path) == "/" {
			return address{}, errors.New("the serial port is no path")
		}
		a.place = filepath.Clean(u.Path)
		return a, nil
	case schemeOver, schemeTCP:
	default:
		return address{}, errors.New("it begins with none of rtu://, rtuovertcp:// and tcp://")
	}
	port := u.Port()
	if port == "" && u.Scheme == schemeTCP {
		port = tcpPort
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return address{}, errors.New("the port is missing")
	}
	if u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return address{}, errors.New("the host is missing, or something follows the port")
	}
	a.place = net.JoinHostPort(u.Hostname(), port)
	return a, nil
}

// key is the same for all boards on one line.
func (a address) key() string { return "modbus:" + a.scheme + ":" + a.place }

func (a address) dial(ctx context.Context) (conn, error) {
	if a.scheme == schemeRTU {
		return serial.Open(a.place, a.mode)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", a.place)
}

func (a address) framing() framing {
	if a.scheme == schemeTCP {
		return &tcp{}
	}
	return rtu{}
}

// numbered says whether an answer that comes late is known as such.
func (a address) numbered() bool { return a.scheme == schemeTCP }

// gap is the silence between two frames: 3.5 characters of 11 bits, and 1.75 ms above 19200 bits a second
// (MODBUS over Serial Line V1.02, section 2.5.1.1).
func (a address) gap() time.Duration {
	switch {
	case a.scheme == schemeTCP:
		return 0
	case a.mode.Baud > 19200:
		return 1750 * time.Microsecond
	}
	return 77 * time.Second / 2 / time.Duration(max(a.mode.Baud, 1200))
}
