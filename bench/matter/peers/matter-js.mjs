// A bridge of matter.js 0.17.9 with as many door locks as it is told, each with users, PINs and schedules: what loquet's Matter
// bridge is measured against. A line on standard input opens or closes the door of the first lock, as a contact would.
//
//   node matter-js.mjs FOLDER PORT LOCKS
import { Endpoint, Environment, Logger, ServerNode, VendorId } from "@matter/main";
import { BridgedDeviceBasicInformationServer } from "@matter/main/behaviors/bridged-device-basic-information";
import { DoorLockServer } from "@matter/main/behaviors/door-lock";
import { DoorLock } from "@matter/main/clusters/door-lock";
import { DoorLockDevice } from "@matter/main/devices/door-lock";
import { AggregatorEndpoint } from "@matter/main/endpoints/aggregator";
import "@matter/nodejs";

const [folder, port, locks] = process.argv.slice(2);
Logger.level = "error";
Environment.default.vars.set("storage.path", folder);

const Lock = DoorLockDevice.with(
  BridgedDeviceBasicInformationServer,
  DoorLockServer.with("PinCredential", "User", "CredentialOverTheAirAccess", "WeekDayAccessSchedules", "YearDayAccessSchedules", "HolidaySchedules", "DoorPositionSensor"),
);
const server = await ServerNode.create({
  id: "peer", network: { port: Number(port), ipv4: true },
  commissioning: { passcode: 20202021, discriminator: 3840 },
  productDescription: { name: "Peer", deviceType: AggregatorEndpoint.deviceType },
  basicInformation: { vendorName: "Peer", vendorId: VendorId(0xfff1), nodeLabel: "Peer", productName: "Peer", productId: 0x8000, serialNumber: "P1", uniqueId: "peer" },
});
const bridge = new Endpoint(AggregatorEndpoint, { id: "bridge" });
await server.add(bridge);
let first;
for (let i = 1; i <= Number(locks); i++) {
  const lock = new Endpoint(Lock, {
    id: `lock-${i}`,
    bridgedDeviceBasicInformation: { nodeLabel: `Lock ${i}`, productName: "Lock", serialNumber: `L${i}`, uniqueId: `lock-${i}`, reachable: true },
    doorLock: {
      lockState: DoorLock.LockState.Locked, lockType: DoorLock.LockType.DeadBolt, actuatorEnabled: true, operatingMode: DoorLock.OperatingMode.Normal,
      doorState: DoorLock.DoorState.DoorClosed, numberOfTotalUsersSupported: 20, numberOfPinUsersSupported: 20, maxPinCodeLength: 8, minPinCodeLength: 4,
      numberOfCredentialsSupportedPerUser: 5, numberOfWeekDaySchedulesSupportedPerUser: 5, numberOfYearDaySchedulesSupportedPerUser: 5,
      numberOfHolidaySchedulesSupported: 5, wrongCodeEntryLimit: 5, userCodeTemporaryDisableTime: 60, requirePinForRemoteOperation: false,
      credentialRulesSupport: { single: true }, autoRelockTime: 0,
    },
  });
  await bridge.add(lock);
  first ??= lock;
}
let open = false;
process.stdin.on("data", async () => {
  open = !open;
  await first.set({ doorLock: { doorState: open ? DoorLock.DoorState.DoorOpen : DoorLock.DoorState.DoorClosed } });
});
const end = async () => {
  await server.close();
  process.exit(0);
};
process.stdin.on("end", end);
process.on("SIGTERM", end);
await server.start();
