package model

// Auth says how a caller proved who it is (Matter 1.4 section 6.6.2.1).
type Auth uint8

// The ways to prove it, with their numbers on the wire. The zero value is a caller within the node itself.
const (
	Internal Auth = 0
	PASE     Auth = 1
	CASE     Auth = 2
	Group    Auth = 3
)

// Caller says who reads, writes or invokes, and how.
type Caller struct {
	Auth      Auth
	Fabric    uint8    // the accessing fabric's index, 0 for none
	Node      uint64   // the peer's operational node id, with CASE
	CATs      []uint32 // the peer's CASE authenticated tags: identifier << 16 | version
	Challenge []byte   // the session's attestation challenge
	// Filtered: a fabric-scoped list is read for the accessing fabric only.
	Filtered bool
	// Adopt associates the session, if it is a PASE session, with a fabric that was added over it.
	Adopt func(fabric uint8)
	// Session is a number that is the same for all that is done over one session.
	Session uint64
}

// Sees says whether an entry of a fabric-scoped list of that fabric is to be shown.
func (c *Caller) Sees(fabric uint8) bool { return !c.Filtered || c.Fabric == fabric }

// Owns says whether fabric-sensitive members of an entry of that fabric may be shown.
func (c *Caller) Owns(fabric uint8) bool { return c.Auth == Internal || c.Fabric == fabric }
