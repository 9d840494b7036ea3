package copies

// Holder is the code that was put into a slot of a lock: whoever opens with that slot used this code. A code
// that is being taken out holds its slot until the lock has shown that it is gone.
func (k *Keeper) Holder(lock string, slot int) (codeID string, ok bool) {
	for id, c := range k.of(lock) {
		if c.Slot == slot && c.Written {
			return id, true
		}
	}
	return "", false
}
