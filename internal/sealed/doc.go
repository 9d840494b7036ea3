// Package sealed encrypts a stream with a passphrase, so that it can lie anywhere.
//
// # Format
//
//	loquet sealed 1\n
//	{"kdf":"argon2id","time":3,"memory":65536,"threads":4,"salt":"<16 bytes, base64>"}\n
//	<HMAC-SHA256 of the two lines above, both with their line ends, in hex>\n
//	chunks
//
// argon2id (RFC 9106, version 0x13; memory in KiB) makes 64 bytes of the passphrase, as it is in UTF-8,
// and the salt. The first 32 are the key of the chunks, the last 32 the key of the HMAC.
//
// Each chunk is 65,536 bytes of the stream sealed with ChaCha20-Poly1305 (RFC 8439) without additional
// data, so 65,552 bytes; the last one is shorter or as long, and empty only if the stream is. The nonce
// is the number of the chunk, from 0, in 11 bytes, big-endian, and one byte that is 1 for the last chunk
// and else 0: chunks that are changed, moved, repeated or cut off are noticed.
package sealed
