// Package tlv reads and writes the tag-length-value encoding that Matter uses for all its data (Matter 1.4 Appendix A).
//
// A Writer appends elements to a byte slice; there is no reflection and no schema. Decode checks a whole encoding
// once, against limits of size, depth and number, and returns an Element whose accessors then cannot fail for any
// other reason than a wrong type. Fields reads a structure member by member and keeps the first error, so that a
// message decodes in a few straight lines:
//
//	f := tlv.OpenStruct(e)
//	random := f.Octets(1, 32, 32)
//	session := f.Uint16(2)
//	if err := f.Err(); err != nil { ... }
package tlv
