import test from 'ava';
import { readTopology } from '../../../agent/host/topology.js';
import { SysError } from '../../../linux/errors.js';
import { filesOf, machine, type Shape, sysfs } from './machine.js';

const SHAPES: Readonly<Record<string, Shape>> = {
  'one socket without SMT': { coresPerCache: 8 },
  'two sockets with SMT, a NUMA node each': { sockets: 2, coresPerCache: 8, threads: 2 },
  'an EPYC with four last-level caches': { cachesPerNode: 4, coresPerCache: 4, threads: 2 },
  'four nodes a socket': { sockets: 2, nodesPerSocket: 4, cachesPerNode: 2, coresPerCache: 2, threads: 2 },
  'isolated cpus': { coresPerCache: 4, threads: 2, isolated: [2, 3, 6, 7] },
  'a sibling that is offline': { coresPerCache: 4, threads: 2, offline: [5] },
  'holes in the numbering': { sockets: 2, coresPerCache: 4, threads: 2, offline: [0, 1, 8, 9] },
};

for (const [name, shape] of Object.entries(SHAPES))
  test(`${name}: read as it is`, async (t) => {
    const topology = machine(shape);
    t.deepEqual(readTopology(await sysfs(t, filesOf(topology, shape.offline))), topology);
  });

test('a VM that tells nothing but how many there are: cores of one thread that share all', async (t) => {
  const { cpus, nodes, isolated } = readTopology(await sysfs(t, { 'devices/system/cpu/online': '0-2' }));
  t.deepEqual(
    cpus,
    [0, 1, 2].map((id) => ({ id, core: id, llc: 0, socket: 0, node: 0 })),
  );
  t.deepEqual(nodes, [{ id: 0, cpus: [0, 1, 2], memoryBytes: 0, distances: new Map() }]);
  t.deepEqual(isolated, []);
});

test('without caches those of a die share; a package that is not known is -1', async (t) => {
  const cpu = (id: number, die: string) => ({
    [`devices/system/cpu/cpu${id}/topology/physical_package_id`]: '-1',
    [`devices/system/cpu/cpu${id}/topology/core_cpus_list`]: String(id),
    [`devices/system/cpu/cpu${id}/topology/die_cpus_list`]: die,
  });
  const files = { ...cpu(0, '0-1'), ...cpu(1, '0-1'), ...cpu(2, '2-3'), ...cpu(3, '2-3') };
  // No `online` either: then the directories count.
  const { cpus } = readTopology(await sysfs(t, files));
  t.deepEqual(
    cpus.map(({ llc }) => llc),
    [0, 0, 1, 1],
  );
  t.deepEqual(new Set(cpus.map(({ socket }) => socket)), new Set([0]));
});

test('memory without cpus is a node; the cache of the highest level counts', async (t) => {
  const files = filesOf(machine({ coresPerCache: 2 }));
  const root = await sysfs(t, {
    ...files,
    'devices/system/node/node3/cpulist': '',
    'devices/system/node/node3/distance': '30 10',
    'devices/system/node/node3/meminfo': 'Node 3 MemTotal: 1024 kB',
    'devices/system/node/node0/distance': '10 30',
    'devices/system/cpu/cpu0/cache/index4/level': '2',
    'devices/system/cpu/cpu0/cache/index4/shared_cpu_list': '0',
  });
  const { nodes, cpus } = readTopology(root);
  t.deepEqual(nodes.at(-1), {
    id: 3,
    cpus: [],
    memoryBytes: 2 ** 20,
    distances: new Map([
      [0, 30],
      [3, 10],
    ]),
  });
  t.deepEqual(
    nodes[0]?.distances,
    new Map([
      [0, 10],
      [3, 30],
    ]),
  );
  t.deepEqual(
    cpus.map(({ llc }) => llc),
    [0, 0],
  );
});

test('no cpus at all is an error that names the file', async (t) => {
  const root = await sysfs(t, { other: '' });
  const error = t.throws(() => readTopology(root), { instanceOf: SysError });
  t.regex(error?.message ?? '', /devices\/system\/cpu\/online: ENOENT/);
});
