package broker

import (
	"net"
	"time"
)

// endTime is how long a connection may take to end: it says what the device left as its will, and is forgotten.
const endTime = 5 * time.Second

// ending is a connection that says when nothing is left of it in the broker.
type ending interface {
	Close() error
	over() <-chan struct{}
}

func (g *guest) over() <-chan struct{} { return g.ended }

// insider is the house's own end of a pipe.
type insider struct {
	net.Conn
	ended chan struct{}
}

func (i *insider) over() <-chan struct{} { return i.ended }

// takeOver gives a client id to a new connection, and reports whether it has it. The last connection of that id is ended
// and gone by then. The library does that beside the new one's first steps, by the id and not by the connection: it may
// take the new one's subscriptions away, which then hears nothing as long as it lasts, and tell of the old one's end
// after the new one said that it is there.
func (d *doorman) takeOver(id string, c ending) bool {
	patience := time.NewTimer(endTime)
	defer patience.Stop()
	for {
		before := d.claim(id, c)
		if before == nil {
			return true
		}
		if _, house := before.(*insider); house {
			if _, stranger := c.(*guest); stranger {
				return false
			}
		}
		_ = before.Close()
		select {
		case <-before.over():
		case <-patience.C:
			return false
		}
	}
}

// claim gives an id to a connection, or returns the one that has it and has not ended.
func (d *doorman) claim(id string, c ending) ending {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.names[id]
	if before != nil {
		select {
		case <-before.over():
		default:
			return before
		}
	}
	for name, other := range d.names { // those who went, before there are many
		if len(d.names) < maxClientsSeen {
			break
		}
		select {
		case <-other.over():
			delete(d.names, name)
		default:
		}
	}
	d.names[id] = c
	return nil
}
