import test from 'ava';
import { Vms } from '../../../agent/metrics/vms.js';
import { specOf } from '../workload/fake-world.js';
import { MadeUpNode, statsOf } from './fixture.js';
import { parseText } from './text.js';

const MIB = 2 ** 20;
const process = { pid: 1, startTime: 1, startedAt: 1 };

function valuesOf(node: MadeUpNode): Record<string, number> {
  const { series } = parseText(Buffer.concat([...node.page.chunks()]).toString());
  const found = [...series.values()].filter(({ name }) => name.startsWith('berth_vm_'));
  return Object.fromEntries(found.map(({ name, labels, value }) => [`${labels.workload} ${name}`, value]));
}

test('a machine of any VMM has the memory of its guest while it runs, a process has none', (t) => {
  let asked = new Map([['fc', 64 * MIB]]);
  const vms = new Vms({ balloons: () => asked, overhead: (id) => (id === 'vm' ? 40 * MIB : undefined) });
  vms.begin();
  const of = (id: string, driver: 'qemu' | 'firecracker', runs = true) => {
    const section = { kernel: '/k', initrd: '/i', memory: '256Mi' };
    return vms.of({ id, spec: specOf({ driver, exec: undefined, [driver]: section }), process: runs ? process : null });
  };
  t.deepEqual(of('vm', 'qemu'), { memory: 256 * MIB, balloon: 0, overhead: 40 * MIB });
  t.deepEqual(of('fc', 'firecracker'), { memory: 256 * MIB, balloon: 64 * MIB, overhead: undefined });
  t.is(of('fc', 'firecracker', false)?.memory, 0);
  t.is(vms.of({ id: 'fc', spec: specOf(), process }), undefined);
  asked = new Map();
  t.is(of('fc', 'firecracker')?.balloon, 64 * MIB, 'balloons are asked for once a round');
  vms.begin();
  t.is(of('fc', 'firecracker')?.balloon, 0);
});

test('only machines are on the page, and a balloon shows although nothing else has changed', async (t) => {
  const node = new MadeUpNode(5);
  const stats = statsOf(4, 1);
  node.readStats = () => stats;
  node.machine = { memory: 256, balloon: 0, overhead: undefined };
  for (let round = 0; round < 3; round += 1) await node.sampler.sample();
  t.deepEqual(valuesOf(node), { 'web-4 berth_vm_memory_bytes': 256, 'web-4 berth_vm_balloon_bytes': 0 });
  node.machine = { ...node.machine, balloon: 64, overhead: 40 };
  await node.sampler.sample();
  t.deepEqual(valuesOf(node), {
    'web-4 berth_vm_memory_bytes': 256,
    'web-4 berth_vm_balloon_bytes': 64,
    'web-4 berth_vm_overhead_bytes': 40,
  });
  node.machine = { ...node.machine, balloon: 0 };
  await node.sampler.sample();
  t.is(valuesOf(node)['web-4 berth_vm_balloon_bytes'], 0);
});

test('the series of machines are within the budget', async (t) => {
  const node = new MadeUpNode(5);
  await node.sampler.sample();
  const { series } = node.page;
  const short = new MadeUpNode(5, { maxSeries: series - 1 });
  await short.sampler.sample();
  t.deepEqual(valuesOf(short), {});
  t.is(short.page.has('web-4'), false);
});
