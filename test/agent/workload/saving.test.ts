// A virtual machine goes to disk and comes back, whatever dies in between. No state is ever lived from twice.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { reportOf } from '../../../agent/base/errors.js';
import { ownerTag } from '../../../agent/model/tags.js';
import { when } from './draining-life.js';
import { INSTALLATION, state } from './fake-world.js';
import {
  type Death,
  type FakeVmm,
  ID,
  inhabited,
  type Living,
  machineSpec,
  NO_DEATH,
  nextSavingLife,
  QEMU,
  record,
  saveIn,
  settled,
  snapshotsIn,
} from './saving-life.js';

const cloneSpec = (over: object = {}) =>
  machineSpec({ id: 'clone', qemu: { ...QEMU, snapshot: `${ID}/0001` }, ...over });

function livedOnce(t: ExecutionContext, { lives }: FakeVmm, what: string): void {
  for (const [at, pids] of lives) t.is(pids.size, 1, `${what}: ${at} was lived from by ${[...pids]}`);
}

test('saved, it stops with its reason and gives back its room; a start lets it go on where it was', async (t) => {
  const { vmm, life } = await inhabited();
  const { address } = record(life).sandbox;
  const view = await saveIn(life);
  t.like(view, { workload: ID, name: '0001', live: false, address, fit: { vmm: 'fake 1' } });
  await life.until(state('exited'));
  t.like(record(life), { state: 'exited', desired: 'stopped', saved: { phase: 'waiting', name: '0001' } });
  t.like(record(life).end, { cause: 'suspended' });
  t.is(life.manager.capacity()[0]?.committed, 0);
  t.deepEqual(vmm.host.left(), []);

  await life.manager.wish(ID, 'start');
  await settled(life, 'running');
  t.is(record(life).sandbox.address, address);
  t.true(vmm.guest(ID)?.runs);
  t.deepEqual([...vmm.lives.keys()], ['state 1']);
  t.deepEqual(life.manager.snapshots.list({ sees: () => true }), [], 'what the guest has left behind is gone');
});

test('saved live, it goes on, and the snapshot stays until the workload goes', async (t) => {
  const { vmm, life } = await inhabited();
  await saveIn(life, true);
  t.like(record(life), { state: 'running', desired: 'running', saved: null });
  t.true(vmm.guest(ID)?.runs);
  t.is(life.manager.snapshots.list({ sees: () => true }).length, 1);
  t.deepEqual(life.manager.snapshots.list({ sees: (tenant) => tenant !== 'acme' }), []);
  t.deepEqual(life.manager.snapshots.list({ sees: () => true, workload: 'other' }), []);
  await life.manager.wish(ID, 'delete', { now: true });
  await life.until(({ type }) => type === 'workload.deleted');
  t.deepEqual(snapshotsIn(life), []);
});

test('saves and restores are told with their time, those that fail are not', async (t) => {
  const { vmm, life } = await inhabited({ ...NO_DEATH }, true);
  const told: string[] = [];
  const tell = (what: string) => (driver: string, seconds: number) =>
    void told.push(`${what} ${driver} ${seconds >= 0 && seconds < 60}`);
  Object.assign(life.world.observer, { saved: tell('saved'), restored: tell('restored') });
  vmm.failure = new Error('no space left');
  await t.throwsAsync(saveIn(life, true), { message: /no space left/ });
  t.deepEqual(told, []);
  vmm.failure = undefined;
  await saveIn(life, true);
  t.deepEqual(told, ['saved qemu true']);
  // The name of the one that failed is never given again.
  await life.manager.create(cloneSpec({ qemu: { ...QEMU, snapshot: `${ID}/0002` } }));
  await life.until(state('running', 'clone'));
  await when(() => told.length === 2);
  t.is(told[1], 'restored qemu true');
  await saveIn(life);
  await life.until(state('exited'));
  await life.manager.wish(ID, 'start');
  await settled(life, 'running');
  await when(() => told.length === 4);
  t.deepEqual(told.slice(2), ['saved qemu true', 'restored qemu true']);
});

test('what cannot be saved is refused and runs on', async (t) => {
  const { vmm, life } = await inhabited();
  vmm.problem = 'it has a device of this host';
  await t.throwsAsync(saveIn(life), { code: 'snapshot_unsupported', message: /a device of this host/ });
  vmm.problem = undefined;
  await life.manager.wish(ID, 'freeze');
  await life.until(state('frozen'));
  await t.throwsAsync(saveIn(life), { code: 'invalid_state', message: /is frozen/ });
  await life.manager.wish(ID, 'thaw');
  await when(() => record(life).state === 'running');
  await saveIn(life);
  await t.throwsAsync(saveIn(life), { code: 'invalid_state' }, 'once is enough');
});

test('a save that fails leaves nothing, and the guest goes on', async (t) => {
  const { vmm, life } = await inhabited();
  vmm.failure = new Error('no space left');
  await t.throwsAsync(saveIn(life), { message: /no space left/ });
  t.like(record(life), { state: 'running', desired: 'running', saved: null });
  t.true(vmm.guest(ID)?.runs);
  t.deepEqual(readdirSync(join(life.directory, 'state/snapshots', ID)), []);
});

test('a stop that is wished meanwhile wins', async (t) => {
  const { vmm, life } = await inhabited();
  vmm.onSave = async () => {
    await life.manager.wish(ID, 'stop');
  };
  await t.throwsAsync(saveIn(life), { code: 'invalid_state', message: /given up/ });
  await life.until(state('exited'));
  t.like(record(life), { saved: null, end: { cause: 'stopped' } });
});

test('a snapshot that does not fit, or is damaged, is refused with what differs, until it is deleted', async (t) => {
  const { vmm, life } = await inhabited();
  await saveIn(life);
  await life.until(state('exited'));
  vmm.fit = { vmm: 'fake 2' };
  const differs = { code: 'snapshot_incompatible', message: /vmm differ: it was made with fake 1, and here is fake 2/ };
  const refused = await t.throwsAsync(life.manager.wish(ID, 'start'), differs);
  t.regex(reportOf(refused).hint, /delete-snapshot web-1 0001/);
  t.is(record(life).state, 'exited');
  vmm.fit = { vmm: 'fake 1' };
  writeFileSync(join(life.directory, 'state/snapshots', ID, '0001/state'), 'state 7');
  await t.throwsAsync(life.manager.wish(ID, 'start'), { code: 'snapshot_damaged', message: /SHA-256/ });

  await life.manager.snapshots.delete(ID, '0001');
  await t.throwsAsync(life.manager.snapshots.delete(ID, '0001'), { code: 'not_found' });
  await life.manager.wish(ID, 'start');
  await settled(life, 'running');
  t.deepEqual([...vmm.lives], [], 'it has booted');
});

test('a suspended workload whose snapshot is lost boots after the snapshot is deleted', async (t) => {
  const { vmm, life } = await inhabited();
  await saveIn(life);
  await life.until(state('exited'));
  writeFileSync(join(life.directory, 'state/snapshots', ID, '0001/manifest.json'), 'nonsense');
  const next = await nextSavingLife(life, vmm);
  t.deepEqual(next.manager.snapshots.list({ sees: () => true }), []);
  await t.throwsAsync(next.manager.wish(ID, 'start'), { code: 'snapshot_damaged', message: /it is not there/ });
  await t.throwsAsync(next.manager.snapshots.delete(ID, '0002'), { code: 'not_found' });
  t.like(await next.manager.snapshots.delete(ID, '0001'), { workload: ID, name: '0001', tenant: 'acme', files: [] });
  t.deepEqual(readdirSync(join(life.directory, 'state/snapshots', ID)), [], 'its files are gone, too');
  t.is(record(next).saved, null);
  await next.manager.wish(ID, 'start');
  await settled(next, 'running');
  t.deepEqual([...vmm.lives], [], 'it has booted');
});

test('its address is its own again, and a start is refused while another one has it', async (t) => {
  const { life } = await inhabited();
  const { address } = record(life).sandbox;
  await saveIn(life);
  await life.until(state('exited'));
  t.true(life.world.claims.hold('orphan.1', address ?? ''));
  await t.throwsAsync(life.manager.wish(ID, 'start'), { code: 'address_in_use' });
  t.is(life.manager.capacity()[0]?.committed, 0, 'and takes no room');
  life.world.claims.unhold('orphan.1');
  await life.manager.wish(ID, 'start');
  await settled(life, 'running');
  t.is(record(life).sandbox.address, address);
});

/** Saves and starts again, with a death on the way; what the next agent makes of it. */
async function lives(t: ExecutionContext, what: string, vmm: FakeVmm, life: Living, live: boolean): Promise<void> {
  const { died } = life.host;
  const done = (async () => {
    await saveIn(life, live);
    if (live) return;
    await when(() => record(life).state === 'exited', died);
    await life.manager.wish(ID, 'start');
    await settled(life, 'running', died);
  })();
  await Promise.race([died, done]);
  const next = await nextSavingLife(life, vmm);
  await when(() => {
    const { state: now, saved } = record(next);
    return (now === 'running' && !saved) || now === 'exited' || now === 'failed';
  });
  t.not(record(next).state, 'failed', what);
  if (record(next).state === 'exited') {
    t.is(record(next).saved?.phase, 'waiting', `${what}: it rests with its state`);
    await next.manager.wish(ID, 'start');
    await settled(next, 'running');
  }
  t.true(vmm.guest(ID)?.runs, `${what}: it runs`);
  livedOnce(t, vmm, what);
  t.is(next.host.held.size, 1, what);
  await next.manager.wish(ID, 'delete', { now: true });
  await next.until(({ type }) => type === 'workload.deleted');
  t.deepEqual(snapshotsIn(next), [], what);
}

for (const live of [false, true])
  for (const after of [false, true])
    test(`the agent dies ${after ? 'after' : 'before'} any call of a save ${live ? 'of one that goes on' : 'and return'}`, async (t) => {
      t.timeout(120_000);
      let deaths = 0;
      for (let call = 1; call <= (live ? 8 : 15); call++) {
        const death: Death = { left: call, after };
        const { vmm, life } = await inhabited(death);
        await lives(t, `call ${call}`, vmm, life, live);
        if (death.left <= 0) deaths++;
      }
      t.true(deaths >= (live ? 5 : 10), `${deaths} deaths`);
    });

for (const arrives of [false, true])
  test(`the agent dies at any write of the record, which ${arrives ? 'reaches' : 'does not reach'} the disk`, async (t) => {
    t.timeout(120_000);
    let deaths = 0;
    for (let write = 0; write <= 9; write++) {
      const { vmm, life } = await inhabited();
      await life.journal.idle();
      void life.host.died.then(() => deaths++);
      life.journal.dieAfter(write, arrives);
      await lives(t, `write ${write}`, vmm, life, false);
    }
    t.true(deaths >= 7, `${deaths} deaths`);
  });

test('a boot of the host ends a save, and keeps what is saved', async (t) => {
  const { vmm, life } = await inhabited();
  await saveIn(life);
  await life.until(state('exited'));
  const next = await nextSavingLife(life, vmm, 'boot-2');
  t.like(record(next), { state: 'exited', saved: { phase: 'waiting' } });
  await next.manager.wish(ID, 'start');
  await settled(next, 'running');
  t.deepEqual([...vmm.lives.keys()], ['state 1']);
});

test('a clone begins with the snapshot of another one each time, and with an address of its own', async (t) => {
  const { vmm, life } = await inhabited({ ...NO_DEATH }, true);
  await saveIn(life, true);
  const { address } = record(life).sandbox;
  await life.manager.create(cloneSpec());
  await when(() => life.manager.actor('clone').record.state === 'running');
  const clone = life.manager.actor('clone').record;
  t.like(clone, { saved: null, sandbox: { guestAddress: address } });
  t.not(clone.sandbox.address, address);
  t.is(vmm.host.networks.get(ownerTag(INSTALLATION, 'clone'))?.tap?.guestAddress, address);
  t.deepEqual(vmm.lives.get('state 1')?.size, 2, 'the guest itself, and its clone');
  await t.throwsAsync(life.manager.snapshots.make('clone', { live: false }), { code: 'snapshot_unsupported' });

  await life.manager.snapshots.delete(ID, '0001');
  t.is(life.manager.actor('clone').record.state, 'running');
  await life.manager.wish('clone', 'stop');
  await life.until(state('exited', 'clone'));
  await t.throwsAsync(life.manager.wish('clone', 'start'), { code: 'snapshot_damaged' });
});

test('no clone of what is not there, of another tenant, of a suspended workload, or of another machine', async (t) => {
  const { life } = await inhabited({ ...NO_DEATH }, true);
  await saveIn(life, true);
  const create = (over: object) => life.manager.create(cloneSpec(over));
  const absent = await t.throwsAsync(create({ qemu: { ...QEMU, snapshot: `${ID}/0009` } }), {
    code: 'snapshot_damaged',
  });
  const foreign = await t.throwsAsync(create({ tenant: 'other' }), { code: 'snapshot_damaged' });
  t.is(foreign?.message.replace('other', 'acme'), absent?.message.replace('0009', '0001'), 'neither says more');
  const differs = await t.throwsAsync(create({ qemu: { ...QEMU, memory: '64Mi', snapshot: `${ID}/0001` } }), {
    ...{ code: 'snapshot_incompatible', message: /spec differ/ },
  });
  t.regex(reportOf(differs).hint, /^Give the clone the same/);
  await saveIn(life);
  await life.until(state('exited'));
  const suspended = await t.throwsAsync(create({ qemu: { ...QEMU, snapshot: `${ID}/0002` } }), {
    message: /suspended workload/,
  });
  t.regex(reportOf(suspended).hint, /--keep-running/);
  t.notRegex(reportOf(suspended).hint, /delete/, 'its state is not for others to delete');
  t.false(life.manager.has('clone'));
});
