// Package mqtt drives doors, locks, contacts and relays that speak MQTT in the way Home Assistant's covers, locks,
// binary sensors and switches do, and boards with ratgdo's MQTT firmware.
//
// # Relays
//
// A relay in the network must end its pulse by itself, and MQTT has no word for that: the owner states it (auto_off),
// or there is no relay. Where the device tells its state, the first pulse after it came is left to its own timer. One
// that does not end it is brought to rest and not used again, over restarts too, until the owner confirms that it was
// set right. An order that the broker keeps for it would be carried out at each reconnection: the relay is not used
// until that is gone.
//
// # What is believed
//
// What a device says now. What the broker kept is believed only while the device's availability topic says that it
// is online: then the broker vouches for the connection, and what it keeps is what the device said last. A device
// that is asked (ask) and stays silent for 30 seconds is unavailable; so is one whose availability says so, and all
// of them while there is no broker.
package mqtt
