package main

import "fmt"

// house is a configuration of garage doors and motor locks on simulated lines. Controllers need not
// announce their writes: the peers do not ask them to either.
func house(doors, locks int) []byte {
	b := fmt.Appendf(nil, "home: {name: Bench}\nhomekit: {timed_writes: accepted}\nboards: {house: {driver: sim, doors: %d, locks: %d}}\n", doors, locks)
	for i := range doors {
		if i == 0 {
			b = append(b, "doors:\n"...)
		}
		line := fmt.Sprintf("house:door-%d/", i+1)
		b = fmt.Appendf(b, `  door-%d:
    name: Door %d
    kind: sectional
    opener: {driver: lines, relay: "%srelay", pulse: 400ms}
    closed: "%sclosed"
    open: "%sopen"
    obstruction: "%sobstructed"
    travel: 13s
`, i+1, i+1, line, line, line, line)
	}
	for i := range locks {
		if i == 0 {
			b = append(b, "locks:\n"...)
		}
		line := fmt.Sprintf("house:lock-%d/", i+1)
		b = fmt.Appendf(b, `  lock-%d:
    name: Lock %d
    bolt: {driver: motor, secure_relay: "%ssecure", unsecure_relay: "%sunsecure"}
    secured: "%ssecured"
    unsecured: "%sunsecured"
    door: "%sdoor"
`, i+1, i+1, line, line, line, line, line)
	}
	return b
}
