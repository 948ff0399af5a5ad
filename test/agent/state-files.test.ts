// Every file of the agent's state against whatever may lie in its place, and against what a later version writes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { EventLog } from '../../agent/control/event-log.js';
import { NumberFile } from '../../agent/control/number-file.js';
import type { Clock } from '../../agent/density/clock.js';
import { Licences } from '../../agent/density/licences.js';
import { OverheadCheckpoint } from '../../agent/density/overhead/checkpoint.js';
import { Checkpoint } from '../../agent/density/prediction/checkpoint.js';
import { Reservations } from '../../agent/density/reservations.js';
import { Tenants } from '../../agent/density/tenants.js';
import { temporaryDirectory } from '../runner/temporary.js';
import { ODD_THINGS } from './odd-things.js';
import { specOf } from './workload/fake-world.js';

const HOUR = 3_600_000;
const clock: Clock = { wall: () => 1000, boot: () => 1000 };
const config = { tenant: {}, density: { max_workloads_per_tenant: 0 } } as never;
const onDamaged = (): void => undefined;

const reservations = (directory: string) => new Reservations({ directory, bootId: 'boot', clock, onDamaged });
const licences = (directory: string) =>
  new Licences({ directory, bootId: 'boot', clock, config: { db: { count: 0 } } as never, onDamaged });
const tenants = (directory: string) => new Tenants({ directory, config, onDamaged });

/** Path in the state directory, and how it is read and then written. */
const FILES: readonly { readonly path: string; use(directory: string): Promise<unknown> }[] = [
  {
    path: 'acks.json',
    async use(directory) {
      const file = new NumberFile(join(directory, 'acks.json'), { fsync: false, onDamage: onDamaged });
      await file.set('one', 1);
    },
  },
  ...['events.jsonl', 'events.jsonl.1'].map((path) => ({
    path,
    async use(directory: string) {
      const log = new EventLog({ directory, bootId: 'boot' });
      log.append({ type: 'agent.started' });
      await log.close();
    },
  })),
  { path: 'licences.json', use: (directory) => licences(directory).load() },
  { path: 'prediction.json', use: (directory) => new Checkpoint(directory).load() },
  { path: 'overhead.json', use: (directory) => new OverheadCheckpoint(directory).load() },
  { path: 'tenants/acme.json', use: (directory) => tenants(directory).load() },
  { path: 'reservations/web-1.json', use: (directory) => reservations(directory).load(() => false) },
];

for (const { path, use } of FILES)
  for (const { name, make } of ODD_THINGS)
    test(`${name} in the place of ${path} keeps no agent from its start`, async (t) => {
      // The path of a socket has 107 bytes at most.
      const directory = temporaryDirectory('odd');
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      await make(join(directory, path));
      await t.notThrowsAsync(use(directory));
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
