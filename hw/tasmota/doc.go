// Package tasmota serves relays and switch inputs of devices with the Tasmota firmware, over the MQTT broker of
// the house.
//
// A relay that is reached over a network must fall back by itself when the network, the broker or the bridge
// dies. Tasmota has a timer for that, PulseTime, which belongs to the device and not to the order: so the device
// is asked for it before the first order and whenever it comes back, and a relay whose timer is missing, too
// short for what is asked or longer than the output may last is not used, with the command that sets it as the
// remedy. The same holds for its other settings that could move a door: PowerOnState, switches that are wired to
// the relay past loquet (SetOption114), and an order that the broker keeps.
//
// An order is sent once. Answers carry no number, so that one that comes late is told apart by counting: what
// answers an older question is no answer to a newer one.
//
// Sources: tasmota.github.io/docs, "Commands" (Power, PulseTime, PowerOnState, SetOption26, SetOption114, Status),
// "MQTT" (topics, LWT, retain) and "Buttons and Switches" (SwitchMode, Switch<x>).
package tasmota
