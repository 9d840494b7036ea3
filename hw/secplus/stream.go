package secplus

import "bytes"

// stream finds frames in what comes over the wire.
type stream struct{ got []byte }

// take adds bytes and returns the messages that are whole. What is none is passed over; a frame that begins anew
// before it is whole counts from there.
func (s *stream) take(b []byte) (all []message) {
	head := preamble()
	for _, one := range b {
		s.got = append(s.got, one)
		if at := bytes.LastIndex(s.got, head[:]); at > 0 {
			s.got = append(s.got[:0], s.got[at:]...)
		} else if at < 0 && len(s.got) > len(head)-1 {
			s.got = append(s.got[:0], s.got[len(s.got)-len(head)+1:]...)
		}
		if len(s.got) < frameSize {
			continue
		}
		if m, err := decode([frameSize]byte(s.got)); err == nil {
			all = append(all, m)
		}
		s.got = s.got[:0]
	}
	return all
}

// drop forgets what was begun: a frame has no pauses.
func (s *stream) drop() { s.got = s.got[:0] }
