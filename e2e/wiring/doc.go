// Package wiring sits at a terminal, as an owner does, and talks with `loquet wire`.
package wiring
