// Package mqtt drives doors, locks and contacts that speak MQTT in the way Home Assistant's covers, locks and
// binary sensors do, and boards with ratgdo's MQTT firmware.
//
// There is no switch here: a relay in the network must end its pulse by itself, and MQTT cannot promise that.
//
// # What is believed
//
// What a device says now. What the broker kept is believed only while the device's availability topic says that it
// is online: then the broker vouches for the connection, and what it keeps is what the device said last. A device
// that is asked (ask) and stays silent for 30 seconds is unavailable; so is one whose availability says so, and all
// of them while there is no broker.
package mqtt
