// A controller that is told what to do in lines of JSON on standard input and answers in lines of JSON on standard output:
//   {"id": 1, "do": "commission", "passcode": n, "discriminator": n}   {"id": 1, "ok": {...}} or {"id": 1, "error": "..."}
// What a subscription tells comes in between: {"event": "attribute", "endpoint", "cluster", "attribute", "value"}, and what
// matter.js logs of sessions and subscriptions: {"event": "log", "text": "... CaseServer ... Resumed session with ..."}.
// Usage: controller.mjs STATE-FOLDER [INTERFACE]
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { Environment, Logger } from "@matter/main";
import * as clusters from "@matter/main/clusters";
import { BasicInformation, OperationalCredentials } from "@matter/main/clusters";
import { ManualPairingCodeCodec } from "@matter/main/types";
import "@matter/nodejs";
import { CommissioningController } from "@project-chip/matter.js";

const [folder, device] = process.argv.slice(2);
const say = (o) => process.stdout.write(JSON.stringify(o, (_, v) => (typeof v === "bigint" ? v.toString() : v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v)) + "\n");
const told = /Resumed session|New session|Subscribe »|Subscription successful|Replacing subscription|Executing commissioning step|NoSharedTrustRoots/;
Logger.destinations.default.write = (text) => {
  process.stderr.write(text + "\n");
  const plain = text.replace(/\x1b\[[0-9;]*m/g, "");
  if (told.test(plain)) say({ event: "log", text: plain });
};
Logger.level = process.env.MATTER_LOG ?? "info";

const environment = Environment.default;
environment.vars.set("storage.path", folder);
if (device) environment.vars.set("mdns.networkinterface", device);

const controller = new CommissioningController({ environment: { environment, id: "phone" }, autoConnect: false, adminFabricLabel: basename(folder) });
await controller.start();

let node;
function watch(n) {
  n.events.attributeChanged.on(({ path: { endpointId, clusterId, attributeName }, value }) =>
    say({ event: "attribute", endpoint: endpointId, cluster: clusterId, attribute: attributeName, value }));
  n.events.eventTriggered.on(({ path: { endpointId, clusterId, eventName }, events }) =>
    say({ event: "event", endpoint: endpointId, cluster: clusterId, name: eventName, count: events.length, data: events.map((e) => e.data) }));
  n.events.stateChanged.on((state) => say({ event: "state", state }));
  n.events.structureChanged.on(() => say({ event: "structure" }));
}

const connected = (n) => new Promise((done, fail) => {
  if (n.initialized) return done();
  const limit = setTimeout(() => fail(new Error("not initialised after 60 s")), 60000);
  n.events.initialized.on(() => { clearTimeout(limit); done(); });
});

const find = (list, number) => {
  for (const d of list) {
    if (d.number === number) return d;
    const child = find(d.getChildEndpoints(), number);
    if (child) return child;
  }
};

const verbs = {
  async commission({ passcode, discriminator }) {
    const id = await controller.commissionNode({
      commissioning: { regulatoryLocation: 2, regulatoryCountryCode: "XX" },
      discovery: { identifierData: { longDiscriminator: discriminator }, discoveryCapabilities: {} }, passcode });
    return verbs.connect({ peer: id });
  },
  async code({ code }) {
    const { shortDiscriminator, passcode } = ManualPairingCodeCodec.decode(code);
    const id = await controller.commissionNode({
      commissioning: { regulatoryLocation: 2, regulatoryCountryCode: "XX" },
      discovery: { identifierData: { shortDiscriminator }, discoveryCapabilities: {} }, passcode });
    return verbs.connect({ peer: id });
  },
  async connect({ peer }) {
    node = await controller.getNode(peer ?? controller.getCommissionedNodes()[0]);
    watch(node);
    node.connect();
    await connected(node);
    return { id: node.nodeId, structure: node.getDevices().map((d) => ({ endpoint: d.number, name: d.name, children: d.getChildEndpoints().map((c) => c.number) })) };
  },
  async read({ endpoint, cluster, attribute }) {
    const client = await node.getInteractionClient();
    return (await client.getMultipleAttributes({ attributes: [{ endpointId: endpoint, clusterId: cluster, attributeId: attribute }] }))
      .map(({ path, value, version }) => ({ ...path, value, version }));
  },
  // readEverywhere reads an attribute of every endpoint that has it.
  async readEverywhere({ cluster, attribute }) {
    const client = await node.getInteractionClient();
    return (await client.getMultipleAttributes({ attributes: [{ clusterId: cluster, attributeId: attribute }] }))
      .map(({ path, value }) => ({ ...path, value }));
  },
  // invoke invokes a command by its name: {"endpoint": 3, "cluster": "DoorLock", "command": "unlockDoor", "fields": {...}}
  async invoke({ endpoint, cluster, command, fields }) {
    const kind = clusters[cluster];
    const client = find(node.getDevices(), endpoint).getClusterClient(kind.Complete ?? kind);
    const request = { ...fields };
    for (const name of ["pinCode", "credentialData"]) { // text here
      if (typeof request[name] === "string") request[name] = new TextEncoder().encode(request[name]);
    }
    return (await client.commands[command](Object.keys(request).length ? request : undefined)) ?? {};
  },
  // untimed invokes a command that has to be timed as if it had not to be.
  async untimed({ endpoint, cluster, command }) {
    const kind = clusters[cluster].Complete ?? clusters[cluster];
    const client = await node.getInteractionClient();
    return (await client.invoke({ endpointId: endpoint, clusterId: kind.id, command: kind.commands[command], request: {}, skipValidation: true })) ?? {};
  },
  // write writes an attribute by its name.
  async write({ endpoint, cluster, attribute, value }) {
    const kind = clusters[cluster];
    await find(node.getDevices(), endpoint).getClusterClient(kind.Complete ?? kind).attributes[attribute].set(value);
    return {};
  },
  async label({ label }) {
    const basic = node.getRootClusterClient(BasicInformation.Complete ?? BasicInformation);
    await basic.setNodeLabelAttribute(label);
    return {};
  },
  // matter.js now and then cannot lock its own record of the node then, which it has already left.
  async leave() {
    await node.decommission().catch((error) => {
      if (error?.constructor?.name !== "SynchronousTransactionConflictError") throw error;
    });
    return {};
  },
  async window() {
    return await node.openEnhancedCommissioningWindow(180);
  },
  async basic() {
    await node.openBasicCommissioningWindow(180);
    return {};
  },
  // How many attributes there are to read, how many of which cannot be read, and on which endpoints.
  async everything() {
    const client = await node.getInteractionClient();
    const all = await client.getMultipleAttributesAndStatus({ attributes: [{}] });
    return { values: all.attributeData.length, refused: (all.attributeStatus ?? []).length, endpoints: [...new Set(all.attributeData.map((a) => a.path.endpointId))].sort() };
  },
  async fabrics() {
    const credentials = node.getRootClusterClient(OperationalCredentials.Complete ?? OperationalCredentials);
    return (await credentials.getFabricsAttribute(true, false)).map((f) => ({ index: f.fabricIndex, label: f.label }));
  },
  async expel({ index }) {
    const credentials = node.getRootClusterClient(OperationalCredentials.Complete ?? OperationalCredentials);
    return await credentials.removeFabric({ fabricIndex: index });
  },
  async end() {
    await controller.close();
    return {};
  },
};

say({ event: "ready" });
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  try {
    say({ id: order.id, ok: await verbs[order.do](order) });
  } catch (error) {
    say({ id: order.id, error: `${error?.constructor?.name}: ${error?.message}`, stack: error?.stack });
  }
  if (order.do === "end") process.exit(0);
}
