// Package mqtt has what houses with MQTT share: mosquitto, a broker that nobody here wrote, accounts at loquet's
// own, and the connection of a device, whose firmware is the test's. Its own tests run the built binary against
// devices with Tasmota and against those that announce themselves for Home Assistant. No host has a way out.
package mqtt
