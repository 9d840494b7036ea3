package slots

// Holder is the code in a slot of a lock, as far as the house put one there.
func (s *Slots) Holder(lock string, slot int) (codeID string, ok bool) { return s.k.Holder(lock, slot) }
