import test from 'ava';
import { Pinning } from '../../../../agent/daemon/adapters/pinning.js';
import type { Driver } from '../../../../agent/drivers/driver.js';
import { fakeVm } from '../../drivers/fake-vm.js';
import { fakeDriver, newLife, specOf, state } from '../../workload/fake-world.js';

/** A life with a driver whose VMM answers from the n-th question on. */
async function life(answersFrom: number) {
  let asked = 0;
  const driver: Driver = {
    ...fakeDriver,
    vm: {
      ...fakeVm,
      vcpuThreads: async () => {
        asked += 1;
        if (asked < answersFrom) throw new Error('the monitor does not answer yet');
        return [1];
      },
    },
  };
  const made = newLife({ world: { drivers: new Map([['exec', driver]]) } });
  await made.manager.recover();
  return { ...made, pinning: new Pinning(made.world, made.manager), asked: () => asked };
}

const alone = { class: 'guaranteed', resources: { cpu: { limit: 1 }, memory: { limit: '16Mi' } } };

test('a VM with cpus of its own is asked for its threads until it answers', async (t) => {
  const { manager, pinning, until, asked } = await life(3);
  await manager.create(specOf(alone));
  await until(state('running'));
  await pinning.pin('web-1');
  t.is(asked(), 3);
});

test('who shares its cpus, or is not there, is asked nothing', async (t) => {
  const { manager, pinning, until, asked } = await life(1);
  await manager.create(specOf());
  await until(state('running'));
  await pinning.pin('web-1');
  await pinning.pin('nobody');
  t.is(asked(), 0);
});

test('the end of the agent ends the asking', async (t) => {
  const { manager, pinning, until, asked } = await life(Number.POSITIVE_INFINITY);
  await manager.create(specOf(alone));
  await until(state('running'));
  const asking = pinning.pin('web-1');
  pinning.close();
  await asking;
  t.true(asked() <= 1);
});
