package broker

import "time"

// endTime is how long a connection may take to end: it says what the device left as its will, and is forgotten.
const endTime = 5 * time.Second

// takeOver gives a client id to a new connection, and reports whether it has it. The last connection of that id is ended
// and gone by then. The library does that beside the new one's first steps, by the id and not by the connection: it may
// take the new one's subscriptions away, which then hears nothing as long as it lasts, and tell of the old one's end
// after the new one said that it is there.
func (d *doorman) takeOver(id string, g *guest) bool {
	patience := time.NewTimer(endTime)
	defer patience.Stop()
	for {
		before := d.claim(id, g)
		if before == nil {
			return true
		}
		_ = before.Close()
		select {
		case <-before.ended:
		case <-patience.C:
			return false
		}
	}
}

// claim gives an id to a connection, or returns the one that has it and has not ended.
func (d *doorman) claim(id string, g *guest) *guest {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.names[id]
	if before != nil {
		select {
		case <-before.ended:
		default:
			return before
		}
	}
	for name, other := range d.names { // those who went, before there are many
		if len(d.names) < maxClientsSeen {
			break
		}
		select {
		case <-other.ended:
			delete(d.names, name)
		default:
		}
	}
	d.names[id] = g
	return nil
}
