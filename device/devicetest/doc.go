// Package devicetest has what tests of devices and of everything above them need: an opener, a bolt
// and a sensor that do what the test says and count what is asked of them, and a journal and a memory
// that can fail and stall.
//
// All of them may be used from any goroutine, run on the time of a testing/synctest bubble as well as
// on real time, and start no goroutine that outlives the context it was given.
package devicetest
