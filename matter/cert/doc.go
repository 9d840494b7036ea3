// Package cert knows the operational certificates of a Matter fabric (Matter 1.4 6.4 to 6.6): root, intermediate and node
// certificates in Matter's TLV form, the X.509 form whose DER is what the signature covers, and the rules that a chain
// must keep.
package cert
