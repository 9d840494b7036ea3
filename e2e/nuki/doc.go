// Package nuki runs the example of a Nuki lock with the built binary: a lock in software speaks as the maker's
// specification says, over mosquitto or the broker in loquet.
package nuki
