// Package esphome serves doors, locks and contacts of devices that run ESPHome, over its native API: ratgdo and
// blaQ boards for Chamberlain and LiftMaster openers are such devices. Nothing of it needs a cloud.
//
// One connection a device is shared by everything that is on it. An order is sent once, together with a
// ping: the device works through what it gets in order, so its answer to the ping says that the order was
// taken, which the protocol itself never says. The same ping makes a state fresh: what the device has not
// told by then has not changed.
//
// Sources: esphome/aioesphomeapi, api.proto (numbers of messages and fields) and its description of the
// plain and the encrypted frames (Noise_NNpsk0_25519_ChaChaPoly_SHA256).
package esphome
