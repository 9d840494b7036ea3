// Package osdp is the control panel's side of OSDP v2 (IEC 60839-11-5) for keypads and card readers on an
// RS-485 line, and nothing but its secure channel: what a reader says in clear text is never believed.
//
// A reader that has never been installed knows only the key that is printed in the standard (SCBK-D). After
// Install, which an owner asks for, that key is accepted for ten minutes and for one thing only: to give the
// reader a random key of its own. What is typed meanwhile is not delivered. The reader that answers with its
// own key ends those minutes; from then on only that key will do, and a reader that asks for the old one, or
// for clear text, is refused.
package osdp
