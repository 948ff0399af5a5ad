// Everything of the agent that keeps a durable file, opened on a state directory as an agent opens it: what it says, and each
// change that somebody may ask for.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Damaged } from '../../agent/base/durable.js';
import { configSchema } from '../../agent/config/schema.js';
import { EpochFence } from '../../agent/control/authorise.js';
import { NumberFile } from '../../agent/control/number-file.js';
import { Cordon } from '../../agent/daemon/cordon.js';
import { Relief } from '../../agent/daemon/relief.js';
import { Licences } from '../../agent/density/licences.js';
import { parseTenantChange } from '../../agent/density/tenant-settings.js';
import { Tenants } from '../../agent/density/tenants.js';
import { Tuner } from '../../agent/density/tuner.js';
import { Places } from '../../agent/images/places.js';
import { ImageStore } from '../../agent/images/store.js';
import type { StoredImage } from '../../agent/images/types.js';
import type { DrainOrder } from '../../agent/model/drain.js';
import type { WorkloadRecord } from '../../agent/model/record.js';
import { DrainFile } from '../../agent/workload/drain-file.js';
import { Journal } from '../../agent/workload/journal.js';
import { FakeClock } from './density/fake-clock.js';
import { newLife, nextLife, specOf, state } from './workload/fake-world.js';
import { recordOf } from './workload/records.js';

/** An agent that has one of them open. */
export interface Opened {
  /** What it says of itself. */
  view(): unknown;
  change(what: string): Promise<unknown>;
  /** The next agent on the same directory. */
  next(): Promise<Opened>;
}

export interface Writer {
  /** Of STATE_FILES, and others by their names. */
  readonly files: readonly string[];
  /** What may be asked for, and what was done before. */
  readonly changes: Readonly<Record<string, readonly string[]>>;
  open(directory: string): Promise<Opened>;
}

/** Opens `T`, which does the changes by name. */
function writer<T>(parts: {
  readonly files: readonly string[];
  readonly before?: Readonly<Record<string, readonly string[]>>;
  readonly open: (directory: string, dead?: T) => Promise<T>;
  readonly view: (opened: T) => unknown;
  readonly changes: Readonly<Record<string, (opened: T) => Promise<unknown>>>;
  /** What only comes before a change. */
  readonly first?: Readonly<Record<string, (opened: T) => Promise<unknown>>>;
}): Writer {
  const opened = (directory: string, it: T): Opened => ({
    view: () => parts.view(it),
    change: async (what) => (parts.changes[what] ?? parts.first?.[what])?.(it),
    next: async () => opened(directory, await parts.open(directory, it)),
  });
  return {
    files: parts.files,
    changes: Object.fromEntries(Object.keys(parts.changes).map((what) => [what, parts.before?.[what] ?? []])),
    open: async (directory) => opened(directory, await parts.open(directory)),
  };
}

const ORDER: DrainOrder = {
  ...{ since: 1, deadline: null, graceMs: null, keepClass: null, tenant: null, selector: null, drainedAt: null },
  ...{ lifting: false, opened: false },
};
const fine = () => undefined;
const config = configSchema.parse({ tenant: { filed: { cpu: 8 } }, licence: { db: { count: 1 } } });

function whole({ path, problem }: Damaged): never {
  throw new Error(`${path}: ${problem}`);
}

async function reliefOf(directory: string): Promise<Relief> {
  const relief = new Relief(directory, { files: 2, bytes: 8192, spare: 0 });
  await relief.refill();
  return relief;
}

const quota = (cpu: number) => parseTenantChange({ quota: { cpu } });

const tenants = writer<Tenants>({
  files: ['tenants'],
  open: async (directory) => {
    const opened = new Tenants({ directory, config, onDamaged: whole, relief: await reliefOf(directory) });
    await opened.load();
    return opened;
  },
  view: (opened) => opened.names().map((name) => opened.get(name)),
  before: { again: ['set'], remove: ['set'] },
  changes: {
    set: (opened) => opened.change('acme', quota(5), fine),
    again: (opened) => opened.change('acme', quota(6), fine),
    remove: (opened) => opened.remove('acme', fine),
  },
});

const cordon = writer<{ readonly cordon: Cordon; held: boolean }>({
  files: ['cordoned'],
  open: async (directory) => {
    const opened = new Cordon(directory, await reliefOf(directory));
    return { cordon: opened, held: opened.get() };
  },
  view: ({ cordon: it, held }) => [held, it.get()],
  before: { uncordon: ['cordon'] },
  changes: {
    // As the agent does: what it says of itself follows what is durable.
    cordon: async (opened) => {
      await opened.cordon.set(true);
      opened.held = true;
    },
    uncordon: async (opened) => {
      await opened.cordon.set(false);
      opened.held = false;
    },
  },
});

const drain = writer<{ readonly file: DrainFile; order: DrainOrder | null }>({
  files: ['drain.json'],
  open: async (directory) => {
    const file = new DrainFile(directory, { onDamaged: whole, relief: await reliefOf(directory) });
    return { file, order: await file.load() };
  },
  view: ({ order }) => order,
  before: { lift: ['begin'], end: ['begin'] },
  changes: Object.fromEntries(
    Object.entries({ begin: ORDER, lift: { ...ORDER, lifting: true }, end: null }).map(([what, order]) => [
      what,
      async (opened: { readonly file: DrainFile; order: DrainOrder | null }) => {
        await opened.file.save(order);
        opened.order = order;
      },
    ]),
  ),
});

const licences = writer<Licences>({
  files: ['licences.json'],
  open: async (directory) => {
    const place = { directory, bootId: 'boot-1', clock: new FakeClock() };
    const opened = new Licences({
      ...{ ...place, config: config.licence, onDamaged: whole },
      relief: await reliefOf(directory),
    });
    await opened.load();
    return opened;
  },
  view: (opened) => [opened.leases('db'), [...opened.totals()]],
  before: { renew: ['lease'], giveBack: ['lease'] },
  changes: {
    lease: (opened) => opened.lease('db', 'central', 3, 60_000),
    renew: (opened) => opened.lease('db', 'central', 4, 90_000),
    giveBack: (opened) => opened.lease('db', 'central', 0, 60_000),
  },
});

const numbers = (file: string, fsync: boolean) =>
  writer<NumberFile>({
    files: [file],
    open: async (directory) =>
      new NumberFile(join(directory, file), { fsync, onDamage: (path, problem) => whole({ path, problem }) }),
    view: (opened) => opened.get('central'),
    before: { raise: ['first'] },
    changes: {
      first: (opened) => new EpochFence(opened).enter({}, { scheduler: 'central', epoch: 3, scopes: [] }, fine),
      raise: (opened) => new EpochFence(opened).enter({}, { scheduler: 'central', epoch: 7, scopes: [] }, fine),
    },
  });

interface Kept {
  readonly journal: Journal;
  readonly records: Map<string, WorkloadRecord>;
}

/** Follows what the journal says, as an actor does. */
async function write({ journal, records }: Kept, record: WorkloadRecord): Promise<void> {
  await journal.write(record);
  records.set(record.id, record);
}

const journal = writer<Kept>({
  files: ['workloads'],
  open: async (directory) => {
    const opened = new Journal(directory, { relief: await reliefOf(directory) });
    const { records, damaged } = await opened.load();
    for (const { id, problem } of damaged) whole({ path: id, problem });
    return { journal: opened, records: new Map(records.map((record) => [record.id, record])) };
  },
  view: ({ records }) => [...records.values()],
  before: { start: ['create'], end: ['create'], forget: ['create'] },
  changes: {
    create: (opened) => write(opened, recordOf({ state: 'preparing' })),
    start: (opened) => write(opened, recordOf({ state: 'running' })),
    end: (opened) => write(opened, recordOf({ state: 'stopping', desired: 'stopped' })),
    forget: async (opened) => {
      await opened.journal.remove('web-1');
      opened.records.delete('web-1');
    },
  },
});

type Life = ReturnType<typeof newLife>;
const ROOM = { density: { max_workloads: 3 } };
const clock = new FakeClock();

async function running(life: Life): Promise<void> {
  await life.manager.create(specOf());
  await life.until(state('running'));
  await life.journal.idle();
}

/** Whole workloads and reservations, as a request of the protocol reaches them. */
const manager = writer<Life>({
  files: ['workloads', 'reservations'],
  open: async (directory, dead) => {
    if (dead !== undefined) return nextLife(dead, dead.host, 'boot-1', ROOM, clock);
    const life = newLife({ directory, clock, config: ROOM });
    await life.manager.recover();
    return life;
  },
  view: ({ manager: it, world }) => {
    const row = it.capacity().find((one) => one.scope === 'host' && one.dimension === 'workloads');
    return {
      workloads: it.records().map(({ id, spec, desired, generation }) => ({ id, spec, desired, generation })),
      reservations: world.density.reservations.all().map(({ token, deadline }) => ({ token, deadline })),
      held: [row?.committed, row?.reserved],
    };
  },
  before: { renew: ['reserve'], release: ['reserve'], commit: ['reserve'], update: ['run'], stop: ['run'] },
  changes: {
    reserve: (life) => life.manager.reserve(specOf({ id: 'db-1' }), null, 30_000),
    renew: (life) => life.manager.reserve(specOf({ id: 'db-1' }), null, 60_000),
    release: (life) => life.manager.releaseReservation('db-1', null),
    commit: (life) => life.manager.create(specOf({ id: 'db-1' })),
    create: (life) => life.manager.create(specOf({ id: 'web-2' })),
    update: (life) => life.manager.update('web-1', specOf({ labels: { a: 'b' } })),
    stop: (life) => life.manager.wish('web-1', 'stop'),
  },
  first: { run: (life) => running(life) },
});

const SYSCTL = 'proc/sys/kernel/keys/maxkeys';

const tuner = writer<{ readonly tuner: Tuner; readonly root: string }>({
  files: ['sysctl.rollback.json'],
  open: async (root) => {
    const path = join(root, SYSCTL);
    mkdirSync(dirname(path), { recursive: true });
    try {
      writeFileSync(path, '200\n', { flag: 'wx' });
    } catch {
      // An agent was there before.
    }
    return { tuner: new Tuner({ directory: root, root }), root };
  },
  view: ({ root }) => [SYSCTL, 'etc/sysctl.d/60-berth.conf'].map((name) => textOf(join(root, name))),
  before: { more: ['lift'] },
  changes: {
    lift: (opened) => opened.tuner.apply(1000),
    more: (opened) => opened.tuner.apply(100_000),
  },
});

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

const storedImage = (mark: string, names: readonly string[]): StoredImage => ({
  ...{ digest: `sha256:${mark.repeat(64)}`, names, manifest: '', config: '', layers: [], pulledAt: 1, usedAt: 1 },
  image: {
    ...{ env: [], entrypoint: [], command: [], user: '', workingDirectory: '' },
    ...{ stopSignal: '', exposedPorts: [] },
  },
});

const images = writer<ImageStore>({
  files: ['images'],
  open: async (directory) => {
    const opened = new ImageStore(new Places(directory));
    await opened.open(() => true, whole);
    return opened;
  },
  view: (opened) => opened.all().map(({ digest, names, usedAt }) => ({ digest, names, usedAt })),
  before: { move: ['put'], unname: ['put', 'move'], use: ['put'], remove: ['put'] },
  changes: {
    put: (opened) => opened.put(storedImage('a', ['one', 'two'])),
    move: (opened) => opened.put(storedImage('b', ['two'])),
    unname: (opened) => opened.unname('two'),
    use: (opened) => opened.used(storedImage('a', []).digest, 7),
    remove: (opened) => opened.remove(storedImage('a', []).digest),
  },
});

export const WRITERS: Readonly<Record<string, Writer>> = {
  tenants,
  cordon,
  drain,
  licences,
  'epochs of schedulers': numbers('epochs.json', true),
  'acknowledged cursors': numbers('acks.json', false),
  journal,
  'workloads and reservations': manager,
  'limits of the kernel': tuner,
  images,
};
