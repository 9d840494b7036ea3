// A Z-Wave stick with locks on it, for the end-to-end tests: the mock stick of zwave-js, served on a TCP port.
// It reads orders for the locks as lines of JSON and says what the locks were told.
const Module = require("node:module")
const path = require("node:path")
const readline = require("node:readline")

// The mock stick advertises itself by mDNS: not here.
const load = Module._load
Module._load = function (name, ...rest) {
  if (name !== "@homebridge/ciao") return load.call(this, name, ...rest)
  const service = { advertise: async () => {}, end: async () => {}, destroy: async () => {} }
  return { getResponder: () => ({ createService: () => service, shutdown: async () => {} }) }
}

const { MockServer } = require(path.join(__dirname, "node_modules/zwave-js/build/cjs/mockServer.js"))
const { MockController, ccCaps, createMockZWaveRequestFrame } = require("@zwave-js/testing")
const { CommandClasses, Duration } = require("@zwave-js/core")
const cc = require("@zwave-js/cc")

// TCP knows no frames, and the mock stick takes one at a time.
const take = MockController.prototype.serialOnData
MockController.prototype.serialOnData = function (data) {
  if (typeof data === "number") return take.call(this, data)
  this.loquetBytes = [...(this.loquetBytes ?? []), ...data]
  for (;;) {
    const b = this.loquetBytes
    if (b.length === 0) return
    if (b[0] !== 0x01) {
      void take.call(this, b.shift())
      continue
    }
    if (b.length < 2 || b.length < b[1] + 2) return
    void take.call(this, Uint8Array.from(b.splice(0, b[1] + 2)))
  }
}

// The mock stick gives up after a second without an ACK: on a machine that is busy the driver may be later than that.
const acked = MockController.prototype.expectHostACK
MockController.prototype.expectHostACK = function (timeout) { return acked.call(this, Math.max(timeout ?? 0, 30000)) }

function lock(id, codes) {
  return {
    id,
    capabilities: {
      genericDeviceClass: 0x40, specificDeviceClass: 0x03, manufacturerId: 0x0129, productType: 0x8002, productId: 0x0600,
      isListening: false, isFrequentListening: "1000ms", isRouting: true, supportsSecurity: false,
      commandClasses: [
        ccCaps({ ccId: CommandClasses["Manufacturer Specific"], isSupported: true, version: 1 }),
        ccCaps({ ccId: CommandClasses.Version, isSupported: true, version: 2 }),
        ccCaps({
          ccId: CommandClasses["Door Lock"], isSupported: true, version: 4, supportedOperationTypes: [cc.DoorLockOperationType.Constant],
          supportedDoorLockModes: [cc.DoorLockMode.Unsecured, cc.DoorLockMode.Secured], doorSupported: true, boltSupported: true, latchSupported: false,
        }),
        codes,
        ccCaps({ ccId: CommandClasses.Notification, isSupported: true, version: 8, supportsV1Alarm: false, notificationTypesAndEvents: { 6: [1, 2, 3, 4, 5, 6, 9, 11] } }),
        ccCaps({ ccId: CommandClasses.Battery, isSupported: true, version: 1 }),
      ],
    },
  }
}

const nodes = [
  lock(2, ccCaps({
    ccId: CommandClasses["User Code"], isSupported: true, version: 2, numUsers: 10, supportedASCIIChars: "0123456789", supportsAdminCode: true,
    supportedKeypadModes: [cc.KeypadMode.Normal], supportedUserIDStatuses: [cc.UserIDStatus.Available, cc.UserIDStatus.Enabled, cc.UserIDStatus.Disabled],
  })),
  lock(3, ccCaps({
    ccId: CommandClasses["User Credential"], isSupported: true, version: 1, numberOfSupportedUsers: 20, supportedCredentialRules: [1], maxUserNameLength: 20, supportedUserTypes: [0],
    supportedCredentialTypes: new Map([[cc.UserCredentialType.PINCode, {
      numberOfCredentialSlots: 20, minCredentialLength: 4, maxCredentialLength: 8, maxCredentialHashLength: 0, supportsCredentialLearn: false,
    }]]),
  })),
]

// A server that is killed resets its connection, which the mock stick does not expect.
process.on("uncaughtException", (err) => {
  if (err.code === "ECONNRESET" || err.code === "EPIPE") return
  console.error(err)
  process.exit(1)
})

const said = (what) => process.stdout.write(JSON.stringify(what) + "\n")

function onInit(controller, all) {
  const byID = new Map(all.map((n) => [n.id, n]))
  const silent = new Set()
  const stuck = new Set()
  const send = (n, report) => n.sendToController(createMockZWaveRequestFrame(report, { ackRequested: false }))
  // The mock's own reports say that the door is open and the bolt is not out, whatever the mode.
  const report = (n) => {
    const mode = n.state.get("mode")
    return new cc.DoorLockCCOperationReport({
      nodeId: controller.ownNodeId, currentMode: mode, targetMode: mode, duration: new Duration(0, "seconds"),
      outsideHandlesCanOpenDoor: [true, true, true, true], insideHandlesCanOpenDoor: [true, true, true, true],
      doorStatus: n.state.get("door"), boltStatus: mode === cc.DoorLockMode.Secured ? "locked" : "unlocked",
    })
  }
  for (const n of all) {
    n.state.set("mode", cc.DoorLockMode.Secured)
    n.state.set("door", "closed")
    n.defineBehavior({
      handleCC(_, self, received) {
        if (silent.has(self.id)) return { action: "stop" }
        if (received instanceof cc.DoorLockCCOperationGet) return { action: "sendCC", cc: report(self) }
        if (!(received instanceof cc.DoorLockCCOperationSet)) return
        said({ node: self.id, set: received.mode })
        if (stuck.has(self.id)) { // the bolt meets the frame
          setTimeout(() => void jam(self), 300)
          return { action: "ok" }
        }
        setTimeout(() => {
          self.state.set("mode", received.mode)
          void send(self, report(self))
        }, 300)
        return { action: "ok" }
      },
    })
  }
  const notify = (n, event, parameters) => send(n, new cc.NotificationCCReport({
    nodeId: controller.ownNodeId, notificationType: 6, notificationEvent: event, eventParameters: parameters,
  }))
  const jam = (n) => notify(n, 11)
  readline.createInterface({ input: process.stdin }).on("line", async (line) => {
    const order = JSON.parse(line)
    const n = byID.get(order.node)
    if ("silent" in order) {
      if (order.silent) silent.add(order.node)
      else silent.delete(order.node)
      n.autoAckControllerFrames = !order.silent
    }
    if ("stuck" in order) {
      if (order.stuck) stuck.add(order.node)
      else stuck.delete(order.node)
    }
    if ("door" in order) n.state.set("door", order.door)
    if ("turn" in order) n.state.set("mode", order.turn)
    if (("turn" in order || "door" in order) && !order.unheard) await send(n, report(n))
    if ("notify" in order) await notify(n, order.notify, "user" in order ? Uint8Array.from([order.user]) : undefined)
    said({ done: order.id })
  })
  said({ ready: true })
}

new MockServer({ interface: "127.0.0.1", port: Number(process.argv[2]), config: { nodes, onInit } }).start().catch((err) => {
  console.error(err)
  process.exit(1)
})
