// Every file of the agent's state against whatever may lie in its place, and against what a later version writes.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { Clock } from '../../../agent/base/clock.js';
import { type Damaged, replaceFile } from '../../../agent/base/durable.js';
import { directoriesOfOthers, prepareState, STATE_FILES } from '../../../agent/base/state-files.js';
import { EventLog } from '../../../agent/control/event-log.js';
import { NumberFile } from '../../../agent/control/number-file.js';
import { installationId } from '../../../agent/daemon/assembly/installation.js';
import { Cordon } from '../../../agent/daemon/cordon.js';
import { Relief } from '../../../agent/daemon/relief.js';
import { Audit } from '../../../agent/density/audit.js';
import { Licences } from '../../../agent/density/licences.js';
import { OverheadCheckpoint } from '../../../agent/density/overhead/checkpoint.js';
import { Checkpoint } from '../../../agent/density/prediction/checkpoint.js';
import { Reservations } from '../../../agent/density/reservations.js';
import { Tenants } from '../../../agent/density/tenants.js';
import { Tuner } from '../../../agent/density/tuner.js';
import { Layers } from '../../../agent/images/layers.js';
import { Places } from '../../../agent/images/places.js';
import { DrainFile } from '../../../agent/workload/drain-file.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { openImages } from '../images/fixture.js';
import { ODD_THINGS } from '../odd-things.js';
import { specOf } from '../workload/fake-world.js';

const HOUR = 3_600_000;
const clock: Clock = { wall: () => 1000, boot: () => 1000 };
const config = { tenant: {}, density: { max_workloads_per_tenant: 0 } } as never;
const onDamaged = (): void => undefined;
const LOG = { info: onDamaged, warn: onDamaged, error: onDamaged };

const DRAIN = {
  ...{ since: 1, deadline: null, graceMs: null, keepClass: null, tenant: null, selector: null, drainedAt: null },
  ...{ lifting: false, opened: false },
};

const reservations = (directory: string) => new Reservations({ directory, bootId: 'boot', clock, onDamaged });
const licences = (directory: string) =>
  new Licences({ directory, bootId: 'boot', clock, config: { db: { count: 0 } } as never, onDamaged });
const tenants = (directory: string) => new Tenants({ directory, config, onDamaged });

const HEX = 'a1'.repeat(32);
const LAYER = HEX.slice(0, 26);

/** Path in the state directory, and how it is read and then written. */
const FILES: readonly { readonly path: string; use(directory: string): Promise<unknown> }[] = [
  {
    path: 'epochs.json',
    async use(directory) {
      const file = new NumberFile(join(directory, 'epochs.json'), { fsync: false, onDamage: onDamaged });
      await file.set('one', 1);
    },
  },
  ...['licences.audit.jsonl', 'licences.audit.jsonl.1'].map((path) => ({
    path,
    async use(directory: string) {
      const audit = new Audit(directory, {
        onError(error) {
          throw error;
        },
      });
      await audit.outstanding();
      audit.append({ at: 1, type: 'lease', licence: 'db', count: 1, scheduler: 's' });
      await audit.settled();
    },
  })),
  {
    path: 'sysctl.rollback.json',
    async use(directory) {
      const tuner = new Tuner({ directory, root: temporaryDirectory('root') });
      await tuner.rollback().catch((error: { code?: string }) => {
        if (error.code !== 'state_damaged' && error.code !== 'rollback_missing') throw error;
      });
    },
  },
  {
    path: 'cordoned',
    async use(directory) {
      const cordon = new Cordon(directory);
      await cordon.set(true);
      if (!cordon.get()) throw new Error('not cordoned');
      await cordon.set(false);
      if (cordon.get()) throw new Error('still cordoned');
    },
  },
  {
    path: 'drain.json',
    async use(directory) {
      const drains = new DrainFile(directory, { onDamaged: onDamaged });
      await drains.load();
      await drains.save(DRAIN);
      if ((await drains.load())?.since !== 1) throw new Error('not drained');
      await drains.save(null);
      if ((await drains.load()) !== null) throw new Error('still drained');
    },
  },
  {
    path: 'probe',
    async use(directory) {
      await replaceFile(join(directory, 'probe'), 'x');
    },
  },
  {
    path: 'acks.json',
    async use(directory) {
      const file = new NumberFile(join(directory, 'acks.json'), { fsync: false, onDamage: onDamaged });
      await file.set('one', 1);
    },
  },
  ...['events.jsonl', 'events.jsonl.1', 'events-lasting.jsonl', 'events-lasting.jsonl.1'].map((path) => ({
    path,
    async use(directory: string) {
      const log = new EventLog({ directory, bootId: 'boot' });
      log.append({ type: 'agent.started' });
      await log.close();
    },
  })),
  { path: 'installation.json', use: (directory) => installationId(directory, directory, LOG, directory) },
  { path: 'licences.json', use: (directory) => licences(directory).load() },
  { path: 'prediction.json', use: (directory) => new Checkpoint(directory).load() },
  { path: 'overhead.json', use: (directory) => new OverheadCheckpoint(directory).load() },
  ...[`images/by-digest/${HEX}.json`, `images/layers/${LAYER}.json`, 'images/pulls/1-0'].map((path) => ({
    path,
    use: async (directory: string) => void (await openImages(directory)),
  })),
  {
    path: `images/layers/${LAYER}`,
    async use(directory) {
      writeFileSync(
        join(directory, `images/layers/${LAYER}.json`),
        JSON.stringify({ chainId: `sha256:${HEX}`, bytes: 1 }),
      );
      await openImages(directory);
    },
  },
  {
    path: 'relief/reserve-1',
    async use(directory) {
      const ready = await new Relief(directory, { files: 3, bytes: 4096, spare: 0 }).refill();
      if (ready !== 3) throw new Error(`${ready} of 3 files of relief`);
    },
  },
  { path: 'tenants/acme.json', use: (directory) => tenants(directory).load() },
  { path: 'reservations/web-1.json', use: (directory) => reservations(directory).load(() => false) },
];

for (const { path, use } of FILES)
  for (const { name, make } of ODD_THINGS)
    test(`${name} in the place of ${path} keeps no agent from its start`, async (t) => {
      const directory = temporaryDirectory('odd');
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      await make(join(directory, path));
      prepareState({ state: directory, runtime: join(directory, 'run') });
      await t.notThrowsAsync(use(directory));
    });

test('every file of the table is read here', (t) => {
  const tested = new Set(FILES.flatMap(({ path }) => [path, path.split('/')[0] ?? '']));
  const files = STATE_FILES.filter(({ in: where, holds }) => where === 'state' && holds === 'file');
  t.deepEqual(
    files.map(({ name }) => name).filter((name) => !tested.has(name)),
    [],
  );
});

for (const { name, make } of ODD_THINGS)
  test(`${name} in the place of anything of the table is set aside and told`, async (t) => {
    const root = temporaryDirectory('odd');
    const directories = { state: join(root, 's'), runtime: join(root, 'r') };
    for (const directory of Object.values(directories)) mkdirSync(directory);
    for (const one of STATE_FILES) if (!one.name.includes('/')) await make(join(directories[one.in], one.name));
    writeFileSync(join(directories.state, 'licences.json.1-x.tmp'), 'cut short');
    const damaged = prepareState(directories);
    for (const one of STATE_FILES) {
      const path = join(directories[one.in], one.name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (one.holds === 'directory') t.true(found?.isDirectory(), path);
      else t.true(found === undefined || found.isFile(), path);
      const told = damaged.some((each) => each.path === path);
      t.is(told, existsSync(`${path}.damaged`) || isLink(`${path}.damaged`), path);
    }
    t.true(damaged.length > 0);
    t.deepEqual(
      readdirSync(directories.state).filter((file) => file.endsWith('.tmp')),
      [],
    );
    t.deepEqual(prepareState(directories), []);
  });

for (const { name, make } of ODD_THINGS)
  test(`${name} in the place of a directory inside another is set aside and told`, async (t) => {
    for (const inner of STATE_FILES.filter((one) => one.name.includes('/'))) {
      const root = temporaryDirectory('odd');
      const directories = { state: join(root, 's'), runtime: join(root, 'r') };
      const path = join(directories[inner.in], inner.name);
      mkdirSync(dirname(path), { recursive: true });
      await make(path);
      const isDirectory = lstatSync(path).isDirectory();
      const damaged = prepareState(directories);
      t.true(lstatSync(path).isDirectory(), path);
      t.deepEqual(
        damaged.map((one) => one.path),
        isDirectory ? [] : [path],
      );
    }
  });

test('a state directory with directories of somebody else is told, unless berth has been there', (t) => {
  const state = temporaryDirectory('foreign');
  const directories = { state, runtime: temporaryDirectory('run') };
  t.deepEqual(directoriesOfOthers('/nonexistent'), []);
  for (const name of ['snapshots/db/20260101', 'images/blobs/sha256/x', 'other/file', 'logs'])
    mkdirSync(join(state, name), { recursive: true });
  t.deepEqual(directoriesOfOthers(state), ['images', 'snapshots']);
  prepareState(directories);
  t.deepEqual(directoriesOfOthers(state), [], 'its marks are there, and nothing else yet');
  for (const name of ['images', 'volumes', 'logs']) rmSync(join(state, name, '.berth'));
  t.deepEqual(directoriesOfOthers(state), ['volumes', 'images', 'snapshots'], 'without a mark and a record');
  for (const mine of ['installation.json', 'workloads/web-1.json']) {
    writeFileSync(join(state, mine), '{}');
    t.deepEqual(directoriesOfOthers(state), [], mine);
    rmSync(join(state, mine));
  }
});

test('a directory that an operator has moved is used behind its link; one that berth has not made is not', (t) => {
  const root = temporaryDirectory('moved');
  const directories = { state: join(root, 's'), runtime: join(root, 'r') };
  prepareState(directories);
  const [images, volumes, logs] = ['images', 'volumes', 'logs'].map((name) => join(directories.state, name));
  const moved = (from = '', to = ''): void => {
    renameSync(from, to);
    symlinkSync(to, from);
  };
  moved(images, join(root, 'disk'));
  mkdirSync(join(root, 'empty'));
  rmSync(volumes ?? '', { recursive: true });
  symlinkSync(join(root, 'empty'), volumes ?? '');
  moved(logs, join(root, 'others'));
  rmSync(join(root, 'others/.berth'));
  writeFileSync(join(root, 'others/file'), '');
  t.deepEqual(
    prepareState(directories).map(({ path, problem }) => [path, problem.slice(0, 15)]),
    [[logs, 'a symbolic link']],
  );
  t.true(isLink(images ?? '') && lstatSync(images ?? '').isSymbolicLink());
  t.true(existsSync(join(root, 'disk/layers')));
  t.true(existsSync(join(root, 'empty/.berth')), 'it can be moved on');
  t.deepEqual(readdirSync(join(root, 'others')), ['file']);
});

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

test('what can be neither opened nor moved keeps nobody from the rest', (t) => {
  const root = temporaryDirectory('fixed');
  const directories = { state: join(root, 's'), runtime: join(root, 'r') };
  prepareState(directories);
  const path = join(directories.state, 'licences.json');
  mkdirSync(path);
  // Its directory takes no change: of root only where the file system has immutable files.
  const isRoot = process.getuid?.() === 0;
  const chattr = (flag: string) => spawnSync('chattr', [flag, directories.state]).status === 0;
  if (!isRoot) chmodSync(directories.state, 0o500);
  const isFixed = !isRoot || chattr('+i');
  try {
    const told = prepareState(directories).find((each) => each.path === path);
    t.regex(told?.problem ?? '', isFixed ? /cannot be moved/ : /not a/);
  } finally {
    if (!isRoot) chmodSync(directories.state, 0o700);
    else if (isFixed) chattr('-i');
  }
});

test('what a crash has left of images and cannot be removed is told, and keeps nobody from the others', async (t) => {
  const places = new Places(temporaryDirectory('fixed'));
  mkdirSync(join(places.layers, 'left'), { recursive: true });
  mkdirSync(places.layer(`sha256:${HEX}`));
  writeFileSync(places.layerFile(`sha256:${HEX}`), JSON.stringify({ chainId: `sha256:${HEX}`, bytes: 1 }));
  const refuse = () => Promise.reject(new Error('not permitted'));
  const layers = new Layers({ places, unpack: refuse, zstd: () => undefined, remove: refuse });
  const told: Damaged[] = [];
  await layers.open((damaged) => told.push(damaged));
  t.deepEqual(told, [{ path: join(places.layers, 'left'), problem: 'cannot be removed: not permitted' }]);
  t.true(layers.has(`sha256:${HEX}`));
});

test('what a later version has written beside leases and what was learned stays', async (t) => {
  const directory = temporaryDirectory('later');
  const deadline = { bootId: 'boot', boot: 1000 + HOUR, wall: 1000 + HOUR, ttl: HOUR };
  const lease = { licence: 'db', scheduler: 's', count: 3, deadline, later: 1 };
  const kept = (name: string): unknown => JSON.parse(readFileSync(join(directory, name), 'utf8'));
  const write = (name: string, value: object): void => writeFileSync(join(directory, name), JSON.stringify(value));
  write('licences.json', { version: 2, leases: [lease], later: { a: 1 } });
  write('prediction.json', { version: 2, shapes: [], later: [2] });
  write('overhead.json', { version: 2, sizes: [], later: 'x' });
  const found = licences(directory);
  await found.load();
  await found.lease('db', 'other', 1, HOUR);
  t.like(kept('licences.json'), { later: { a: 1 } });
  for (const [name, file] of [
    ['prediction.json', new Checkpoint(directory)],
    ['overhead.json', new OverheadCheckpoint(directory)],
  ] as const) {
    const { record } = await file.load();
    await file.save(record as never);
    t.like(kept(name), name === 'prediction.json' ? { shapes: [], later: [2] } : { sizes: [], later: 'x' });
  }
});

test('what a later version has written beside the numbers stays', async (t) => {
  const path = join(temporaryDirectory('numbers'), 'epochs.json');
  writeFileSync(path, '{"a": 3, "later": {"kind": "x"}}');
  const file = new NumberFile(path, { fsync: false, onDamage: () => t.fail('told as damaged') });
  t.is(file.get('a'), 3);
  await file.set('b', 4);
  t.deepEqual(JSON.parse(readFileSync(path, 'utf8')), { later: { kind: 'x' }, a: 3, b: 4 });
});

test('a reservation of a later version, with a spec that today would be refused, still holds', async (t) => {
  const directory = temporaryDirectory('reservations');
  mkdirSync(join(directory, 'reservations'), { recursive: true });
  const deadline = { bootId: 'boot', boot: 1000 + HOUR, wall: 1000 + HOUR, ttl: HOUR, later: 1 };
  const spec = { ...specOf(), priority: 5000, later: true };
  const reservation = { token: 'web-1.x.y', id: 'web-1', scheduler: null, spec, deadline, later: [1] };
  writeFileSync(join(directory, 'reservations/web-1.json'), JSON.stringify({ version: 2, later: 1, reservation }));
  const [found] = await reservations(directory).load(() => false);
  t.deepEqual(found as unknown, reservation);
});

test('a lease of a later version still counts', async (t) => {
  const directory = temporaryDirectory('licences');
  const deadline = { bootId: 'boot', boot: 1000 + HOUR, wall: 1000 + HOUR, ttl: HOUR };
  const lease = { licence: 'db', scheduler: 's', count: 3, deadline, later: 1 };
  writeFileSync(join(directory, 'licences.json'), JSON.stringify({ version: 2, leases: [lease] }));
  const found = licences(directory);
  await found.load();
  t.is(found.totals().get('db'), 3);
});

test('what was set of a tenant is kept, refused today or unknown, and survives a change', async (t) => {
  const directory = temporaryDirectory('tenants');
  mkdirSync(join(directory, 'tenants'), { recursive: true });
  const settings = {
    quota: { memory: 1024, later: 7 },
    guaranteed: {},
    licences: {},
    limits: { cpu: 0.0001 },
    later: { a: 1 },
  };
  const path = join(directory, 'tenants/acme.json');
  writeFileSync(path, JSON.stringify({ version: 2, name: 'acme', settings }));
  const found = tenants(directory);
  await found.load();
  t.is(found.get('acme').quota.memory, 1024);
  await found.change('acme', { quota: { pids: 5 } } as never, () => undefined);
  const { settings: kept } = JSON.parse(readFileSync(path, 'utf8')) as { settings: Record<string, unknown> };
  t.deepEqual(kept, { ...settings, quota: { ...settings.quota, pids: 5 } });
  t.false(existsSync(`${path}.damaged`));
});
