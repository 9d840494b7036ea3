// Package matter kills a Matter node with SIGKILL, on the store that loquet keeps its state in, while controllers commission
// it, write access lists and labels, and leave; and opens what power cuts leave of a house that is commissioned, given PINs,
// operated and left on a disk that forgets what was not synced. LOQUET_KILLS sets how often the first (30 by default),
// LOQUET_IMAGES the second (80).
package matter
