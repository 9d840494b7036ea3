// Package board is the frame of every board of relays and inputs that may go and come back: one that hangs in the
// network, at a broker, on a shared line or on a plug. A driver brings the wire, as a Plan and a Link; everything else
// is here, once:
//
//	          Connect            every relay that is lent
//	away ----------------> there ------------------------> up ---.  asked again and again,
//	  ^   again and again,       is brought to rest         |    |  told to those who watch
//	  |   ever more slowly                                  |<---'
//	  `-----------------------------------------------------'
//	    it went away, an answer did not come, a relay is not where it was left: everybody is told
//
// # What holds for all of them
//
// Orders go through only while the board is up, one at a time, and each is sent once. Between a connection and the
// first order every relay that is lent is brought to rest, also one that is lent meanwhile. An order of which nobody
// knows what came of it begins all of that anew. An input is claimed to be where the board said when it was asked, with
// the time before the question; what the board did not say is not claimed.
package board
