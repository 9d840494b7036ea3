// Package shelly serves relays and inputs of Shelly devices in the home network, of the first generation
// (HTTP) and of all later ones (RPC over a WebSocket), without the vendor's cloud; and motors on those that are set up
// as a cover, or a roller.
//
// A relay that is reached over a network must fall back by itself when the network or the bridge dies:
// every order carries the device's own timer, and an output that shall stay for ever is refused. Before the
// first order the device is asked how it is set, and it is not used while its own settings could move a
// door: a relay that switches on when power comes back, or an input that switches the relay directly.
//
// A motor has no such timer with its order: the device's own maximum times end it. The owner says how long it may run
// (maxtime), and a device whose times are longer, or that moves its cover when power comes, is not used. What it says of
// an end is believed where it was calibrated, or saw the motor stop there; a time that is over is no end.
//
// The device is known by its id, not by its address: a router that gives the address to another device
// must not let that one click.
//
// Sources: shelly-api-docs.shelly.cloud, "Gen2 Device API" (RPC channels, authentication, Switch, Input,
// Cover, Shelly services) and "Gen1 Device API" (/shelly, /status, /settings/relay, /relay, /settings/roller, /roller).
package shelly
