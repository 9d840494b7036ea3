// Package machines runs the builds for other machines than this one. It stands apart from packaging, whose
// systems are made from the network: a lab has none.
package machines
