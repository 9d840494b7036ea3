// Package network puts the built binary on networks that are cut, lose packets or are full of strangers
// who mean harm, in namespaces of the test's own, while the controllers of a household go on with their
// day. The simulated house lives in a process of its own and counts every pulse.
//
// LOQUET_SOAK=60m makes the hostile day that long and holds memory, descriptors and goroutines at its end
// against those after its beginning; it prints its figures as one line of JSON.
package network
