// Package matter is a Matter device stack: it serves a data model to the controllers of every Matter ecosystem over
// IP, without any knowledge of what the devices are.
//
// The stack stands in layers, each a package of its own that knows only the ones below:
//
//	tlv          the encoding of everything
//	crypto       AES-CCM, SPAKE2+, key derivation, the one signature and the one curve
//	message      headers, nonces, counters and the windows that tell a duplicate
//	session      what two nodes agreed on: keys, identity, timing; and the table of all sessions
//	mrp          exchanges over UDP with the Message Reliability Protocol
//	securechannel, pase, sigma   how a session begins: with a passcode, or with certificates
//	cert, attest, onboarding     certificates of a fabric, of a device, and what is printed on the box
//	model, events                endpoints, clusters, attributes; what happened
//	fabric, acl, commissioning   memberships and who may do what; the fail-safe and the window
//	im                           reads, writes, invokes, subscriptions
//	cluster, doorlock            the clusters of a root node and of bridged devices
//	conformance, mattertest      the data model to hold a node against; a network and a controller for tests
//
// Server puts them together:
//
//	server, err := matter.New(matter.Config{Product: product, Storage: storage, Advertise: advertise})
//	number, err := server.EndpointFor("garage")
//	_, err = server.Bridge(model.EndpointConfig{ID: number, DeviceTypes: types, Clusters: clusters})
//	err = server.Start(ctx)
//
// It imports the standard library and filippo.io/nistec only.
package matter
