// Package message is the codec of Matter's message layer (Matter 1.4 4.4 to 4.6): the message header, the protocol header
// inside it, nonces, counters, and the windows that tell a duplicate from a new message.
package message
