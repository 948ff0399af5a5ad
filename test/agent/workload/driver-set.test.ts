import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { DriverSet, type DriverSetParts } from '../../../agent/workload/driver-set.js';
import { temporaryDirectory } from '../../runner/temporary.js';

/** A set whose one driver tells what it is swept with. */
function setWith(runtime: string, sweep: (known: ReadonlySet<string>) => Promise<void>) {
  const warned: unknown[] = [];
  const parts = {
    drivers: new Map([['firecracker', { name: 'firecracker', sweep }]]),
    ...{ host: {}, config: { paths: { runtime } }, log: { warn: (fields: unknown) => warned.push(fields) } },
  };
  return { set: new DriverSet(parts as unknown as DriverSetParts), warned };
}

test('a driver keeps what is of a record, and of a workload that lives on without one', async (t) => {
  const runtime = temporaryDirectory('set');
  mkdirSync(join(runtime, 'workloads', 'lost'), { recursive: true });
  const told: string[][] = [];
  const { set } = setWith(runtime, async (known) => void told.push([...known]));
  await set.sweep(['web-1']);
  t.deepEqual(told, [['web-1', 'lost']]);
});

test('without a run directory, and with a driver that cannot remove it, the agent starts all the same', async (t) => {
  const { set, warned } = setWith('/nowhere', async () => {
    throw new Error('read-only');
  });
  await set.sweep([]);
  t.is(warned.length, 1);
});

test('where it cannot be told what lives on, nothing is swept', async (t) => {
  const told: unknown[] = [];
  const { set, warned } = setWith(`/${'x'.repeat(5000)}`, async (known) => void told.push(known));
  await set.sweep(['web-1']);
  t.deepEqual(told, []);
  t.is(warned.length, 1);
});
