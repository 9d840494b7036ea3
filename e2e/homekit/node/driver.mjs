// A line protocol over the npm HomeKit controller hap-controller, so that tests in another language can
// drive it. One JSON object a line: {"id":1,"op":"get","as":"owner",...} on stdin, {"id":1,"result":...}
// or {"id":1,"error":{"message","status","body"}} on stdout, and {"event":...} whenever one arrives.
//
// The library has no time-outs and leaves promises unsettled when a connection ends (a closed session,
// an answer that never comes), so each call here has a deadline, and a client is thrown away whenever
// its connection is known to be dead.

import { generateKeyPairSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import hap from 'hap-controller';

const { HttpClient, IPDiscovery, PairMethods } = hap;

const hex = (text) => Buffer.from(text).toString('hex');
const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

class Failure extends Error {
  constructor(message, status, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

// A controller is one pairing: its keys, where the bridge is, and at most one client at a time.
class Controller {
  constructor(name, where, keys) {
    this.name = name;
    this.where = where;
    this.keys = keys;
    this.client = null;
    this.turn = Promise.resolve();
  }

  open() {
    if (!this.client) {
      this.client = this.connect();
      this.client.on('event', (event) =>
        send({ event: 'values', as: this.name, at: Date.now(), values: event.characteristics }));
      this.client.on('event-disconnect', (ids) =>
        send({ event: 'disconnect', as: this.name, at: Date.now(), ids }));
    }
    return this.client;
  }

  connect() {
    const { id, address, port } = this.where;
    return new HttpClient(id, address, port, this.keys, { usePersistentConnections: true });
  }

  // drop forgets the client with its sessions: the library would go on using their old keys.
  async drop() {
    const client = this.client;
    this.client = null;
    if (client) await client.close();
  }

  // alone runs one exchange of several requests at a time: a second prepare would replace the first.
  alone(exchange) {
    const next = this.turn.then(exchange, exchange);
    this.turn = next.catch(() => {});
    return next;
  }
}

const controllers = new Map();

function controller(name) {
  const known = controllers.get(name);
  if (!known) throw new Failure(`no controller named ${name}`);
  return known;
}

function parse(response) {
  const text = response.body.toString();
  let body = null;
  if (text !== '') {
    try {
      body = JSON.parse(text);
    } catch {
      body = text;
    }
  }
  return { status: response.statusCode, body };
}

async function request(connection, method, path, body) {
  if (method === 'GET') return parse(await connection.get(path));
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const bytes = Buffer.from(text);
  if (method === 'POST') return parse(await connection.post(path, bytes));
  return parse(await connection.put(path, bytes));
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// timed writes on a connection of its own ("fresh") or on the persistent one. The library has no timed
// write, so both requests are sent as they are.
async function timed(owner, { items, ttl = 5000, pid, putPid, wait = 0, fresh = false }) {
  const exchange = async () => {
    const client = fresh ? owner.connect() : owner.open();
    const connection = await client.getDefaultVerifiedConnection();
    try {
      const number = pid ?? Math.floor(Math.random() * 2 ** 48);
      const prepared = await request(connection, 'PUT', '/prepare', { ttl, pid: number });
      if (wait > 0) await pause(wait);
      const started = Date.now();
      const written = await request(connection, 'PUT', '/characteristics',
        { characteristics: items, pid: putPid ?? number });
      return { prepared, ...written, started, ended: Date.now() };
    } finally {
      if (fresh) await client.close();
    }
  };
  return fresh ? exchange() : owner.alone(exchange);
}

function discover({ match = {}, count = 1, all = false, deadline = 5000, iface }) {
  const browser = new IPDiscovery(iface);
  const started = Date.now();
  return new Promise((resolve) => {
    const found = new Map();
    const finish = () => {
      clearTimeout(timer);
      browser.stop();
      resolve({ services: [...found.values()], took: Date.now() - started });
    };
    const note = (service) => {
      if (match.id && service.id !== match.id) return;
      if (match.name && service.name !== match.name) return;
      if (match.sf !== undefined && service.sf !== match.sf) return;
      found.set(service.id, service);
      if (!all && found.size >= count) finish();
    };
    const timer = setTimeout(finish, deadline);
    browser.on('serviceUp', note);
    browser.on('serviceChanged', note);
    browser.start();
  });
}

// invite makes the keys of a further controller and lets an admin add it.
async function invite({ as, who, admin = false }) {
  const owner = controller(as);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const seed = Buffer.from(privateKey.export({ format: 'jwk' }).d, 'base64url');
  const shown = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  const identifier = `${who}-controller`;
  const guest = new Controller(who, owner.where, {
    ...owner.keys,
    iOSDevicePairingID: hex(identifier),
    iOSDeviceLTSK: Buffer.concat([seed, shown]).toString('hex'),
    iOSDeviceLTPK: shown.toString('hex'),
  });
  await owner.open().addPairing(identifier, shown, admin);
  controllers.set(who, guest);
  return { identifier };
}

// pairings turns the library's map into a list. Several pairings come as one array a type: identifiers
// (1), keys (3) and permissions (11), separators between them.
async function pairings({ as }) {
  const tlv = await controller(as).open().listPairings();
  const list = (type) => {
    const value = tlv.get(type);
    if (value === undefined) return [];
    return Array.isArray(value) ? value : [value];
  };
  const keys = list(3);
  const permissions = list(11);
  return list(1).map((identifier, i) => ({
    identifier: identifier.toString(),
    key: keys[i]?.toString('hex') ?? '',
    admin: permissions[i]?.[0] === 1,
  }));
}

const operations = {
  discover,
  invite,
  pairings,

  async pair({ as, pin, where }) {
    const fresh = new HttpClient(where.id, where.address, where.port, null, { usePersistentConnections: true });
    try {
      // The library's default method is the one of accessories with an Apple chip.
      await fresh.pairSetup(pin, PairMethods.PairSetup);
      const keys = fresh.getLongTermData();
      controllers.set(as, new Controller(as, where, keys));
      return { identifier: Buffer.from(keys.iOSDevicePairingID, 'hex').toString(), keys };
    } finally {
      await fresh.close();
    }
  },

  async adopt({ as, where, keys }) {
    await controllers.get(as)?.drop();
    controllers.set(as, new Controller(as, where, keys));
    return {};
  },

  async keys({ as }) {
    return controller(as).keys;
  },

  async reset({ as, where }) {
    const owner = controller(as);
    await owner.drop();
    if (where) owner.where = where;
    return {};
  },

  async accessories({ as }) {
    return controller(as).open().getAccessories();
  },

  async get({ as, ids, options }) {
    return controller(as).open().getCharacteristics(ids, options);
  },

  // put is the library's own write; status items that are not 0 come back in the result.
  async put({ as, values }) {
    return controller(as).open().setCharacteristics(values);
  },

  async timedPut({ as, ...rest }) {
    return timed(controller(as), rest);
  },

  async raw({ as, method, path, body }) {
    const connection = await controller(as).open().getDefaultVerifiedConnection();
    return request(connection, method, path, body);
  },

  // identify is allowed to everybody while the bridge is unpaired.
  async identify({ where }) {
    await new HttpClient(where.id, where.address, where.port).identify();
    return {};
  },

  async subscribe({ as, ids }) {
    return (await controller(as).open().subscribeCharacteristics(ids)) ?? {};
  },

  // unsubscribe is raw: the library's own skips exactly the characteristics that are subscribed.
  async unsubscribe({ as, ids }) {
    const client = controller(as).open();
    if (!client.subscriptionConnection) throw new Failure('not subscribed');
    const items = ids.map((id) => {
      const [aid, iid] = id.split('.').map(Number);
      return { aid, iid, ev: false };
    });
    const answer = await request(client.subscriptionConnection, 'PUT', '/characteristics', { characteristics: items });
    client.subscribedCharacteristics = client.subscribedCharacteristics.filter((id) => !ids.includes(id));
    return answer;
  },

  async removePairing({ as, identifier }) {
    const owner = controller(as);
    try {
      await owner.open().removePairing(hex(identifier));
    } finally {
      await owner.drop();
    }
    return {};
  },

  async close({ as }) {
    await controllers.get(as)?.drop();
    controllers.delete(as);
    return {};
  },
};

function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failure(`${what}: no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function serve(line) {
  const { id, op, timeout = 10000, ...rest } = JSON.parse(line);
  try {
    const run = operations[op];
    if (!run) throw new Failure(`unknown operation ${op}`);
    send({ id, result: await within(Promise.resolve(run(rest)), timeout, op) });
  } catch (error) {
    send({ id, error: {
      message: error.message,
      status: error.status ?? error.statusCode ?? 0,
      body: error.body ?? null,
    } });
  }
}

process.on('unhandledRejection', (error) => send({ event: 'fault', at: Date.now(), message: String(error) }));
createInterface({ input: process.stdin })
  .on('line', serve)
  .on('close', () => process.exit(0));
send({ event: 'ready', at: Date.now() });
