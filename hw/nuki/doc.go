// Package nuki drives Nuki smart locks that speak MQTT by themselves (Smart Lock 3.0 Pro with firmware 3.5.11,
// 4 Pro, Ultra), through the house's broker and without their maker's servers (Nuki MQTT API 1.4).
//
// Such a lock tells everything once, when it connects, and afterwards what changes; the broker keeps the last of
// each, and nothing can be asked. So what the broker kept shows nothing by itself: it may be as old as the broker's
// disk. It counts when the lock says anything afterwards, because a lock that has been connected all along has told
// every change, and one that connects anew tells all. Until then the lock is there, so that nobody is locked out by a
// restart, and where its bolt is nobody knows.
//
// An order is one message, sent once and not retained. It counts as accepted when the lock answers it, announces the
// action or begins to move; until then nobody knows whether it was heard.
package nuki
