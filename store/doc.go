// Package store keeps what loquet must not lose, in one folder that one process owns at a time.
//
//	journal.db               history: what was asked, what moved, what the sensors said. Chained by hashes.
//	journal.ahead            intents on their way into journal.db: the relay waits for no more than one write. See ahead.go.
//	loquet.db                everything else, as spaces of keys and values, on the disk before it is acknowledged.
//	identity.a, identity.b   the spaces that are precious (pairings, ids) once more, whole, in a file
//	                         that a person can read. See identity.go for the format.
//	reserve                  16 MiB that are given back first when the disk is full.
//
// # Promises
//
// A value that Apply acknowledged is on the disk. A value that was damaged since is an error, never
// absent: a bridge that cannot read its pairings must not look like one that has none. The store never
// makes a new identity in a folder that holds anything of an old one.
//
// Record returns when the row survives a killed process. It never waits for the disk: a
// goroutine makes the row durable at once, and nobody waits for that one. After a power cut the last
// rows may be missing. An intent may still be on its way into journal.db then; whoever writes or reads
// comes after it, and after a kill the next Open puts it there.
//
// loquet.db is held exclusively while the store is open; journal.db can be read by other programs
// (sqlite3 -readonly), which hold up nothing but the shrinking of its log.
//
// A sync that failed is never tried again: the kernel takes the pages for written, and shows them, until the power
// goes. The process touches that log no more; the next Open writes each log once more before it follows it.
//
// # Degraded
//
// When the disk is full, read-only or broken, or loquet.db is lost, the store goes on in a degraded
// mode: precious spaces (all spaces, if loquet.db was read) can still be read, nothing can be changed,
// and rows of the journal are kept in the runtime folder. Degraded says why.
//
// # What decides when the files disagree
//
// Both loquet.db and the identity files carry the install id and a generation, which grows with every
// change of a precious space. A change is written to a temporary identity file, then committed to
// loquet.db, then the file is renamed, then it is acknowledged.
//
//	database       identity         what happens
//	none           none             a new install, if the folder holds nothing else of ours
//	none, damaged  readable         degraded: precious spaces are served from the identity, read-only
//	none, damaged  none, damaged    Open fails: nothing is made up
//	whole          none, damaged    the identity is written again from the database; noted
//	whole          older            the database is newer: the identity is written again
//	whole          newer            the precious spaces of the database are replaced; noted
//	whole          other install    the one that the journal belongs to wins; without a journal the database
//
// Each of the two files may be damaged alone: the other is used and the damaged one is written again.
package store
