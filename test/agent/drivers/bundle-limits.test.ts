import test from 'ava';
import { unheldLimits } from '../../../agent/drivers/oci/bundle-limits.js';
import type { OciConfig } from '../../../agent/drivers/oci/config.js';

const bundle = (resources: object) => ({ linux: { resources } }) as unknown as OciConfig;
const spec = (resources: object = {}) => ({ resources }) as Parameters<typeof unheldLimits>[1];

const FIELDS: readonly (readonly [resources: object, spec: object, unheld: readonly string[]])[] = [
  [{}, {}, []],
  [{ devices: [{ allow: false, access: 'rwm' }] }, {}, []],
  [{ devices: [{ allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }] }, {}, ['linux.resources.devices']],
  [{ memory: { limit: 1000 } }, {}, ['linux.resources.memory.limit: write resources.memory.limit']],
  [{ memory: { limit: 1000 } }, { memory: { limit: 1000 } }, []],
  [
    { memory: { limit: 1000 } },
    { memory: { limit: 1001 } },
    ['linux.resources.memory.limit: write resources.memory.limit'],
  ],
  [{ memory: { limit: -1 } }, {}, []],
  [{ memory: { swap: 5, reservation: 5 } }, {}, ['linux.resources.memory.swap', 'linux.resources.memory.reservation']],
  [{ pids: { limit: 10 } }, {}, ['linux.resources.pids.limit: write resources.pids']],
  [{ pids: { limit: 10 } }, { pids: 9 }, []],
  [{ cpu: { quota: 50_000 } }, {}, ['linux.resources.cpu.quota: write resources.cpu.limit (0.5)']],
  [{ cpu: { quota: 50_000, period: 50_000 } }, { cpu: { limit: 1 } }, []],
  [{ cpu: { shares: 512 } }, {}, ['linux.resources.cpu.shares']],
  [{ cpu: { cpus: '0' } }, {}, ['linux.resources.cpu.cpus']],
  [{ blockIO: { weight: 10 } }, {}, ['linux.resources.blockIO.weight']],
  [{ hugepageLimits: [{ pageSize: '2MB', limit: 1 }] }, {}, ['linux.resources.hugepageLimits']],
  [{ unified: { 'memory.high': '1' } }, {}, ['linux.resources.unified.memory.high']],
  [{ network: { priorities: [{ name: 'eth0', priority: 1 }] } }, {}, ['linux.resources.network.priorities']],
  [{ rdma: { mlx: { hcaHandles: 1 } } }, {}, ['linux.resources.rdma.mlx']],
];

for (const [resources, own, unheld] of FIELDS)
  test(`${JSON.stringify(resources)} under a spec with ${JSON.stringify(own)}`, (t) => {
    t.deepEqual(unheldLimits(bundle(resources), spec(own)), [...unheld]);
  });
