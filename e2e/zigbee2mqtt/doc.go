// Package zigbee2mqtt runs the example of a Zigbee lock with the built binary: a lock in software speaks as
// Zigbee2MQTT does, over mosquitto or the broker in loquet.
package zigbee2mqtt
