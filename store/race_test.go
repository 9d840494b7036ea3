//go:build race

package store

// racing: the race detector makes SQLite twenty times slower, so the long tests do less.
const racing = true
