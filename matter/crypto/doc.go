// Package crypto holds the cryptography of Matter: AES-CCM, key derivation, ECDSA over P-256 in Matter's raw form, SPAKE2+
// and message privacy (Matter 1.4 chapter 3). Everything works on octets; secrets are compared in constant time and
// never appear in an error.
package crypto
