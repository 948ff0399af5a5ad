// What was measured of VMMs counts for new workloads and never under one that is there: not when it is measured anew, not at
// an update, not after a restart of the agent.

import test from 'ava';
import type { OverheadPort } from '../../../agent/density/overhead/count.js';
import type { Driver } from '../../../agent/drivers/driver.js';
import { fakeVm } from '../drivers/fake-vm.js';
import { type Life, type LifeOptions, newLife, specOf, state } from './fake-world.js';

const MIB = 2 ** 20;

const qemu: Driver = {
  name: 'qemu',
  check: async () => undefined,
  grants: async () => [],
  vm: { ...fakeVm, overhead: () => 160 * MIB },
  confinement: async () => 'closed' as const,
  tap: () => null,
  prepare: async () => ({ argv: ['/bin/true'], env: {}, joinNetns: true }),
  stop: async () => true,
  cleanup: async () => undefined,
};

const vm = (id: string, over: object = {}) =>
  specOf({
    ...{ id, driver: 'qemu', exec: undefined, network: { mode: 'none' } },
    ...{ qemu: { kernel: '/k', initrd: '/i', memory: '256Mi' }, ...over },
  });

class Meter implements OverheadPort {
  mib: number | undefined;
  known() {
    if (this.mib === undefined) return undefined;
    return {
      ...({ driver: 'qemu', size: '1 vcpu 256Mi' } as const),
      ...{ bytes: this.mib * MIB, samples: 1, runs: 1, ageMs: 1, enough: true },
    };
  }
  sizes = () => [];
}

type Started = Life & { readonly directory: string; readonly meter: Meter };

async function started(options: LifeOptions = {}, mode = 'measured', mib: number | undefined = 60): Promise<Started> {
  const life = newLife({
    config: { density: { overhead: mode } },
    world: { drivers: new Map([['qemu', qemu]]) },
    ...options,
  });
  const meter = new Meter();
  meter.mib = mib;
  life.world.density.setOverhead(meter);
  await life.manager.recover();
  return { ...life, meter };
}

/** `mode`, `mib`: what the next agent is configured to, and has measured. */
async function nextLife(dead: Started, mode: string, mib: number): Promise<Started> {
  await dead.journal.idle();
  await dead.journal.die();
  dead.manager.close();
  dead.host.revive();
  return started({ host: dead.host, directory: dead.directory, config: { density: { overhead: mode } } }, mode, mib);
}

/** Committed and reserved, MiB. */
const held = ({ manager }: Life) => {
  const row = manager.capacity().find(({ scope, dimension }) => scope === 'host' && dimension === 'memory');
  return [(row?.committed ?? 0) / MIB, (row?.reserved ?? 0) / MIB];
};

test('the ledger counts what was measured, memory.max is what is configured', async (t) => {
  const life = await started();
  await life.manager.create(vm('web-1'));
  await life.until(state('running'));
  t.deepEqual(held(life), [256 + 60, 0]);
  t.is(life.manager.actor('web-1').record.overhead, 60 * MIB);
  t.is(life.host.cgroups.get('acme/web-1')?.get('memory.max'), String((256 + 160) * MIB));
});

test('by default, before enough is known, and for class guaranteed, what is configured counts', async (t) => {
  const configured = await started({ config: {} }, 'configured');
  await configured.manager.create(vm('web-1'));
  t.deepEqual(held(configured), [256 + 160, 0]);
  const early = await started({}, 'measured');
  early.meter.mib = undefined;
  await early.manager.create(vm('web-1'));
  t.deepEqual(held(early), [256 + 160, 0]);
  const guaranteed = await started();
  await guaranteed.manager.create(vm('web-1', { class: 'guaranteed' }));
  t.deepEqual(held(guaranteed), [256 + 160, 0], 'its memory.min is all of memory.max');
});

test('who says how much memory is asked for is counted with that', async (t) => {
  const life = await started();
  await life.manager.create(vm('web-1', { resources: { memory: { request: '300Mi', limit: '500Mi' } } }));
  t.deepEqual(held(life), [300, 0]);
});

test('under a workload that is there nothing moves; started again it is a new one', async (t) => {
  const life = await started();
  await life.manager.create(vm('web-1'));
  await life.until(state('running'));
  life.meter.mib = 100;
  t.deepEqual(held(life), [316, 0]);
  await life.manager.update('web-1', vm('web-1', { priority: 7 }));
  t.deepEqual(held(life), [316, 0]);
  await life.manager.create(vm('web-2'));
  t.deepEqual(held(life), [316 + 356, 0]);
  await life.manager.setDesired('web-1', 'stopped');
  await life.until(state('exited'));
  await life.manager.setDesired('web-1', 'running');
  t.deepEqual(held(life), [356 + 356, 0]);
  t.is(life.manager.actor('web-1').record.overhead, 100 * MIB);
});

test('the next agent counts as the one before did, whatever it has measured or is configured to', async (t) => {
  for (const [mode, mib] of [
    ['measured', 100],
    ['configured', 60],
  ] as const) {
    const first = await started();
    await first.manager.create(vm('web-1'));
    await first.until(state('running'));
    const second = await nextLife(first, mode, mib);
    t.deepEqual(held(second), [316, 0]);
    await second.manager.create(vm('web-2'));
    t.deepEqual(held(second), [316 + 256 + (mode === 'measured' ? mib : 160), 0]);
    second.manager.close();
  }
});

test('a workload of an agent that knew no measuring counts as configured', async (t) => {
  const first = await started({ config: {} }, 'configured');
  await first.manager.create(vm('web-1'));
  await first.until(state('running'));
  const { overhead: _gone, ...old } = first.manager.actor('web-1').record;
  await first.journal.idle();
  await first.journal.write(old);
  const second = await nextLife(first, 'measured', 60);
  t.deepEqual(held(second), [256 + 160, 0]);
});

test('a reservation is committed as it was made, also by the next agent', async (t) => {
  // Room for the VM with 60Mi and nothing more.
  const config = { density: { overhead: 'measured', reserved_memory: '0', limit: { memory: '320Mi' } } };
  const first = await started({ config });
  await first.manager.reserve(vm('web-1'), null, 60_000);
  t.deepEqual(held(first), [0, 316]);
  first.meter.mib = 100;
  await first.journal.die();
  first.manager.close();
  first.host.revive();
  const second = await started({ host: first.host, directory: first.directory, config }, 'measured', 100);
  t.deepEqual(held(second), [0, 316]);
  await second.manager.create(vm('web-1'));
  t.deepEqual(held(second), [316, 0]);
  t.is(second.manager.actor('web-1').record.overhead, 60 * MIB);
  await t.throwsAsync(second.manager.create(vm('web-2')), { code: 'admission_refused' });
});

test('a commit that does not become durable leaves the reservation as it was', async (t) => {
  const life = await started();
  await life.manager.reserve(vm('web-1'), null, 60_000);
  life.meter.mib = 100;
  life.world.journal.write = () => Promise.reject(new Error('disk full'));
  await t.throwsAsync(life.manager.create(vm('web-1')), { message: 'disk full' });
  t.deepEqual(held(life), [0, 316]);
});
