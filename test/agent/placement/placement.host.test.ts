// The room against the cpusets of a real kernel: it decides here, and its port writes there. Two cpus, one for the host.
import test from 'ava';
import { parseCpuList } from '../../../agent/base/cpu-list.js';
import { readTopology } from '../../../agent/host/topology.js';
import { type Foreign, violations } from '../../../agent/placement/foreign.js';
import { Placement } from '../../../agent/placement/placement.js';
import type { LayerPort } from '../../../agent/placement/rebalance.js';
import { freshHost, type Host } from '../../lab/host.js';
import { sysfs } from '../host/machine.js';
import { alone, SETTINGS, sharing } from './fixture.js';

const ROOT = '/sys/fs/cgroup/placed';
const HOG = 'while :; do :; done';

async function topologyOf(host: Host): Promise<Record<string, string>> {
  const cpu = ['online', 'isolated', 'cpu*/topology/*_list', 'cpu*/topology/physical_package_id'];
  const cache = ['cpu*/cache/index*/level', 'cpu*/cache/index*/shared_cpu_list'];
  const paths = [...cpu, ...cache].map((path) => `devices/system/cpu/${path}`);
  const nodes = ['cpulist', 'distance', 'meminfo'].map((path) => `devices/system/node/node*/${path}`);
  // Exit code 2: some pattern matched no file, a cache perhaps.
  const { stdout } = await host.ssh(`cd /sys; grep -sH '' ${[...paths, ...nodes].join(' ')}; test $? != 1`);
  const files: Record<string, string> = {};
  for (const line of stdout.split('\n').filter((text) => text !== '')) {
    const colon = line.indexOf(':');
    const path = line.slice(0, colon);
    files[path] = `${files[path] ?? ''}${line.slice(colon + 1)}\n`;
  }
  return files;
}

test.serial('a newcomer is alone on its cpu while it is there, in the eyes of the kernel', async (t) => {
  t.timeout(600_000);
  const host = await freshHost({ name: 'placement' });
  try {
    const topology = readTopology(await sysfs(t, await topologyOf(host)));
    t.deepEqual(
      topology.cpus.map(({ id }) => id),
      [0, 1],
    );
    await host.ssh(
      `mkdir ${ROOT}; echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control; echo +cpuset > ${ROOT}/cgroup.subtree_control`,
    );
    const port: LayerPort = {
      set: (id, _layer, values) =>
        host.ssh(values.map(({ file, value }) => `echo ${value} > ${ROOT}/${id}/${file}`).join(' && ')),
    };
    const placement = new Placement(topology, SETTINGS, port, {
      log: { warn: (data) => t.log(data) },
      wait: async () => undefined,
    });
    const begin = async (id: string): Promise<void> => {
      await host.ssh(
        `(echo 0 > ${ROOT}/${id}/cgroup.procs; exec setsid sh -c '${HOG}') > /dev/null 2>&1 < /dev/null &`,
      );
      await host.waitFor(`test -n "$(cat ${ROOT}/${id}/cgroup.procs)"`);
    };
    const allowed = async (id: string): Promise<string> =>
      (
        await host.ssh(`sed -n 's/^Cpus_allowed_list:\\s*//p' /proc/$(head -1 ${ROOT}/${id}/cgroup.procs)/status`)
      ).stdout.trim();
    const run = async (request: ReturnType<typeof sharing>): Promise<readonly string[]> => {
      placement.add(request);
      await host.ssh(`mkdir ${ROOT}/${request.id}`);
      const { problems } = await placement.seat(request.id);
      await begin(request.id);
      return problems;
    };

    for (const id of ['s0', 's1', 's2']) t.deepEqual(await run(sharing(id)), []);
    t.is((await host.ssh(`cat ${ROOT}/s*/cpuset.cpus`)).stdout.trim(), '');
    t.like(placement.admit(alone('b', 2)), { limit: 1, used: 0, requested: 2, shortBy: 1 });

    t.is(placement.admit(alone('a', 1)), undefined);
    t.deepEqual(await run(alone('a', 1)), []);
    for (const id of ['s0', 's1', 's2']) t.is(await allowed(id), '0');
    t.is(await allowed('a'), '1');

    // Three on the one cpu, and one that has the other to itself.
    // One program reads all four: several would wait for a cpu in between.
    const used = async (): Promise<number[]> => {
      const paths = ['a', 's0', 's1', 's2'].map((id) => `${ROOT}/${id}/cpu.stat`).join(' ');
      const { stdout } = await host.ssh(`grep -h usage_usec ${paths}`);
      return stdout
        .trim()
        .split('\n')
        .map((line) => Number(line.split(' ')[1]));
    };
    const before = await used();
    await host.waitFor(`test $(sed -n 's/usage_usec //p' ${ROOT}/a/cpu.stat) -gt ${(before[0] ?? 0) + 5_000_000}`);
    const [own = 0, ...others] = (await used()).map((usec, at) => usec - (before[at] ?? 0));
    t.log(`usec of a, s0, s1, s2: ${[own, ...others].join(', ')}`);
    for (const other of others) t.true(own > 2 * other, `${own} is not twice ${other}`);

    const { stdout } = await host.ssh(
      'cd /sys/fs/cgroup; for c in *.slice init.scope; do echo $c $(cat $c/cpuset.cpus.effective); done',
    );
    const foreign = stdout
      .trim()
      .split('\n')
      .map((line): Foreign => {
        const [cgroup = '', cpus = ''] = line.split(' ');
        return { cgroup, cpus: parseCpuList(cpus) };
      });
    t.true(violations(topology, placement.assignment, foreign)[0]?.open.includes('system.slice'));
    await host.ssh(
      'systemctl set-property --runtime system.slice AllowedCPUs=0 && systemctl set-property --runtime user.slice AllowedCPUs=0 && systemctl set-property --runtime init.scope AllowedCPUs=0',
    );
    const confined = (await host.ssh('cat /sys/fs/cgroup/system.slice/cpuset.cpus.effective')).stdout.trim();
    t.deepEqual(
      violations(topology, placement.assignment, [{ cgroup: 'system.slice', cpus: parseCpuList(confined) }]),
      [],
    );

    await host.ssh(`echo 1 > ${ROOT}/a/cgroup.kill`);
    await host.waitFor(`grep -q 'populated 0' ${ROOT}/a/cgroup.events && rmdir ${ROOT}/a`);
    placement.remove('a');
    await host.waitFor(`test "$(cat ${ROOT}/s0/cpuset.cpus)" = 0-1`);
    await placement.settled();
    for (const id of ['s0', 's1', 's2']) t.is(await allowed(id), '0-1');
    t.deepEqual(placement.failures(), []);
    await placement.close();
  } finally {
    await host.stop();
  }
});
