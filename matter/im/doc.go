// Package im is the server of the interaction model (Matter 1.4 section 8): it lets controllers read, write, invoke and
// subscribe to what a model.Node holds. It knows no sockets: a lower layer hands it one exchange at a time.
//
//	Handle -> timed? -> read      -> reports, in chunks
//	                 -> write     -> write response, for each chunk
//	                 -> invoke    -> invoke response, in chunks
//	                 -> subscribe -> priming reports -> subscribe response -> reports for as long as it lasts
package im

// Protocol is the protocol id of the interaction model.
const Protocol = 0x0001

// Revision is the revision of the interaction model that messages name (Matter 1.4 section 8.1.1).
const Revision = 12

// The messages (Matter 1.4 section 10.2.1).
const (
	OpStatusResponse    uint8 = 0x01
	OpReadRequest       uint8 = 0x02
	OpSubscribeRequest  uint8 = 0x03
	OpSubscribeResponse uint8 = 0x04
	OpReportData        uint8 = 0x05
	OpWriteRequest      uint8 = 0x06
	OpWriteResponse     uint8 = 0x07
	OpInvokeRequest     uint8 = 0x08
	OpInvokeResponse    uint8 = 0x09
	OpTimedRequest      uint8 = 0x0A
)

// revisionTag is the member of every message that holds Revision.
const revisionTag = 0xFF
