// Package kill kills the built binary with SIGKILL, again and again, while the simulated house lives on
// in a process of its own: most often by itself, at points between the recorded intent and the released
// relay. What the world counted is then held against what the journal says and what was answered.
//
// The binary is built with the tag "failpoints". LOQUET_KILLS sets how often (200 by default).
package kill
