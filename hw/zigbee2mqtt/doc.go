// Package zigbee2mqtt drives Zigbee locks through Zigbee2MQTT and the house's MQTT broker.
//
// A lock is asked over the radio before anything is said of it: what Zigbee2MQTT and the broker remember may
// be older than the last turn of a key, so that retained messages show nothing. An order is one message, sent
// once and not retained. It counts as accepted when the lock tells its state afterwards; until then nobody
// knows whether it was heard.
//
// MQTT has no answers. What a question or a write brought is read from the lock's next message that is about
// it, and Zigbee2MQTT says nothing at all of a code that a lock refused: such a write is unsure until the slot
// has been read.
package zigbee2mqtt
