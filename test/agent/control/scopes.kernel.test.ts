// A real agent with two tenants. A session that covers one of them asks for everything, in every way that might have it told
// of the other, and listens meanwhile: no name of the other's comes over its connection.
import { join } from 'node:path';
import test from 'ava';
import { METHODS, type MethodName } from '../../../agent/control/methods.js';
import { writeLayout } from '../images/layout.js';
import { file } from '../images/tar-writer.js';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';
import { type RawConnection, rawConnect, request } from './raw.js';

/** Every name that the other tenant has: itself, its workloads, reservation, labels, scheduler, image, and what is in its specs. */
const NAMES = ['kestrel', 'osprey', 'merlin', 'plover', 'heron', 'egret', 'jackdaw', 'buzzard', 'sparrow'];
const PORT = 28_080;

let host: OwnHost;
let agent: OwnAgent;
let other: Client;
let session: RawConnection;
/** All that came over the connection of the session. */
const told: string[] = [];
let nextId = 1;
/** Of the other. */
let image: string;

const specOf = (id: string, tenant: string, more: object = {}) => ({
  ...{ id, tenant, driver: 'exec', network: { mode: 'none' } },
  exec: { isolation: 'none', command: ['/bin/sleep', '1000'], user: 'nobody' },
  ...more,
});

const theirs = (id: string, more: object = {}) => ({
  ...specOf(id, 'kestrel', { labels: { heron: 'egret' }, ...more }),
  exec: { isolation: 'none', command: ['/bin/sleep', '1000'], user: 'nobody', env: { BUZZARD: 'buzzard' } },
});
const publishing = { network: { mode: 'routed', ports: [{ host: PORT, guest: 80, protocol: 'tcp' }] } };

test.before(async () => {
  host = await openHost();
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start },
    cgroup: `berth-test-10-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.218.0.0/24',
      BERTH_NETWORK_TABLE: 'berth_test10',
      BERTH_NETWORK_LINK_PREFIX: 'ba',
      BERTH_NETWORK_SLOTS: '0',
      BERTH_LICENCE: JSON.stringify({ db: { count: 2 } }),
      BERTH_TENANT: JSON.stringify({ kestrel: { guaranteed: { workloads: 3 } }, mine: {} }),
      BERTH_DENSITY_MAX_WORKLOADS: '8',
      BERTH_DENSITY_PREEMPTION: 'priority',
      BERTH_WEB_LISTEN: '',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
    },
  });
  await agent.start();
  other = await connect(agent.socket);
  await other.call('session.hello', { scheduler: 'jackdaw', epoch: 1 });
  await other.call('workload.create', { spec: theirs('osprey', publishing) });
  await other.call('workload.create', { spec: theirs('merlin', { resources: { licences: { db: 1 } } }) });
  await other.call('workload.reserve', {
    spec: theirs('plover', { resources: { licences: { db: 1 } } }),
    ttl: 600_000,
  });
  await other.call('licence.lease', { licence: 'db', count: 1, ttl: 600_000 });
  image = await imageOf('sparrow');
  await other.call('image.pull', { image });

  session = await rawConnect(agent.socket);
  session.socket.on('message', (data) => told.push(data.toString()));
  await ask('session.hello', { scheduler: 'central', epoch: 1, scopes: ['mine'] });
  await ask('events.subscribe', { since: 0 });
  await ask('workload.create', { spec: specOf('own', 'mine') });
});

/** The name of an image in files of the host. */
async function imageOf(name: string): Promise<string> {
  const directory = join(host.directory, name);
  await writeLayout(directory, { layers: [{ entries: [file(name, name)] }] });
  return `oci:${directory}:latest`;
}

/** What the other does meanwhile, one after the other: something of every kind happens. */
const BUSY: readonly (() => Promise<unknown>)[] = [
  () => other.call('workload.restart', { id: 'osprey' }),
  () => other.call('workload.create', { spec: theirs('merlin-2') }),
  () => other.call('workload.patch', { id: 'osprey', patch: { labels: { heron: 'egret', sparrow: 'sparrow' } } }),
  () => other.call('workload.exec', { id: 'merlin', command: ['/bin/echo', 'buzzard'] }),
  () => other.call('node.cordon'),
  () => other.call('node.uncordon'),
  () => other.call('image.delete', { image }),
  () => other.call('image.pull', { image }),
  () => other.call('workload.freeze', { id: 'merlin' }),
  () => other.call('workload.thaw', { id: 'merlin' }),
  () => other.call('node.drain', { dryRun: true }),
  () => other.call('licence.audit', {}),
];

test.after.always(async () => {
  session?.socket.terminate();
  await other?.close();
  await agent.end();
  host.end();
});

/** The answer, but for its id. */
async function ask(method: string, params: object): Promise<Record<string, unknown>> {
  session.send(request(nextId++, method, params));
  const { id: _, ...answer } = await session.reply();
  return answer;
}

const namesIn = (text: string): string[] => NAMES.filter((name) => text.toLowerCase().includes(name));

/** What may be asked of an object, with the object named. */
const PROBES: Readonly<Record<string, (id: string) => object>> = {
  'workload.get': (id) => ({ id }),
  'workload.update': (id) => ({ id, spec: specOf(id, 'mine') }),
  'workload.patch': (id) => ({ id, patch: { labels: { a: 'b' } } }),
  'workload.delete': (id) => ({ id, now: true }),
  'workload.start': (id) => ({ id }),
  'workload.stop': (id) => ({ id }),
  'workload.restart': (id) => ({ id }),
  'workload.freeze': (id) => ({ id }),
  'workload.thaw': (id) => ({ id }),
  'workload.logs': (id) => ({ id }),
  'workload.exec': (id) => ({ id, command: ['/bin/true'] }),
  'workload.copy': (id) => ({ id, direction: 'from', path: '/etc' }),
  'workload.console': (id) => ({ id }),
  'workload.snapshot': (id) => ({ id }),
  'snapshot.delete': (id) => ({ id, name: '0001' }),
  'workload.release': (id) => ({ reservation: id }),
};

for (const [method, params] of Object.entries(PROBES))
  test.serial(`${method} of what is another tenant's answers as of what is not there`, async (t) => {
    const absent = JSON.stringify(await ask(method, params('absent')));
    t.regex(absent, /not_found|reservation_not_found/);
    for (const name of ['osprey', 'merlin', 'plover'])
      t.is(JSON.stringify(await ask(method, params(name))).replaceAll(name, 'absent'), absent, name);
  });

/** Right in themselves, or refused because of what the other has; without a name of the other's in the question. */
const QUESTIONS: readonly (readonly [MethodName, object])[] = [
  ['session.ping', {}],
  ['session.hello', { scheduler: 'central', epoch: 1, scopes: ['mine'] }],
  ...(['node.describe', 'node.capacity', 'node.top', 'node.cordon', 'node.uncordon', 'node.reload'] as const).map(
    (method) => [method, {}] as const,
  ),
  ['node.drain', { dryRun: true }],
  ...(['node.doctor', 'node.cleanup', 'node.tune', 'tenant.list', 'licence.list', 'licence.audit'] as const).map(
    (method) => [method, {}] as const,
  ),
  ['engine.list', {}],
  ['engine.get', { engine: 'docker' }],
  ['snapshot.list', {}],
  ['volume.list', {}],
  ['volume.delete', { tenant: 'mine', name: 'none' }],
  ['volume.prune', {}],
  ['image.list', {}],
  ['image.pull', { image: 'oci:/nothing' }],
  ['image.delete', { image: 'oci:/nothing' }],
  ['image.prune', {}],
  ['workload.list', {}],
  ['cni.call', { command: 'VERSION' }],
  // A stream belongs to the session that has opened it: the numbers of others are nobody's.
  ['stream.input', { stream: 1, end: true }],
  ['stream.credit', { stream: 1, bytes: 1 }],
  ['stream.resize', { stream: 1, columns: 80, rows: 24 }],
  ['stream.signal', { stream: 1, signal: 'SIGTERM' }],
  ['stream.close', { stream: 1 }],
  // What the other has by label is not told, and not that it has it.
  ['workload.list', { selector: 'mode', driver: 'exec', class: 'burstable' }],
  ['node.top', { selector: '!nothing' }],
  ['workload.get', { id: 'own' }],
  ['workload.logs', { id: 'own' }],
  ['workload.update', { id: 'own', spec: specOf('own', 'mine', { labels: { a: 'b' } }) }],
  ['workload.patch', { id: 'own', patch: { labels: { a: 'c' } } }],
  ['workload.patch', { id: 'own', patch: { network: { ports: publishing.network.ports } }, dryRun: true }],
  // Refused: the other has the port, the licences, and the room.
  ['workload.patch', { id: 'own', patch: { resources: { licences: { db: 3 } } }, dryRun: true }],
  ['workload.patch', { id: 'own', patch: { resources: { memory: { limit: '900Ti' } } } }],
  ['workload.create', { spec: specOf('port', 'mine', publishing) }],
  ['workload.fits', { spec: specOf('port', 'mine', publishing), preempt: true }],
  ['workload.reserve', { spec: specOf('port', 'mine', publishing) }],
  ['workload.create', { spec: specOf('licence', 'mine', { resources: { licences: { db: 3 } } }), preempt: true }],
  ['workload.fits', { spec: specOf('licence', 'mine', { resources: { licences: { db: 3 } } }), preempt: true }],
  ['workload.create', { spec: specOf('large', 'mine', { priority: 900, resources: { memory: { limit: '900Ti' } } }) }],
  [
    'workload.fits',
    { spec: specOf('large', 'mine', { priority: 900, resources: { cpu: { request: 900 } } }), preempt: true },
  ],
  ['workload.create', { spec: specOf('joined', 'mine', { network: { mode: 'bridge', bridge: 'none' } }) }],
  ['workload.reserve', { spec: specOf('held', 'mine'), ttl: 60_000 }],
  ['workload.release', { reservation: 'held' }],
  ['workload.restart', { id: 'own' }],
  ['workload.freeze', { id: 'own' }],
  ['workload.thaw', { id: 'own' }],
  ['workload.stop', { id: 'own' }],
  ['workload.start', { id: 'own' }],
  ['tenant.set', { tenant: 'mine', settings: {} }],
  ['tenant.delete', { tenant: 'mine' }],
  ['licence.lease', { licence: 'db', count: 1, ttl: 60_000 }],
  ['events.ack', { cursor: 1 }],
  ['events.subscribe', { since: 0 }],
];

test.serial('every method is asked', (t) => {
  const asked = new Set([...QUESTIONS.map(([method]) => method), ...Object.keys(PROBES)]);
  t.deepEqual([...asked].sort(), Object.keys(METHODS).sort());
});

test.serial('no answer names the other tenant or anything of it, while it is busy', async (t) => {
  const answers = new Map<string, string>();
  const happened = new Set<unknown>();
  for (const [at, [method, params]] of QUESTIONS.entries()) {
    const happens = at % 3 === 0 ? BUSY[(at / 3) % BUSY.length] : undefined;
    await happens?.().then(
      () => happened.add(happens),
      () => undefined,
    );
    const answer = JSON.stringify(await ask(method, params));
    t.deepEqual(namesIn(answer), [], `${method}: ${answer}`);
    answers.set(`${method} ${JSON.stringify(params)}`, answer);
  }
  t.deepEqual(BUSY.filter((each) => !happened.has(each)).map(String), []);
  // The questions met what they were made for.
  const all = [...answers.values()].join('\n');
  for (const code of ['port_in_use', 'admission_refused', 'not_permitted']) t.true(all.includes(code), code);
  t.true(all.includes('(other)'));
});

test.serial('an id that the other has is taken, and no more is told', async (t) => {
  for (const method of ['workload.create', 'workload.reserve'])
    for (const id of ['osprey', 'plover']) {
      const { error } = await ask(method, { spec: specOf(id, 'mine') });
      t.like(error, { message: `the id "${id}" is taken`, data: { code: 'conflict', data: { id } } });
      t.deepEqual(namesIn(JSON.stringify(error).replaceAll(id, '')), []);
    }
});

test.serial('no event names them, neither of before nor of now', async (t) => {
  await other
    .call('workload.update', { id: 'merlin', spec: theirs('merlin', { resources: { licences: {} } }) })
    .catch(() => undefined);
  await other.call('tenant.set', { tenant: 'kestrel', settings: { quota: { workloads: 1 } }, evict: true });
  for (const id of ['osprey', 'merlin', 'merlin-2'])
    await other.call('workload.delete', { id, now: true }).catch(() => undefined);
  await other.call('workload.release', { reservation: 'plover' });
  while ((await other.call('workload.list')).workloads.some(({ spec }) => spec.tenant === 'kestrel'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  await ask('workload.delete', { id: 'own', now: true });
  const events = () => told.filter((text) => text.includes('"method":"event"'));
  while (!events().some((text) => text.includes('workload.deleted')))
    await new Promise((resolve) => setTimeout(resolve, 50));
  t.true(events().length > 10);
  for (const text of events()) t.deepEqual(namesIn(text), [], text);
});
