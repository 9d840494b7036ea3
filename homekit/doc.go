// Package homekit serves accessories to Apple Home over IP: the HomeKit Accessory Protocol (HAP) without any
// knowledge of what the accessories are.
//
// Accessories are described with the definitions of github.com/brutella/hap (packages accessory, service and
// characteristic); those are metadata only. The live values stand in one table that belongs to the Server: the owner
// of the device calls Publish, controllers read the table, and a controller's write is validated and handed to
// Config.OnWrite. The server never stores a written value by itself: what is shown was published.
//
//	srv, err := homekit.New(homekit.Config{Name: "Villa", Model: "Loquet", Firmware: "1.0", Addr: ":51826",
//		Storage: space, OnWrite: write, Advertise: announce})
//	err = srv.SetAccessories([]*accessory.A{bridge, garage})
//	err = srv.Start(ctx)
//	err = srv.Publish(homekit.Value{AID: 2, IID: 9, Value: 1}, homekit.Value{AID: 2, IID: 10, Value: 1})
//
// # Guarantees
//
// One goroutine reads a connection and, once it is verified, one goroutine writes it; that one owns encryption, the
// order of nonces and the socket. An event never stands inside a response, all values of one Publish call travel in
// one message, and no call of the owner ever waits for a controller.
//
// A written value is checked for permission, format, range, step, length and valid values and is refused with -70410;
// nothing is coerced, because on a door 0 means open. Writes to one accessory run one after the other, also those of
// different controllers.
//
// Pairing fails closed. A record that is missing among others, or that is damaged, never makes the server pairable
// and never gives it a new identity.
//
// Several servers in one process share nothing.
package homekit
