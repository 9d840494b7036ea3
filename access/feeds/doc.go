// Package feeds turns the calendars of booking channels into stays: who comes when, and with which code. It
// reads what a channel publishes (Airbnb, Vrbo, Booking.com, anything in iCalendar, RFC 5545), keeps each stay
// the same through edits, moves and extensions, and says what is to be done about it. It opens nothing and
// keeps nothing: rules here, records and codes with whoever calls.
//
//	text -> Parse -> Feed -> Reconcile(stays, feed) -> stays, changes -> codes
//
// A feed is somebody else's word about a door, so it is believed slowly: a stay that is missing is cancelled
// only after two complete feeds half an hour apart, and never once it has begun. A block mints nothing. A code
// that somebody was told never changes; its window moves instead.
package feeds
