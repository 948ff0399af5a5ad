// Two wishes about one workload at once: whatever was decided before an await must still be true after it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { fakeDriver, type Life, newLife, specOf, state } from './fake-world.js';

const committed = ({ manager }: Life, dimension: string) =>
  manager.capacity().find((row) => row.scope === 'host' && row.dimension === dimension)?.committed;

/** A workload at rest, and a way to hold the next check of a spec until it is let go. */
async function atRest() {
  let held = Promise.resolve();
  let reached: () => void = () => undefined;
  const check = async (): Promise<void> => {
    reached();
    await held;
  };
  const life = newLife({ world: { drivers: new Map([['exec', { ...fakeDriver, check }]]) } });
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  await life.manager.setDesired('web-1', 'stopped');
  await life.until(state('exited'));
  return {
    ...life,
    /** Resolves when a check has begun; `go` lets it end. */
    hold: () => {
      let go: () => void = () => undefined;
      held = new Promise((resolve) => {
        go = resolve;
      });
      const begun = new Promise<void>((resolve) => {
        reached = resolve;
      });
      return { begun, go };
    },
  };
}

test('a workload that is deleted while its start is being checked stays deleted', async (t) => {
  const life = await atRest();
  const { begun, go } = life.hold();
  const start = life.manager.setDesired('web-1', 'running');
  await begun;
  const gone = life.manager.setDesired('web-1', 'deleted');
  await gone;
  go();
  await t.throwsAsync(start, { code: 'invalid_state' });
  await life.until(({ type }) => type === 'workload.deleted');
  await life.journal.idle();
  t.is(committed(life, 'workloads'), 0);
  t.deepEqual(life.host.left(), []);
  t.deepEqual(readdirSync(join(life.directory, 'state/workloads')), []);
});

test('two starts at once are one, with one slot', async (t) => {
  const life = await atRest();
  const slot = (name: string) => ({
    ...{ netns: `berth--${name}`, hostLink: name, mac: '02:00:00:00:00:01' },
    baseline: { name, rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 },
  });
  life.host.slots.veth.push(slot('one'), slot('two'));
  await Promise.all([life.manager.setDesired('web-1', 'running'), life.manager.setDesired('web-1', 'running')]);
  await life.until(() => life.manager.actor('web-1').record.state === 'running');
  t.is(life.manager.actor('web-1').record.sandbox.netns, 'berth--one');
  t.deepEqual(
    life.host.slots.veth.map(({ netns }) => netns),
    ['berth--two'],
  );
});

test('an update during a start is not lost, and what it asks for is counted', async (t) => {
  const life = await atRest();
  const wanted = specOf({ resources: { memory: { limit: '1Gi' } } });
  const { begun, go } = life.hold();
  const start = life.manager.setDesired('web-1', 'running');
  await begun;
  const update = life.manager.update('web-1', wanted);
  go();
  await Promise.all([start, update]);
  await life.until(() => life.manager.actor('web-1').record.state === 'running');
  t.is(life.manager.actor('web-1').record.spec.resources.memory?.limit, 2 ** 30);
  t.is(life.manager.actor('web-1').record.generation, 2);
  t.is(committed(life, 'memory'), 2 ** 30);
});

test('a start during an update starts what the update has made of it', async (t) => {
  const life = await atRest();
  const wanted = specOf({ resources: { memory: { limit: '1Gi' } } });
  const { begun, go } = life.hold();
  const update = life.manager.update('web-1', wanted);
  await begun;
  const start = life.manager.setDesired('web-1', 'running');
  go();
  await Promise.all([update, start]);
  await life.until(() => life.manager.actor('web-1').record.state === 'running');
  t.is(life.manager.actor('web-1').record.spec.resources.memory?.limit, 2 ** 30);
  t.is(committed(life, 'memory'), 2 ** 30);
});

test('the same request again is answered when the first one is durable, and fails with it', async (t) => {
  const life = newLife();
  await life.manager.recover();
  life.journal.failing = 'web-1 running';
  const outcomes = await Promise.allSettled([life.manager.create(specOf()), life.manager.create(specOf())]);
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.false(life.manager.has('web-1'));
  life.journal.failing = undefined;
  await life.manager.create(specOf());
  await life.until(state('running'));
  life.journal.failing = 'web-1 deleted';
  const deletes = [life.manager.setDesired('web-1', 'deleted'), life.manager.setDesired('web-1', 'deleted')];
  t.deepEqual(
    (await Promise.allSettled(deletes)).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.is(life.manager.actor('web-1').record.desired, 'running');
  life.journal.failing = undefined;
  t.is((await life.manager.create(specOf())).desired, 'running', 'what failed once is no reason for ever');
});

test('an address is nobody else’s before it is durable that its workload is at rest', async (t) => {
  const life = newLife({ config: { network: { pool: '10.9.0.0/32' } } });
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  const write = life.journal.write.bind(life.journal);
  const resting = new Promise<void>((reached) => {
    life.journal.write = (record) => {
      if (record.state !== 'exited') return write(record);
      reached();
      return new Promise(() => undefined);
    };
  });
  await life.manager.setDesired('web-1', 'stopped');
  await resting;
  await t.throwsAsync(life.manager.create(specOf({ id: 'web-2' })), { code: 'address_pool_exhausted' });
  t.is(committed(life, 'workloads'), 1);
});

test.serial('a clock that is set back does not hold up a restart', async (t) => {
  const life = newLife();
  await life.manager.recover();
  await life.manager.create(specOf({ restart: { policy: 'always' } }));
  await life.until(state('running'));
  const { now } = Date;
  try {
    life.host.end('web-1', { code: 1 });
    await life.until(({ type }) => type === 'workload.restarting');
    Date.now = () => now() - 3_600_000;
    await life.until(() => life.manager.actor('web-1').record.process?.pid === 102);
  } finally {
    Date.now = now;
  }
  t.is(life.manager.actor('web-1').record.restarts, 1);
});
