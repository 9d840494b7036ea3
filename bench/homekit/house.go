package main

import "fmt"

// house is a configuration of garage doors and motor locks on simulated lines. Controllers need not
// announce their writes: the peers do not ask them to either. A line is short because a configuration
// has at most 256 KiB, and the largest house has 1,500 doors.
func house(doors, locks int) []byte {
	b := fmt.Appendf(nil, "home: {name: Bench}\nhomekit: {timed_writes: accepted}\nboards: {h: {driver: sim, doors: %d, locks: %d}}\n", doors, locks)
	for i := range doors {
		if i == 0 {
			b = append(b, "doors:\n"...)
		}
		b = fmt.Appendf(b, " door-%[1]d: {name: Door %[1]d, opener: {driver: lines, relay: h:door-%[1]d/relay}, "+
			"closed: h:door-%[1]d/closed, open: h:door-%[1]d/open, obstruction: h:door-%[1]d/obstructed}\n", i+1)
	}
	for i := range locks {
		if i == 0 {
			b = append(b, "locks:\n"...)
		}
		b = fmt.Appendf(b, " lock-%[1]d: {name: Lock %[1]d, bolt: {driver: motor, secure_relay: h:lock-%[1]d/secure, "+
			"unsecure_relay: h:lock-%[1]d/unsecure}, secured: h:lock-%[1]d/secured, unsecured: h:lock-%[1]d/unsecured}\n", i+1)
	}
	return b
}
