// Package forgetful is a file system that remembers what it was told and in which order, so that every
// state in which a power cut could have left it can be made afterwards. It can also fail: one operation,
// all from one on, or all that need room.
//
// It is mounted through FUSE and lives in a process of its own (Serve): a program that maps its files
// into memory must not be the one that serves them. Each folder in its root is a volume, a disk with a log
// and faults of its own. Control tells it what to do over a unix socket, and Mark notes in the log what the
// program under test has promised by then.
//
// # What a power cut forgets
//
// Durable is what was there when fsync or fdatasync of that very file returned; and of a folder, the
// names that were in it when fsync of that very folder returned. Of everything later, an image holds a part
// that a seed decides: none of it, all of it, the first operations and a torn one, or for every page
// (4,096 bytes) or sector (512 bytes) any of the contents it has had since, whatever the others hold. A file's
// length is any that it has had since; where it was cut shorter, that has happened with all that came before,
// or not at all. A new name may be missing though the file was synced, a removed one
// may be back, and a rename may be done, not done, or half done: under both names. What was written before a
// sync that failed is never durable by a later one: the kernel has forgotten it.
//
// That is more than the file systems of Linux forget: what survives here survives there.
package forgetful
