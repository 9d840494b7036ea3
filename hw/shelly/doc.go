// Package shelly serves relays and inputs of Shelly devices in the home network, of the first generation
// (HTTP) and of all later ones (RPC over a WebSocket), without the vendor's cloud.
//
// A relay that is reached over a network must fall back by itself when the network or the bridge dies:
// every order carries the device's own timer, and an output that shall stay for ever is refused. Before the
// first order the device is asked how it is set, and it is not used while its own settings could move a
// door: a relay that switches on when power comes back, or an input that switches the relay directly.
//
// The device is known by its id, not by its address: a router that gives the address to another device
// must not let that one click.
//
// Sources: shelly-api-docs.shelly.cloud, "Gen2 Device API" (RPC channels, authentication, Switch, Input,
// Shelly services) and "Gen1 Device API" (/shelly, /status, /settings/relay, /relay).
package shelly
