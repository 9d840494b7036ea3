// Package session holds what two nodes agreed on: who the peer is, the keys, the counters, the timing; and the Table of
// all sessions of a node (Matter 1.4 4.13). How a session comes about is the business of packages pase and sigma, how
// messages travel that of package mrp.
package session
