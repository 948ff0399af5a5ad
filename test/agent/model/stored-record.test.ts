// Records of every version that was released, as its journal wrote them: each later version takes them over. Fixtures are
// never changed; a new version of the format adds a directory.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { type DriverName, parseSpec } from '../../../agent/model/spec.js';
import { carryOver, isSameSpec } from '../../../agent/model/stored-spec.js';
import { fixedChanges } from '../../../agent/workload/change.js';
import { decode, encode, Journal } from '../../../agent/workload/journal.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { ODD_THINGS } from '../odd-things.js';
import { recordOf } from '../workload/records.js';

const FIXTURES = fileURLToPath(new URL('../../../../test/agent/workload/fixtures/records', import.meta.url));

type Tree = Record<string, unknown>;

function entryOf(record: unknown, version: unknown = 2): string {
  const body = JSON.stringify(record);
  return JSON.stringify({
    version,
    checksum: createHash('sha256').update(body).digest('hex'),
    record: JSON.parse(body),
  });
}

/** With an unknown field in every object of it. */
function withUnknown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withUnknown);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.entries(value).map(([key, one]) => [key, withUnknown(one)]);
  return { ...Object.fromEntries(inner), laterField: { deep: [1, 'x'] } };
}

/** Without the limit of tries that the format of version 2 once held where nobody had asked for one. */
function recordIn(text: string): Tree {
  const { record } = JSON.parse(text) as { record: Tree & { spec: Tree & { restart: Tree } } };
  if (record.restart === undefined && record.spec.restart.maxRetries === 5) delete record.spec.restart.maxRetries;
  return record;
}

/** Every value of `part` is in `whole`, at its place. */
function holds(whole: unknown, part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return Object.is(whole, part);
  if (typeof whole !== 'object' || whole === null) return false;
  return Object.entries(part).every(([key, value]) => holds((whole as Tree)[key], value));
}

for (const version of readdirSync(FIXTURES))
  test(`every record that a journal of version ${version} wrote is taken over as it was`, async (t) => {
    const state = temporaryDirectory('records');
    mkdirSync(join(state, 'workloads'), { recursive: true });
    cpSync(join(FIXTURES, version), join(state, 'workloads'), { recursive: true });
    const { records, damaged } = await new Journal(state).load();
    t.deepEqual(damaged, []);
    t.is(records.length, readdirSync(join(FIXTURES, version)).length);
    t.true(records.length >= 32, 'four drivers in eight states');
    for (const record of records) {
      const stored = recordIn(readFileSync(join(FIXTURES, version, `${record.id}.json`), 'utf8'));
      t.true(holds(record, stored), record.id);
      // What is written again is read again.
      t.deepEqual(decode(encode(record)), record);
    }
  });

test('a field that this version does not know survives a rewrite, at every level', (t) => {
  for (const name of readdirSync(join(FIXTURES, 'v2'))) {
    const stored = withUnknown(recordIn(readFileSync(join(FIXTURES, 'v2', name), 'utf8')));
    const read = decode(entryOf(stored));
    t.true(holds(recordIn(encode(read)), stored), name);
  }
});

test('a field that this version does not know is no change that somebody asks for, and survives one', (t) => {
  for (const name of readdirSync(join(FIXTURES, 'v2'))) {
    const plain = recordIn(readFileSync(join(FIXTURES, 'v2', name), 'utf8'));
    const { spec: stored } = decode(entryOf(withUnknown(plain)));
    const { spec: asked } = decode(entryOf(plain));
    t.true(isSameSpec(asked, stored), name);
    t.deepEqual(carryOver(asked, stored), stored, name);
    const relabelled = { ...asked, labels: { changed: 'yes' }, priority: asked.priority + 1 };
    const merged = carryOver(relabelled, stored);
    t.deepEqual(fixedChanges(stored, merged), [], name);
    t.like(merged, { priority: relabelled.priority, labels: { changed: 'yes' }, laterField: { deep: [1, 'x'] } });
    t.true(holds(merged.network, stored.network) && holds(merged.resources, stored.resources), name);
    t.false(isSameSpec(relabelled, stored), name);
  }
});

test('an entry of a list keeps its unknown fields wherever it stands, and one that is new has none', (t) => {
  const port = (host: number) => ({ host, guest: 80 });
  const of = (...hosts: readonly number[]) =>
    parseSpec({ ...recordOf().spec, network: { ports: hosts.map((host) => port(host)) } });
  const before = of(8001, 8002);
  const ports = before.network.ports.map((one) => ({ ...one, later: one.host }));
  const stored = { ...before, network: { ...before.network, ports } };
  const [first, second] = carryOver(of(8003, 8002), stored).network.ports;
  t.deepEqual(first, of(8003).network.ports[0]);
  t.deepEqual(second, ports[1]);
});

for (const version of [1, 3, 99])
  test(`an envelope of version ${version} is read as far as this one knows it`, (t) => {
    const record = recordOf();
    t.deepEqual(decode(entryOf(record, version)), record);
  });

test('values that the rules for input refuse today are kept, and what lacks beside them gets its default', (t) => {
  const { restart: _restart, ...spec } = recordOf().spec;
  const changes: Tree[] = [
    { priority: 5000 },
    { labels: { 'what ever?': 'x' } },
    { exec: { command: ['relative'], user: 'two words', env: {} } },
    { resources: { cpu: { limit: 0.0001 }, memory: { limit: 1 } } },
    { network: { mode: 'of tomorrow' } },
    { class: 'platinum' },
    { tenant: 'supervisor' },
  ];
  for (const change of changes) {
    const refused = { ...spec, ...change };
    t.throws(() => parseSpec(refused), { name: 'BerthError' }, JSON.stringify(change));
    const read = decode(entryOf(recordOf({ spec: refused as never })));
    t.true(holds(read.spec, refused), JSON.stringify(change));
    t.is(read.spec.restart.policy, 'never');
    t.deepEqual(read.spec.network.ports, []);
  }
});

/** What records of version 2 meant where they say nothing. A default that changes is for new workloads, and needs a row in stored-spec.ts. */
const MEANT: Tree = {
  ...{ env: {}, mounts: [], files: [], secrets: [], groups: [], readOnlyRootfs: false, init: false, stop: {} },
  ...{ class: 'burstable', priority: 100, resources: {}, restart: { policy: 'never' }, labels: {} },
  network: {
    mode: 'routed',
    ports: [],
    reachable: 'any',
    bandwidth: {},
    egress: { default: 'allow', allow: [], deny: [] },
  },
};
const SECTIONS: Readonly<Record<DriverName, readonly [least: Tree, meant: Tree]>> = {
  exec: [{ command: ['/x'] }, { command: ['/x'], isolation: 'none', env: {}, cwd: '/' }],
  oci: [
    { rootfs: '/r', command: ['/x'] },
    { rootfs: '/r', command: ['/x'], env: {}, user: { uid: 0, gid: 0 }, readonly: false },
  ],
  qemu: [
    { kernel: '/k', memory: 1 << 28 },
    { kernel: '/k', memory: 1 << 28 },
  ],
  firecracker: [
    { kernel: '/k', root: { path: '/r' } },
    {
      ...{
        kernel: '/k',
        root: { path: '/r', readOnly: false },
        drives: [],
        append: 'console=ttyS0',
        vcpus: 1,
        smt: false,
      },
      ...{ memory: 1 << 27, vsock: false, entropy: true },
      balloon: { deflateOnOom: true, statistics: 0, freePageReporting: false },
    },
  ],
  external: [{}, { tap: false, at: 'netns', uid: 0, multiQueue: false, vsock: false, vnetHeader: true }],
};

for (const [driver, [least, meant]] of Object.entries(SECTIONS))
  test(`what a stored ${driver} workload leaves open means what it meant when it was written`, (t) => {
    const spec = { id: 'web-1', tenant: 'acme', driver, [driver]: least };
    const read = decode(entryOf(recordOf({ spec: spec as never }))).spec;
    t.deepEqual(read, { ...spec, ...MEANT, [driver]: meant } as never);
  });

for (const mode of ['none', 'host'])
  test(`a stored workload of mode ${mode} can be asked for again as it is`, (t) => {
    const spec = { id: 'web-1', tenant: 'acme', driver: 'external', external: {}, network: { mode } };
    const read = decode(entryOf(recordOf({ spec: spec as never }))).spec;
    t.deepEqual(parseSpec(read), read);
  });

test('a state that a later version has added is one in which its process goes on', (t) => {
  const process = { pid: 1, startTime: 2, startedAt: 3 };
  t.is(decode(entryOf({ ...recordOf(), state: 'migrating', process })).state, 'running');
  t.is(decode(entryOf({ ...recordOf(), state: 'migrating', process: null })).state, 'pending');
});

test('the record of a driver that this version does not have stays in its place', async (t) => {
  const state = temporaryDirectory('records');
  mkdirSync(join(state, 'workloads'), { recursive: true });
  const { spec } = recordOf();
  const path = join(state, 'workloads/web-1.json');
  writeFileSync(path, entryOf(recordOf({ spec: { ...spec, driver: 'wasm' } as never })));
  const { records, damaged } = await new Journal(state).load();
  t.deepEqual(records, []);
  t.is(damaged[0]?.movedTo, null);
  t.regex(damaged[0]?.problem ?? '', /driver "wasm"/);
  t.deepEqual(readdirSync(join(state, 'workloads')), ['web-1.json']);
});

for (const { name, make } of ODD_THINGS)
  test(`${name} among the records keeps no workload from being taken over`, async (t) => {
    const state = temporaryDirectory('records');
    const journal = new Journal(state);
    await journal.load();
    await journal.write(recordOf());
    for (const odd of ['a.json', 'b.json.tmp', 'c']) await make(join(state, 'workloads', odd));
    const { records, damaged } = await new Journal(state).load();
    t.deepEqual(
      records.map(({ id }) => id),
      ['web-1'],
    );
    t.deepEqual(damaged.map(({ id }) => id).sort(), ['a', 'c']);
  });
