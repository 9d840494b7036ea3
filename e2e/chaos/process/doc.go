// Package process does to the built binary what a machine does to a process: it is killed with SIGKILL,
// again and again, stopped and resumed, and given clocks that jump, while the simulated house lives on in
// a process of its own. What the world counted is then held against what the journal says and what was
// answered.
//
// The binary is built with the tag "failpoints": most often it kills itself, at points between the
// recorded intent and the released relay. LOQUET_KILLS sets how often (200 by default).
package process
