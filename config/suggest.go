package config

import "strings"

// suggest finds the known word that was probably meant: at most two slips away, fewer in short
// words, or the word with something behind it.
func suggest(word string, known []string) (string, bool) {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	w := plain(word)
	if w == "" || len(w) > 64 {
		return "", false
	}
	best, slips := "", 3
	for _, k := range known {
		p := plain(k)
		if len(p) >= 4 && len(w) > len(p) && strings.HasPrefix(w, p) {
			best, slips = k, 1 // travel_time for travel
		}
		if n := distance(w, p); n < slips && n*3 <= max(len(w), len(p)) {
			best, slips = k, n
		}
	}
	return best, best != ""
}

// distance counts the letters to add, drop, change or swap (optimal string alignment).
func distance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
