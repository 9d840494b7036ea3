// Package osdp is the control panel's side of OSDP v2 (IEC 60839-11-5) for keypads and card readers on an
// RS-485 line, and nothing but its secure channel: what a reader says in clear text is never believed.
//
// A reader that has never been installed knows only the key that is printed in the standard (SCBK-D). With
// install: true, and no key stored yet, that key is accepted for ten minutes after the start and for one
// thing only: to give the reader a random key of its own. What is typed meanwhile is not delivered. From
// then on only that key will do; a reader that asks for the old one, or for clear text, is refused.
package osdp
