// What may end a save, or a start from a snapshot, and what is left of it then.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { WorkloadRecord } from '../../../agent/model/record.js';
import { Snapshots } from '../../../agent/snapshots/store.js';
import { takeOver } from '../../../agent/workload/recover.js';
import { deadlineOf } from '../../../agent/workload/start.js';
import { when } from './draining-life.js';
import { type Life, state } from './fake-world.js';
import { all, ID, inhabited, NO_DEATH, nextSavingLife, record, saveIn, settled, snapshotsIn } from './saving-life.js';

for (const [wish, now, cause] of [
  ['stop', false, 'stopped'],
  ['delete', false, 'stopped'],
  ['delete', true, 'stopped'],
] as const)
  test(`a monitor that does not answer after a save keeps nobody from ${wish}${now ? ' --now' : ''}`, async (t) => {
    const { vmm, life } = await inhabited();
    vmm.failure = new Error('no space left');
    vmm.deaf = new Error('no answer to cont');
    await t.throwsAsync(saveIn(life), { message: /no space left/ });
    t.like(record(life), { state: 'running', saved: { phase: 'writing' } });
    await life.manager.wish(ID, wish, { now });
    await life.until(({ type, data }) => type === 'workload.ended' && data.cause === cause);
    await life.until(wish === 'stop' ? state('exited') : ({ type }) => type === 'workload.deleted');
    if (wish === 'stop') t.is(record(life).saved, null);
    t.deepEqual(all(life), []);
    t.deepEqual(vmm.host.left(), []);
  });

test('a power loss leaves nothing of a save, and a start that fails after it can be repeated', async (t) => {
  const { vmm, life } = await inhabited();
  vmm.onSave = () => new Promise(() => undefined);
  void saveIn(life);
  await when(() => snapshotsIn(life).length === 1 && vmm.guest(ID)?.runs === false);
  vmm.losePower();
  vmm.onSave = async () => undefined;
  vmm.refusal = new Error('no device');
  const next = await nextSavingLife(life, vmm, 'boot-2');
  await next.until(state('failed'));
  t.like(record(next), { saved: null });
  vmm.refusal = undefined;
  await next.manager.wish(ID, 'start');
  await settled(next, 'running');
  t.deepEqual(all(next), []);
});

test('another boot ends what is written and what runs on, and not what waits', async (t) => {
  const { vmm, life } = await inhabited();
  const saved = { of: ID, name: '0001', address: null, address6: null };
  for (const now of ['running', 'starting', 'stopping'] as const)
    for (const phase of ['writing', 'resuming'] as const)
      t.is(takeOver({ ...record(life), state: now, saved: { ...saved, phase } }, undefined, 'boot-2').saved, null);
  const waits = takeOver({ ...record(life), saved: { ...saved, phase: 'waiting' } }, undefined, 'boot-2');
  t.is(waits.saved?.phase, 'waiting');
  const one = {
    workload: ID,
    name: '0001',
    tenant: 'acme',
    driver: 'exec',
    at: 1,
    bootId: 'boot-1',
    live: false,
  } as const;
  const { directory } = await life.world.snapshots.begin(ID);
  writeFileSync(join(directory, 'state'), 'state 1');
  await life.world.snapshots.complete({ ...one, spec: '', fit: {}, address: null, address6: null }, ['state']);
  await life.manager.actor(ID).patch({ saved: { ...saved, phase: 'resuming' } });
  vmm.losePower();
  const next = await nextSavingLife(life, vmm, 'boot-2');
  await settled(next, 'running');
  t.deepEqual(all(next), [], 'a state that the guest has left is gone');
});

test('a return that fails uses the snapshot up, and the next start boots', async (t) => {
  const { vmm, life } = await inhabited();
  await saveIn(life);
  await life.until(state('exited'));
  vmm.deaf = new Error('no answer to cont');
  await life.manager.wish(ID, 'start');
  await life.until(state('failed'));
  t.is(record(life).saved, null);
  t.deepEqual(all(life), []);
  vmm.deaf = undefined;
  await life.manager.wish(ID, 'start');
  await settled(life, 'running');
  t.deepEqual([...vmm.lives], [], 'it has booted');
});

test('what an earlier agent left of a save refuses no start', async (t) => {
  for (const phase of ['writing', 'resuming'] as const) {
    const { vmm, life } = await inhabited();
    const saved = { of: ID, name: '0001', address: null, address6: null, phase };
    await life.manager.wish(ID, 'stop');
    await life.until(state('exited'));
    await life.manager.actor(ID).patch({ saved });
    await life.manager.wish(ID, 'start');
    await settled(life, 'running');
    t.true(vmm.guest(ID)?.runs);
  }
});

test('a restart that is wished meanwhile wins', async (t) => {
  const { vmm, life } = await inhabited();
  const pid = record(life).process?.pid;
  vmm.onSave = async () => {
    await life.manager.wish(ID, 'restart');
  };
  await t.throwsAsync(saveIn(life), { code: 'invalid_state', message: /to be restarted/ });
  await when(() => record(life).state === 'running' && record(life).process?.pid !== pid);
  t.like(record(life), { saved: null, restartRequested: false, desired: 'running' });
});

for (const [what, end] of Object.entries<(life: Life) => Promise<unknown>>({
  'a stop': ({ manager }) => manager.wish(ID, 'stop'),
  'a delete': ({ manager }) => manager.wish(ID, 'delete', { now: true }),
  'a kill for pressure': ({ manager }) => manager.killForPressure(ID, 'the host has no memory left'),
}))
  for (const live of [false, true])
    test(`${what} does not wait for a save${live ? ' of one that goes on' : ''}`, async (t) => {
      const { vmm, life } = await inhabited();
      const begun = new Promise<void>((resolve) => {
        vmm.onSave = (signal) =>
          new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason));
            resolve();
          });
      });
      const saving = t.throwsAsync(saveIn(life, live), { code: 'invalid_state', message: /given up/ });
      await begun;
      await end(life);
      await saving;
      await life.until(({ type }) => type === 'workload.ended');
      t.deepEqual(all(life), []);
    });

for (const [what, end] of Object.entries<(life: Life) => Promise<unknown>>({
  'a stop --now': ({ manager }) => manager.wish(ID, 'stop', { now: true }),
  'a restart --now': ({ manager }) => manager.wish(ID, 'restart', { now: true }),
  'a delete --now': ({ manager }) => manager.wish(ID, 'delete', { now: true }),
  'a kill for pressure': ({ manager }) => manager.killForPressure(ID, 'the host has no memory left'),
}))
  test(`${what} asks nothing of a monitor that writes`, async (t) => {
    const { vmm, life } = await inhabited();
    // A round that follows the start would be between the save and the kill, and undo the save.
    for (const _ of [1, 2]) await life.manager.actor(ID).exclusive(async () => undefined);
    const asked: unknown[] = [];
    vmm.onResume = async (signal) => void asked.push(signal);
    const begun = new Promise<void>((resolve) => {
      vmm.onSave = (signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
          resolve();
        });
    });
    const saving = t.throwsAsync(saveIn(life), { code: 'invalid_state' });
    await begun;
    await end(life);
    await saving;
    await life.until(({ type }) => type === 'workload.ended');
    t.deepEqual(asked, []);
    t.deepEqual(all(life), []);
  });

test('a guest goes on after a save that failed within a limit', async (t) => {
  const { vmm, life } = await inhabited();
  vmm.failure = new Error('no space left');
  const asked: (AbortSignal | undefined)[] = [];
  vmm.onResume = async (signal) => void asked.push(signal);
  await t.throwsAsync(saveIn(life), { message: /no space left/ });
  t.true(asked[0] instanceof AbortSignal);
  t.is(record(life).saved, null);
});

test('what an earlier workload of this id has left is neither seen nor deleted by another tenant', async (t) => {
  const { life } = await inhabited();
  const { snapshots } = life.world;
  const { name, directory } = await snapshots.begin(ID);
  writeFileSync(join(directory, 'state'), 'state 1');
  const theirs = { workload: ID, name, tenant: 'other', driver: 'exec', at: 1, bootId: 'boot-1', live: true } as const;
  await snapshots.complete({ ...theirs, spec: '', fit: {}, address: null, address6: null }, ['state']);
  await t.throwsAsync(life.manager.snapshots.delete(ID, name), { code: 'not_found' });
  t.is(snapshots.get(ID, name)?.tenant, 'other');
});

test('a name is never given again while the workload is there, and names are numbers', async (t) => {
  const { vmm, life } = await inhabited();
  for (const name of ['0001', '0002']) {
    t.is((await saveIn(life, true)).name, name);
    await life.manager.snapshots.delete(ID, name);
  }
  const next = await nextSavingLife(life, vmm);
  t.is((await saveIn(next, true)).name, '0003');
  t.false('lastSnapshot' in next.manager.view(record(next)));
  await next.manager.actor(ID).patch({ lastSnapshot: 9998 });
  for (const name of ['9999', '10000']) t.is((await saveIn(next, true)).name, name);
  t.deepEqual(
    all(next).map(({ name }) => name),
    ['0003', '9999', '10000'],
  );
});

test('what would fill the disk is not saved, and no more is kept than can be told', async (t) => {
  const { vmm, life } = await inhabited({ ...NO_DEATH }, true);
  const needed = 2 ** 30 + (record(life).spec.qemu?.memory ?? 0);
  vmm.free = needed - 1;
  await t.throwsAsync(saveIn(life), { code: 'disk_full', message: /images\.min_free is 1Gi/ });
  t.deepEqual(snapshotsIn(life), []);
  vmm.free = needed;
  for (let kept = 0; kept < 16; kept++) await saveIn(life, true);
  const refused = await t.throwsAsync(saveIn(life, true), { code: 'invalid_state', message: /16 snapshots/ });
  t.like(refused, { hint: `Delete one: \`berth workload delete-snapshot ${ID} 0001\`.` });
  await saveIn(life);
  const free = await new Snapshots(life.directory).free();
  t.true(free > 0 && Number.isSafeInteger(free));
});

test('a start that reads a large state has the time for it', async (t) => {
  const { life } = await inhabited();
  const { config } = life.world;
  const view = { ...(await saveIn(life)), files: [{ name: 'state', bytes: 64_000_000_000, sha256: '' }] };
  await life.until(state('exited'));
  const ms = (saved: WorkloadRecord['saved'] = null) =>
    deadlineOf({ ...record(life), saved }, { config, saved: { get: () => view } });
  t.is(ms(), 120_000);
  t.is(ms(record(life).saved), 120_000 + 6_400_000);
});
