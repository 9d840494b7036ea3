// Package edits changes people, codes, calendars and stays of the built binary from several sides at once, while the
// calendars themselves change and a lock keeps copies of the codes, and keeps books of what was acknowledged: after
// a restart, however the process ended, all of that must be so, and nothing else.
//
// LOQUET_KILLS sets how often the bridge is killed (40 by default).
package edits
