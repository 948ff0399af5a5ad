import { MadeUpNode, workloadOf } from './fixture.js';

/** A page with every family on it: a frozen virtual machine, one without a cgroup, one beyond the budget, and events. */
export async function fullPage(options: { process: boolean }): Promise<string> {
  const node = new MadeUpNode(3, { ...options, maxSeries: 86 });
  const frozen = workloadOf(1, 'frozen');
  node.list[1] = { ...frozen, spec: { ...frozen.spec, driver: 'qemu' } };
  node.drops = [{ link: 'bt0', packets: { egress: 14, spoofed: 1 } }];
  node.savings = new Map([['web-0', -8192]]);
  await node.sampler.sample();
  node.step = 2;
  await node.sampler.sample();
  const { registry } = node;
  node.counted = {
    reaped: { ...node.counted.reaped, netns: 2 },
    requests: [
      ...node.counted.requests,
      { method: 'workload.create', result: 'ok', count: 1 },
      { method: 'unknown', result: 'unknown_method', count: 1 },
    ],
    journalWrites: 1,
    outputDropped: 4096,
  };
  registry.recordAdmission('admitted', 'none', 0.002);
  registry.recordAdmission('refused', 'memory', 0.0004);
  registry.recordStartWait(0.2);
  registry.recordStart('exec', 0.03);
  registry.recordSave('qemu', 1.5);
  registry.recordRestore('qemu', 0.4);
  registry.recordEnd({ cause: 'limit', actor: 'kernel' });
  registry.recordReconcile(0.004);
  registry.recordEvent();
  return Buffer.concat([...node.page.chunks(), ...node.adopted().chunks()]).toString() + (await registry.text());
}
