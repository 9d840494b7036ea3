// Package disk shows what a disk can do to a house: forget at a power cut what was not synced, fail at any
// operation, be full, be read-only, be slow. What the store and the HomeKit server promised before must be
// true after it. The disk is package forgetful, in a process of its own.
//
// LOQUET_IMAGES sets how many images of power cuts are opened (150 by default), LOQUET_STRIDE which
// operations fail (1 in 211 by default; 1 is each of them), LOQUET_SEED what is chosen, LOQUET_MISTAKES=all
// tries everything that takes long. A failure says which point and which seed it was.
package disk
