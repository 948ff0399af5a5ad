import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { HostFollow } from '../../../agent/daemon/assembly/host-follow.js';
import { readTopology } from '../../../agent/host/topology.js';
import { Placement } from '../../../agent/placement/placement.js';
import { alone, SETTINGS } from '../placement/fixture.js';
import { filesOf, machine, sysfs } from './machine.js';

test('a cpu that goes offline and comes back: event, condition, capacity and exclusivity follow both ways', async (t) => {
  const sys = await sysfs(t, filesOf(machine({ coresPerCache: 4 }), []));
  const online = (list: string): void => writeFileSync(join(sys, 'devices/system/cpu/online'), list);
  const written = new Map<string, string>();
  const placement = new Placement(
    readTopology(sys),
    SETTINGS,
    {
      set: async (id, _layer, values) =>
        void written.set(id, values.map(({ file, value }) => `${file}=${value}`).join(' ')),
    },
    { log: { warn: () => undefined } },
  );
  const sizes: { cores?: number; memoryBytes?: number }[] = [];
  const cores: number[] = [];
  const starts: number[] = [];
  const told: { type: string }[] = [];
  const facts = { memoryBytes: 100 };
  const follow = new HostFollow({
    ...{ placement, facts, sys },
    density: { setHost: (size) => void sizes.push(size), setCores: (port) => void cores.push(port.capacity()) },
    governor: { setCores: (count) => void starts.push(count) },
    events: { append: (event: { type: string }) => void told.push(event) } as never,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  for (const id of ['a', 'b']) {
    t.is(placement.admit(alone(id, 1)), undefined);
    placement.add(alone(id, 1));
    await placement.seat(id);
  }
  const [cpu] = placement.assignment.seats.get('b')?.cpus ?? [];
  await follow.look();
  t.deepEqual([told, follow.conditions()], [[], []], 'nothing has changed');

  const left = [0, 1, 2, 3].filter((one) => one !== cpu);
  online(left.join(','));
  t.is(follow.conditions()[0]?.code, 'cpus_offline', 'said before anybody looked');
  await follow.look();
  t.like(told[0], { type: 'host.resized' });
  t.deepEqual(sizes, [{ cores: 3, memoryBytes: 100 }]);
  t.deepEqual(starts, [3]);
  t.is(placement.topology.cpus.length, 3);
  t.false(placement.assignment.seats.get('b')?.held.includes(cpu ?? -1));
  for (const values of written.values()) t.false(values.includes(`cpuset.cpus=${cpu} `));

  online('0-3');
  await follow.look();
  t.deepEqual(follow.conditions(), []);
  t.is(sizes.at(-1)?.cores, 4);
  t.true((cores.at(-1) ?? 0) > (cores[0] ?? 0), 'cores of one workload alone are given out again');
  t.is(placement.assignment.refused.size, 0);
  for (const id of ['a', 'b']) t.is(placement.assignment.seats.get(id)?.held.length, 1, `${id} has a cpu for itself`);

  facts.memoryBytes = 50;
  await follow.look();
  t.deepEqual(sizes.at(-1), { cores: 4, memoryBytes: 50 });
  t.is(told.length, 3);
  await placement.close();
});
