import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { Placement } from '../../../agent/placement/placement.js';
import type { LayerPort } from '../../../agent/placement/rebalance.js';
import type { PlacementSettings } from '../../../agent/placement/types.js';
import type { Value } from '../../../cgroups/types.js';
import { machine, type Shape } from '../host/machine.js';
import { alone, naming, SETTINGS, sharing } from './fixture.js';

const EIGHT: Shape = { coresPerCache: 8 };

class Cgroups implements LayerPort {
  readonly calls: string[] = [];
  readonly broken = new Set<string>();
  now = new Map<string, string>();
  before: ((id: string) => void | Promise<void>) | undefined;

  async set(id: string, layer: 'placement', values: readonly Value[]): Promise<void> {
    await this.before?.(id);
    if (this.broken.has(id)) throw new Error(`write ${id}: EBUSY`);
    const text = values.map(({ file, value }) => `${file}=${value}`).join(' ');
    this.calls.push(`${id} ${layer} ${text}`.trim());
    this.now.set(id, text);
  }
}

function start(more: Partial<PlacementSettings> = {}, shape: Shape = EIGHT) {
  const cgroups = new Cgroups();
  const warnings: string[] = [];
  const written: string[] = [];
  const waits: { ms: number; end: () => void }[] = [];
  const placement = new Placement(machine(shape), { ...SETTINGS, ...more }, cgroups, {
    log: { warn: (_data, message) => void warnings.push(message) },
    written: (id) => void written.push(id),
    slice: 4,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        waits.push({ ms, end: resolve });
      }),
  });
  const open = async (request: Parameters<Placement['add']>[0]) => {
    placement.add(request);
    return placement.seat(request.id);
  };
  return { cgroups, placement, warnings, written, waits, open };
}

test('where nobody is alone nothing is written', async (t) => {
  const { placement, cgroups, open } = start();
  for (let at = 0; at < 5; at++) await open(sharing(`s${at}`));
  await open(naming('n', [1]));
  placement.remove('s1');
  await placement.settled();
  t.deepEqual(cgroups.calls, []);
});

test('all others leave its cpus before a newcomer may start, and only its own are written last', async (t) => {
  const { cgroups, written, open } = start();
  for (let at = 0; at < 9; at++) await open(sharing(`s${at}`));
  const { seat, problems } = await open(alone('a', 2));
  t.deepEqual(seat.cpus, [1, 2]);
  t.deepEqual(problems, []);
  t.is(cgroups.calls.length, 10);
  t.is(new Set(cgroups.calls.filter((call) => call.endsWith('cpuset.cpus=0,3-7'))).size, 9);
  t.is(cgroups.now.get('a'), 'cpuset.cpus=1-2');
  t.deepEqual(new Set(written), new Set(cgroups.now.keys()));
});

test('the others begin to leave at admission, long before the cgroup of the newcomer is there', async (t) => {
  const { placement, cgroups, open } = start();
  await open(sharing('s'));
  placement.add(alone('a', 2));
  await placement.settled();
  t.deepEqual(cgroups.calls, ['s placement cpuset.cpus=0,3-7']);
});

test('two that are admitted one after the other cannot be promised the same', (t) => {
  const { placement } = start();
  t.is(placement.admit(alone('a', 4)), undefined);
  placement.add(alone('a', 4));
  t.like(placement.admit(alone('b', 4)), { limit: 7, used: 4, requested: 4, shortBy: 1 });
  t.is(placement.admit(alone('a', 7)), undefined);
});

test('a seat that is promised is nobody else’s, and those that share run there until its workload comes', async (t) => {
  const { placement, cgroups, open } = start();
  await open(sharing('s'));
  t.is(placement.admit(alone('a', 4)), undefined);
  placement.promise(alone('a', 4));
  t.like(placement.admit(alone('b', 4)), { limit: 7, used: 4, requested: 4, shortBy: 1 });
  t.like(placement.admit(naming('n', [2])), { dimension: 'cpus', holder: 'a' });
  t.like(placement.capacity(), { exclusive: 7, held: 0, free: 3, pool: 8 });
  t.is(placement.assignment.seats.has('a'), false);
  await placement.settled();
  t.deepEqual(cgroups.calls, []);

  t.is(placement.admit(alone('b', 2, { priority: 900 })), undefined);
  t.deepEqual((await open(alone('b', 2, { priority: 900 }))).seat.cpus, [5, 6], 'whatever its priority');
  t.is(cgroups.now.get('s'), 'cpuset.cpus=0-4,7');
  t.is(placement.admit(alone('a', 4)), undefined);
  t.deepEqual((await open(alone('a', 4))).seat.cpus, [1, 2, 3, 4]);
  t.is(cgroups.now.get('s'), 'cpuset.cpus=0,7');
  t.like(placement.capacity(), { held: 6, free: 1, pool: 2 });
});

test('a promise that is given back leaves nothing, and one that cannot be kept any more is no trouble of others', async (t) => {
  const { placement, open } = start();
  placement.promise(alone('a', 7));
  t.truthy(placement.admit(alone('b', 1)));
  placement.remove('a');
  t.is(placement.admit(alone('b', 7)), undefined);
  t.like(placement.capacity(), { held: 0, free: 7, pool: 8 });
  placement.promise(alone('a', 7));
  await placement.change({ topology: machine({ coresPerCache: 4 }) });
  t.is(placement.assignment.refused.size, 0);
  t.like(placement.admit(alone('a', 7)), { dimension: 'exclusive_cpus', limit: 3 });
  t.deepEqual((await open(alone('b', 3))).problems, []);
});

test('many that leave at once are one rebalance, after which nothing is written any more', async (t) => {
  const { placement, cgroups, waits, open } = start();
  await open(sharing('s'));
  for (const id of ['a', 'b', 'c']) await open(alone(id, 2));
  const before = cgroups.calls.length;
  for (const id of ['a', 'b', 'c']) placement.remove(id);
  t.is(waits.length, 1);
  await turn();
  t.is(cgroups.calls.length, before);
  waits[0]?.end();
  await turn();
  await placement.settled();
  t.deepEqual(cgroups.calls.slice(before), ['s placement cpuset.cpus=0-7']);
  await open(sharing('later'));
  t.deepEqual(cgroups.calls.slice(before + 1), []);
});

test('one that comes while others leave shrinks the pool once', async (t) => {
  const { placement, cgroups, open } = start();
  await open(sharing('s'));
  await open(alone('a', 2));
  placement.remove('a');
  await open(alone('b', 2));
  t.deepEqual(
    cgroups.calls.filter((call) => call.startsWith('s ')),
    ['s placement cpuset.cpus=0,3-7'],
  );
});

test('what could not be written is said, does not hold up the start, and is tried again', async (t) => {
  const { placement, cgroups, warnings, waits, open } = start();
  await open(sharing('s'));
  cgroups.broken.add('s');
  const { problems } = await open(alone('a', 2));
  t.deepEqual(problems, ['s may still run on its cpus: write s: EBUSY']);
  t.deepEqual(
    placement.failures().map(({ id, reason }) => [id, reason]),
    [['s', 'write s: EBUSY']],
  );
  t.true(warnings.length > 0);
  t.is(waits.length, 1);
  cgroups.broken.clear();
  waits[0]?.end();
  await turn();
  await placement.settled();
  t.is(cgroups.now.get('s'), 'cpuset.cpus=0,3-7');
  t.deepEqual(placement.failures(), []);
});

test('each failure in a row is waited for twice as long; one that is gone is not tried again', async (t) => {
  const { placement, cgroups, waits, open } = start();
  await open(sharing('s'));
  await open(sharing('x'));
  cgroups.broken.add('s');
  placement.add(alone('a', 2));
  await placement.settled();
  for (let at = 0; at < 3; at++) {
    waits.at(-1)?.end();
    await turn();
    await placement.settled();
  }
  const times = waits.map(({ ms }) => ms);
  t.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  t.true((times.at(-1) ?? 0) >= 4 * (times[0] ?? 0));
  placement.remove('s');
  t.deepEqual(placement.failures(), []);
});

test('a change during a pass is in it', async (t) => {
  const { placement, cgroups, open } = start();
  for (let at = 0; at < 9; at++) await open(sharing(`s${at}`));
  cgroups.before = () => {
    cgroups.before = undefined;
    placement.add(alone('b', 1));
  };
  await open(alone('a', 2));
  await placement.settled();
  for (let at = 0; at < 9; at++) t.is(cgroups.now.get(`s${at}`), 'cpuset.cpus=0,4-7');
});

test('after a restart of the agent everybody stays, and nothing is written twice', async (t) => {
  const first = start({}, { coresPerCache: 4, threads: 2 });
  const requests = [sharing('s'), alone('a', 1), alone('b', 2), naming('n', [0])];
  for (const request of requests) await first.open(request);
  first.placement.remove('a');
  await first.open(alone('c', 3));
  const second = start({}, { coresPerCache: 4, threads: 2 });
  const left = [sharing('s'), alone('b', 2), naming('n', [0]), alone('c', 3)];
  await second.placement.restore(left.map((request) => ({ request, values: first.placement.valuesOf(request.id) })));
  t.deepEqual(second.cgroups.calls, []);
  for (const request of left)
    t.deepEqual(
      { ...second.placement.seatOf(request), reason: '' },
      { ...first.placement.seatOf(request), reason: '' },
    );
});

test('a successor finishes what its predecessor did not', async (t) => {
  const { placement, cgroups } = start();
  await placement.restore([
    { request: sharing('s'), values: [] },
    { request: sharing('stopped'), values: undefined },
    { request: alone('a', 2), values: [{ file: 'cpuset.cpus', value: '5-6' }] },
    { request: alone('b', 2), values: [{ file: 'cpuset.cpus', value: '6-7' }] },
  ]);
  t.is(cgroups.now.get('s'), 'cpuset.cpus=0,2-4');
  t.deepEqual(placement.seatOf(alone('a', 2)).cpus, [5, 6]);
  t.deepEqual(placement.seatOf(alone('b', 2)).cpus, [1, 7]);
  t.false(cgroups.now.has('stopped'));
  t.false(cgroups.now.has('a'));
});

test('a reload that takes the policy away makes wide what cannot be taken back', async (t) => {
  const { placement, cgroups, open } = start();
  await open(sharing('s'));
  await open(alone('a', 2));
  await placement.change({ settings: { ...SETTINGS, policy: 'none' } });
  t.deepEqual([...cgroups.now.values()], ['cpuset.cpus=0-7', 'cpuset.cpus=0-7']);
  await placement.change({ settings: SETTINGS });
  t.deepEqual(
    [...cgroups.now],
    [
      ['s', 'cpuset.cpus=0,3-7'],
      ['a', 'cpuset.cpus=1-2'],
    ],
  );
});

test('without the controller nothing is written, and the workload is told', async (t) => {
  const { placement, cgroups, open } = start({ cpuset: false });
  t.is(placement.admit(alone('a', 2)), undefined);
  const { seat } = await open(alone('a', 2));
  t.is(seat.kind, 'shared');
  t.regex(seat.reason, /cpuset controller is missing/);
  t.deepEqual(cgroups.calls, []);
});

test('a live change of the limit keeps what is there', async (t) => {
  const { placement, cgroups, open } = start();
  await open(sharing('s'));
  await open(alone('a', 2));
  await open(alone('b', 1));
  t.is(placement.admit(alone('a', 4)), undefined);
  placement.add(alone('a', 4));
  await placement.settled();
  t.is(cgroups.now.get('a'), 'cpuset.cpus=1-2,4-5');
  t.is(cgroups.now.get('s'), 'cpuset.cpus=0,6-7');
  placement.add(sharing('a'));
  await placement.settled();
  t.is(cgroups.now.get('a'), cgroups.now.get('s'));
});

test('closing waits for what is under way and ends all waiting', async (t) => {
  const { placement, cgroups, open } = start();
  await open(sharing('s'));
  cgroups.broken.add('s');
  placement.add(alone('a', 2));
  await placement.settled();
  await t.notThrowsAsync(placement.close());
});

test('memory that was bound is free again when the workload shares', async (t) => {
  const { placement, cgroups, open } = start({}, { sockets: 2, coresPerCache: 4 });
  await open(alone('a', 2));
  t.is(cgroups.now.get('a'), 'cpuset.cpus=1-2 cpuset.mems=0');
  placement.add(sharing('a'));
  await placement.settled();
  t.is(cgroups.now.get('a'), 'cpuset.cpus=0-7 cpuset.mems=0-1');
  placement.add(naming('a', [3], { mems: [1] }));
  await placement.settled();
  t.is(cgroups.now.get('a'), 'cpuset.cpus=3 cpuset.mems=1');
});
