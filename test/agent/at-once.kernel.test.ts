// The real agent, asked for everything at once, and ended while its peers do nothing.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { reportOf } from '../../agent/base/errors.js';
import { METHODS, type MethodName } from '../../agent/control/methods.js';
import type { ErrorCode } from '../../protocol/errors.js';
import { berth } from './cli/fake.js';
import { rawConnect } from './control/raw.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

const AT_ONCE = 40;
const ROUNDS = 8;

let host: OwnHost;
let agent: OwnAgent;
let clients: Client[] = [];

test.before(async () => {
  host = await openHost();
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-9-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.219.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_test9',
      BERTH_NETWORK_LINK_PREFIX: 'b9',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_LICENCE: JSON.stringify({ db: { count: 1000 } }),
      BERTH_WEB_LISTEN: '127.0.0.1:9464',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
    },
  });
  await agent.start();
});

test.after.always(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await agent.end();
  host.end();
});

const spec = (id: string) => ({
  ...{ id, tenant: 'storm', driver: 'exec', network: { mode: 'none' } },
  exec: { isolation: 'none', command: ['/bin/sleep', '1000'], user: 'nobody' },
});

/** Parameters that are right in themselves; `at` chooses the object. */
const PARAMS: { readonly [M in MethodName]: (at: number) => object } = {
  'session.hello': () => ({ scheduler: 'central', epoch: 1 }),
  'session.ping': () => ({}),
  'node.describe': () => ({}),
  'node.capacity': () => ({}),
  'node.top': () => ({}),
  'node.cordon': () => ({}),
  'node.uncordon': () => ({}),
  // Nobody else's storm ends: no workload has the label.
  'node.drain': () => ({ selector: 'drained' }),
  'node.reload': () => ({}),
  'node.doctor': () => ({}),
  'node.cleanup': () => ({}),
  // Not `fix`: the ceilings are those of the machine that runs the tests.
  'node.tune': () => ({ action: 'plan' }),
  'workload.fits': (at) => ({ spec: spec(`w${at % 3}`) }),
  'workload.create': (at) => ({ spec: spec(`w${at % 3}`) }),
  'workload.reserve': (at) => ({ spec: spec(`r${at % 3}`), ttl: 5000 }),
  'workload.release': (at) => ({ reservation: `r${at % 3}` }),
  'workload.update': (at) => ({ id: `w${at % 3}`, spec: { ...spec(`w${at % 3}`), labels: { at: String(at % 2) } } }),
  'workload.patch': (at) => ({ id: `w${at % 3}`, patch: { labels: { at: String(at % 2) } } }),
  'workload.delete': (at) => ({ id: `w${at % 3}`, now: true }),
  'workload.get': (at) => ({ id: `w${at % 3}` }),
  'workload.list': () => ({}),
  'workload.start': (at) => ({ id: `w${at % 3}` }),
  'workload.stop': (at) => ({ id: `w${at % 3}` }),
  'workload.restart': (at) => ({ id: `w${at % 3}` }),
  'workload.freeze': (at) => ({ id: `w${at % 3}` }),
  'workload.thaw': (at) => ({ id: `w${at % 3}` }),
  'workload.logs': (at) => ({ id: `w${at % 3}` }),
  'workload.exec': (at) => ({ id: `w${at % 3}`, command: ['true'] }),
  'workload.copy': (at) => ({ id: `w${at % 3}`, direction: 'from', path: '/etc/hostname' }),
  'workload.console': (at) => ({ id: `w${at % 3}` }),
  'stream.input': (at) => ({ stream: at, end: true }),
  'stream.credit': (at) => ({ stream: at, bytes: 1 }),
  'stream.resize': (at) => ({ stream: at, columns: 80, rows: 24 }),
  'stream.signal': (at) => ({ stream: at, signal: 'SIGTERM' }),
  'stream.close': (at) => ({ stream: at }),
  'workload.snapshot': (at) => ({ id: `w${at % 3}` }),
  'snapshot.list': () => ({}),
  'snapshot.delete': (at) => ({ id: `w${at % 3}`, name: '0001' }),
  'volume.list': () => ({}),
  'volume.delete': (at) => ({ tenant: 'default', name: `v${at % 3}` }),
  'volume.prune': () => ({}),
  'image.list': () => ({}),
  'image.pull': () => ({ image: 'oci:/nothing', pull: 'missing' }),
  'image.delete': () => ({ image: 'oci:/nothing' }),
  'image.prune': () => ({}),
  'cni.call': (at) => ({
    ...{ command: 'DEL', containerId: `c${at % 3}`, ifname: 'eth0' },
    config: JSON.stringify({ cniVersion: '1.1.0', name: 'storm', type: 'berth-cni' }),
  }),
  'engine.list': () => ({}),
  'engine.get': () => ({ engine: 'docker' }),
  'tenant.list': () => ({}),
  'tenant.set': (at) => ({ tenant: 'other', create: true, settings: { quota: { workloads: 10 + (at % 2) } } }),
  'tenant.delete': () => ({ tenant: 'other' }),
  'licence.list': () => ({}),
  'licence.lease': () => ({ licence: 'db', count: 5, ttl: 60_000 }),
  'licence.audit': () => ({}),
  'events.subscribe': () => ({}),
  'events.ack': () => ({ cursor: 1 }),
};

/** These succeed however often and by however many they are asked for. */
const IDEMPOTENT: readonly MethodName[] = [
  ...(['session.hello', 'session.ping', 'node.describe', 'node.capacity', 'node.top', 'node.cordon'] as const),
  ...([
    'node.uncordon',
    'node.drain',
    'node.reload',
    'node.doctor',
    'node.cleanup',
    'node.tune',
    'workload.fits',
  ] as const),
  ...([
    'workload.create',
    'workload.update',
    'workload.patch',
    'workload.get',
    'workload.list',
    'workload.start',
  ] as const),
  ...([
    'workload.logs',
    'volume.list',
    'volume.prune',
    'image.list',
    'image.prune',
    'cni.call',
    'engine.list',
    'engine.get',
    'tenant.list',
    'tenant.set',
    'licence.list',
    'licence.lease',
    'licence.audit',
  ] as const),
  ...(['events.subscribe', 'events.ack', 'workload.stop'] as const),
];

/** Defects, and what a peer that does nothing wrong must not meet. */
const NEVER: readonly (ErrorCode | 'ok')[] = ['internal', 'os_error', 'rate_limited', 'invalid_params', 'parse_error'];

async function ask(method: MethodName, at: number): Promise<string> {
  const client = clients[at % clients.length];
  if (client === undefined) throw new Error('no client');
  try {
    await client.call(method, PARAMS[method](at) as never);
    return 'ok';
  } catch (error) {
    const { code, message } = reportOf(error);
    return code === 'internal' || code === 'os_error' ? `${code}: ${message}` : code;
  }
}

/** New connections, so that the storm before does not count against the rate of this one. */
async function reconnect(): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  clients = await Promise.all(Array.from({ length: 8 }, () => connect(agent.socket)));
  await Promise.all(clients.map((client) => client.call('session.hello', { scheduler: 'central', epoch: 1 })));
}

/** Creates it; one that is being deleted is waited for first. */
async function present(id: string): Promise<void> {
  for (;;) {
    const found = await clients[0]?.call('workload.get', { id }).catch(() => undefined);
    if (found !== undefined && found.desired !== 'deleted') return;
    await clients[0]?.call('workload.create', { spec: spec(id) }).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const isBad = (answer: string): boolean => NEVER.some((code) => answer.startsWith(code));

test.serial('every method is in the table', (t) => {
  t.deepEqual(Object.keys(PARAMS).sort(), Object.keys(METHODS).sort());
});

for (const method of Object.keys(METHODS) as MethodName[])
  test.serial(`${method}, ${AT_ONCE} times at once: no defect, and what is idempotent succeeds`, async (t) => {
    await reconnect();
    if (method.startsWith('workload.')) {
      await clients[0]?.call('node.uncordon');
      for (const at of [0, 1, 2]) await present(`w${at}`);
    }
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => ask(method, at)));
    t.deepEqual(answers.filter(isBad), []);
    if (IDEMPOTENT.includes(method)) t.deepEqual([...new Set(answers)], ['ok']);
    else t.is(answers.length, AT_ONCE);
  });

test.serial('every method against every other at once: no defect', async (t) => {
  await reconnect();
  const methods = Object.keys(METHODS) as MethodName[];
  const bad: string[] = [];
  let succeeded = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // All of them are under way together; each round begins with another one.
    const turned = [...methods.slice(round * 4), ...methods.slice(0, round * 4)];
    const order = round % 2 === 0 ? turned : turned.reverse();
    const answers = await Promise.all(order.map(async (method, at) => `${await ask(method, at + round)} of ${method}`));
    bad.push(...answers.filter(isBad));
    succeeded += answers.filter((answer) => answer.startsWith('ok')).length;
  }
  t.deepEqual(bad, []);
  t.true(succeeded > ROUNDS * 15, `${succeeded} succeeded`);
});

/** Exit code and output of a command of a person, without what differs from workload to workload. */
async function answered(line: string, input?: string): Promise<string> {
  const options = { connect: () => connect(agent.socket), now: Date.now, ...(input === undefined ? {} : { input }) };
  const { exit, out } = await berth(line, options);
  return `${exit} ${out.trim().replace(/\d+(\.\d+)?(ms|s)?/g, 'N')}`;
}

test.serial('a program that dies at once: create, start and restart have one answer each, 20 times', async (t) => {
  await reconnect();
  // The tests before may have left it cordoned.
  await clients[0]?.call('node.uncordon');
  const ids = Array.from({ length: 20 }, (_, at) => `false-${at}`);
  const dead = async (id: string): Promise<void> => {
    const until = performance.now() + 30_000;
    for (;;) {
      const view = await clients[0]?.call('workload.get', { id });
      if (view?.state === 'failed' && view.end?.code === 1) return;
      if (performance.now() > until) throw new Error(`${id} is not dead: ${JSON.stringify(view)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const specOf = (id: string): string =>
    JSON.stringify({ ...spec(id), exec: { isolation: 'none', command: ['/bin/false'] }, restart: { policy: 'never' } });
  const asked: Readonly<Record<string, (id: string) => Promise<string>>> = {
    create: (id) => answered('workload create -f -', specOf(id)),
    start: (id) => answered(`workload start ${id}`),
    restart: (id) => answered(`workload restart ${id}`),
  };
  for (const [verb, ask] of Object.entries(asked)) {
    const answers: string[] = [];
    // One after the other, and all at once.
    for (const id of ids.slice(0, 10)) answers.push(await ask(id));
    answers.push(...(await Promise.all(ids.slice(10).map(ask))));
    t.regex(answers[0] ?? '', /^0 false-N running/, verb);
    t.deepEqual(new Set(answers), new Set([answers[0]]), verb);
    for (const id of ids) await dead(id);
  }
  for (const id of ids) await clients[0]?.call('workload.delete', { id, now: true });
});

test.serial('SIGTERM ends the agent whatever its connections do, and the event log is closed', async (t) => {
  const silent: Socket[] = [];
  for (let at = 0; at < 3; at++) {
    const socket = createConnection(agent.socket);
    await once(socket, 'connect');
    silent.push(socket);
  }
  silent[1]?.write('GET / HTTP/1.1\r\nHost: lo');
  // A websocket that reads nothing any more, neither events nor the goodbye.
  const deaf = await rawConnect(agent.socket);
  deaf.socket.pause();
  const { pid } = agent;
  t.is(typeof pid, 'number');
  await agent.kill('SIGTERM');
  const lines = readFileSync(join(host.directory, 'state', 'events.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  t.regex(lines.at(-1) ?? '', /^\{"closed":\d+\}$/);
  for (const socket of silent) socket.destroy();
  deaf.socket.terminate();
  await agent.start();
  await reconnect();
});
