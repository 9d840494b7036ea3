package frames

import "bytes"

// Stream finds frames of Security+ 2.0 in what comes over the wire. The zero value is ready.
type Stream struct{ got []byte }

// Take adds bytes and returns the messages that are whole. What is none is passed over; a frame that begins anew
// before it is whole counts from there.
func (s *Stream) Take(b []byte) (all []Message) {
	head := preamble()
	for _, one := range b {
		s.got = append(s.got, one)
		if at := bytes.LastIndex(s.got, head[:]); at > 0 {
			s.got = append(s.got[:0], s.got[at:]...)
		} else if at < 0 && len(s.got) > len(head)-1 {
			s.got = append(s.got[:0], s.got[len(s.got)-len(head)+1:]...)
		}
		if len(s.got) < Size {
			continue
		}
		if m, err := Decode([Size]byte(s.got)); err == nil {
			all = append(all, m)
		}
		s.got = s.got[:0]
	}
	return all
}

// Drop forgets what was begun: a frame has no pauses.
func (s *Stream) Drop() { s.got = s.got[:0] }
