// A platform for Homebridge with as many garage doors and locks as its configuration says. They are
// accessories that Homebridge keeps in its cache, as those of most platforms are.
"use strict";

class Platform {
  constructor(log, config, api) {
    this.known = new Map();
    api.on("didFinishLaunching", () => {
      const fresh = [];
      for (const [kind, count] of [["Door", config.doors], ["Lock", config.locks]]) {
        for (let i = 1; i <= count; i++) {
          const name = `${kind} ${i}`;
          const uuid = api.hap.uuid.generate(name);
          const accessory = this.known.get(uuid) ?? new api.platformAccessory(name, uuid);
          if (!this.known.has(uuid)) fresh.push(accessory);
          this.furnish(api.hap, accessory, kind);
        }
      }
      api.registerPlatformAccessories("homebridge-bench", "Bench", fresh);
    });
  }

  configureAccessory(accessory) {
    this.known.set(accessory.UUID, accessory);
  }

  furnish({ Service, Characteristic: C }, accessory, kind) {
    const wanted = kind === "Door" ? Service.GarageDoorOpener : Service.LockMechanism;
    const s = accessory.getService(wanted) ?? accessory.addService(wanted, accessory.displayName);
    if (kind === "Door") {
      s.getCharacteristic(C.CurrentDoorState).updateValue(1);
      s.getCharacteristic(C.TargetDoorState).updateValue(1).onSet(() => {});
      s.getCharacteristic(C.ObstructionDetected).updateValue(false);
    }
    s.getCharacteristic(C.LockCurrentState).updateValue(kind === "Door" ? 0 : 1);
    s.getCharacteristic(C.LockTargetState).updateValue(kind === "Door" ? 0 : 1).onSet(() => {});
  }
}

module.exports = (api) => api.registerPlatform("homebridge-bench", "Bench", Platform);
