// Writes ../model.json: the device types, clusters and elements that the conformance check knows.
// The source is the npm package @matter/model (Apache-2.0), which carries the data model of the Matter
// specification. Run `npm install && npm run generate` here after a change of the version in package.json.
import { readFileSync, writeFileSync } from "node:fs";
import { Matter } from "@matter/model";

// What a bridge for doors can be made of. The clusters follow from these.
const deviceTypes = ["RootNode", "Aggregator", "BridgedNode", "PowerSource", "DoorLock", "WindowCovering",
  "Closure", "ClosurePanel", "ContactSensor", "GenericSwitch", "OnOffLight", "OccupancySensor"];

const text = (aspect) => (aspect === undefined ? "" : String(aspect));

// shape describes a value: its primitive type, whether it may be null, its bounds, and what is inside it.
function shape(model, depth = 0) {
  const out = { t: model.effectiveMetatype === "array" ? "list" : primitive(model) };
  if (model.effectiveQuality?.nullable) out.null = true;
  const max = limit(model.effectiveConstraint?.max ?? model.effectiveConstraint?.value);
  const min = limit(model.effectiveConstraint?.min ?? model.effectiveConstraint?.value);
  if (max !== undefined) out.max = max;
  if (min !== undefined) out.min = min;
  if (depth > 4) return out;
  if (out.t === "list") {
    const entry = model.listEntry ?? model.member?.("entry");
    if (entry) out.entry = shape(entry, depth + 1);
  }
  if (out.t === "struct") {
    out.fields = model.members
      .filter((f) => f.id !== undefined && !f.isGlobalField && f.id !== 0xfe)
      .map((f) => ({ id: f.id, n: f.name, c: text(f.effectiveConformance), ...shape(f, depth + 1) }));
  }
  if (model.effectiveMetatype === "enum") out.values = model.members.filter((f) => f.id !== undefined).map((f) => f.id);
  return out;
}

function primitive(model) {
  const base = model.primitiveBase ?? model.globalBase;
  return base?.name ?? model.effectiveType ?? "any";
}

function limit(value) {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (typeof value === "bigint" && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  return undefined;
}

function element(model) {
  return { id: model.id, n: model.name, c: text(model.effectiveConformance), a: text(model.effectiveAccess) };
}

function cluster(model) {
  const features = model.features.map((f) => ({ bit: Number(f.constraint.value), code: f.name, n: f.title ?? f.name,
    c: text(f.effectiveConformance) }));
  const attributes = model.attributes.filter((a) => a.id < 0xf000 && text(a.effectiveConformance) !== "X")
    .map((a) => ({ ...element(a), q: text(a.effectiveQuality), ...shape(a) }));
  const commands = model.commands.map((c) => {
    const response = c.responseModel;
    return { ...element(c), d: c.effectiveDirection ?? c.direction, ...(response ? { r: response.id } : {}) };
  });
  const events = model.events.map((e) => ({ ...element(e), p: e.effectivePriority ?? e.priority }));
  return { id: model.id, n: model.name, rev: model.revision, features, attributes, commands, events };
}

const wanted = deviceTypes.map((name) => Matter.deviceTypes.find((d) => d.name === name));
const base = Matter.deviceTypes.find((d) => d.name === "Base");
const requirement = (r) => ({ e: r.element, n: r.name, ...(r.id !== undefined ? { id: r.id } : {}), c: text(r.conformance),
  ...(r.children.length ? { inner: r.children.map(requirement) } : {}) });
const requirements = (d) => d.children.filter((r) => r.tag === "requirement").map(requirement);
const conditions = (d) => d.children.filter((r) => r.tag === "condition").map((r) => r.name);

const named = new Set();
for (const d of [base, ...wanted]) {
  for (const r of requirements(d)) if (r.e === "serverCluster") named.add(r.id);
}
const clusters = [...named].sort((a, b) => a - b).map((id) => cluster(Matter.clusters.find((c) => c.id === id)));

const version = JSON.parse(readFileSync(new URL("package.json", import.meta.url))).dependencies["@matter/model"];
const lines = (list) => "[\n" + list.map((v) => JSON.stringify(v)).join(",\n") + "\n]";
writeFileSync(new URL("../model.json", import.meta.url),
  `{"source":"npm @matter/model ${version}",\n"base":${JSON.stringify({ requirements: requirements(base), conditions: conditions(base) })},\n` +
  `"deviceTypes":${lines(wanted.map((d) => ({ id: d.id, n: d.name, rev: d.revision, class: d.classification,
    conditions: conditions(d), requirements: requirements(d) })))},\n"clusters":${lines(clusters)}}\n`);
