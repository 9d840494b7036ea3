// A bridge of HAP-NodeJS 1.2.0 with as many garage doors and locks as it is told: what loquet is measured
// against. A line on standard input changes something, as a sensor would.
//
//   node hap-nodejs.cjs FOLDER PORT DOORS LOCKS
"use strict";
const hap = require("hap-nodejs");
const { Service, Characteristic } = hap;
const [folder, port, doors, locks] = process.argv.slice(2);

hap.HAPStorage.setCustomStoragePath(folder);
const bridge = new hap.Bridge("Peer", hap.uuid.generate("peer"));
let first;

function add(name, category, service) {
  const accessory = new hap.Accessory(name, hap.uuid.generate(name));
  accessory.category = category;
  accessory.addService(service);
  bridge.addBridgedAccessory(accessory);
}

for (let i = 1; i <= Number(doors); i++) {
  const s = new Service.GarageDoorOpener(`Door ${i}`);
  s.getCharacteristic(Characteristic.CurrentDoorState).updateValue(1);
  s.getCharacteristic(Characteristic.TargetDoorState).updateValue(1).onSet(() => {});
  s.getCharacteristic(Characteristic.ObstructionDetected).updateValue(false);
  s.addCharacteristic(Characteristic.LockCurrentState).updateValue(0);
  s.addCharacteristic(Characteristic.LockTargetState).updateValue(0).onSet(() => {});
  first ??= s;
  add(`Door ${i}`, hap.Categories.GARAGE_DOOR_OPENER, s);
}
for (let i = 1; i <= Number(locks); i++) {
  const s = new Service.LockMechanism(`Lock ${i}`);
  s.getCharacteristic(Characteristic.LockCurrentState).updateValue(1);
  s.getCharacteristic(Characteristic.LockTargetState).updateValue(1).onSet(() => {});
  add(`Lock ${i}`, hap.Categories.DOOR_LOCK, s);
}

let obstructed = false;
process.stdin.on("data", () => {
  obstructed = !obstructed;
  first.updateCharacteristic(Characteristic.ObstructionDetected, obstructed);
});
process.stdin.on("end", () => process.exit(0));

bridge.publish({
  username: "CC:22:3D:E3:CE:30", pincode: "031-45-154", category: hap.Categories.BRIDGE,
  port: Number(port), bind: "127.0.0.1", advertiser: "ciao",
});
