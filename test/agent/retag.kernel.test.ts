// What the version before has tagged: its workloads and ready slots get the id of the installation where they are.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { findHierarchy } from '../../cgroups/hierarchy.js';
import { readTag, writeTag } from '../../cgroups/tag.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { connect } from './told-client.js';

const CGROUP = `berth-retag-${process.pid}`;
let host: OwnHost;
let agent: OwnAgent;

test.before(async () => {
  host = await openHost();
  const { directory, prefix, start } = host;
  agent = new OwnAgent({
    ...{ directory, prefix, start, cgroup: CGROUP },
    // The pool must be full at some point, however much others have to do on this machine.
    env: {
      ...{ BERTH_NETWORK_POOL: '10.214.1.0/28', BERTH_NETWORK_SLOTS: '2', BERTH_WEB_LISTEN: '' },
      BERTH_GOVERNOR_ENABLED: 'false',
    },
  });
  await agent.start();
});

test.after.always(async () => {
  await agent.end();
  host.end();
});

const idOf = (): string => JSON.parse(host.run(`cat ${join(host.directory, 'state/installation.json')}`)).id;

/** Number, name and tag of each tagged link. */
function links(): string[] {
  const all: { ifname: string; ifindex: number; ifalias?: string }[] = JSON.parse(host.run('ip -j link'));
  return all.flatMap(({ ifname, ifindex, ifalias }) =>
    ifalias === undefined ? [] : [`${ifindex} ${ifname} ${ifalias}`],
  );
}

/** Name, inode and tag of each namespace of berth. */
function namespaces(): string[] {
  const tag = 'ip -n $n -o link show lo | sed -n "s/.*alias //p"';
  const each = `for n in berth-*; do echo "$n $(stat -c %i $n) $(${tag})"; done`;
  return host.run(`cd /run/netns && ${each}`).trim().split('\n');
}

async function until<T>(look: () => T | Promise<T>, is: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await look();
    if (is(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function workload(id: string, spec?: object): Promise<WorkloadView> {
  const client = await connect(agent.socket);
  try {
    if (spec !== undefined)
      await client.call('workload.create', { spec: { id, tenant: 'acme', driver: 'external', ...spec } });
    return await until(
      () => client.call('workload.get', { id }),
      ({ state }) => state === 'running' || state === 'failed',
    );
  } finally {
    await client.close();
  }
}

test.serial(
  'links, slots, namespaces and cgroups get the id, keep their numbers, and nothing is left over',
  async (t) => {
    const shaped = { network: { bandwidth: { ingress: '10Mbit', egress: '10Mbit' } } };
    t.is((await workload('shaped', shaped)).state, 'running');
    t.is((await workload('isolated', { network: { mode: 'none' } })).state, 'running');
    const first = idOf();
    const made = await until(links, (found) => found.filter((line) => line.endsWith(`-slot-${first}`)).length === 2);
    t.is(made.filter((line) => line.endsWith(` berth:${first}:shaped`)).length, 2, 'host link and IFB');
    const spaces = namespaces();
    t.is(spaces.length, 4);
    t.true(
      spaces.every((line) => line.endsWith(` berth:${first}`)),
      spaces.join('\n'),
    );
    await agent.kill('SIGKILL');

    // As the version before leaves it.
    const cgroup = join(findHierarchy()?.mount ?? '', CGROUP, 'acme/shaped');
    t.is(readTag(cgroup), `berth:${first}:shaped`);
    writeTag(cgroup, 'berth:shaped');
    rmSync(join(host.directory, 'state/installation.json'));
    const former = made.map((line) => line.replace(`berth:${first}:`, 'berth:').replace(`-slot-${first}`, '-slot'));
    for (const line of former) {
      const [, name, alias] = line.split(' ');
      host.run(`ip link set ${name} alias ${alias}`);
    }
    for (const line of spaces) host.run(`ip -n ${line.split(' ')[0]} link set lo alias ""`);
    for (const dir of ['shaped', 'isolated'])
      rmSync(join(host.directory, 'run/workloads', dir), { recursive: true, force: true });

    await agent.start();
    const now = idOf();
    const expected = former.map((line) => line.replace(' berth:', ` berth:${now}:`).replace(/-slot$/, `-slot-${now}`));
    // The pool takes up what is ready in the background.
    t.deepEqual(await until(links, (found) => found.every((line) => line.includes(now))), expected);
    t.deepEqual(
      namespaces(),
      spaces.map((line) => line.replace(first, now)),
    );
    t.is(readTag(cgroup), `berth:${now}:shaped`);
    for (const id of ['shaped', 'isolated']) t.is((await workload(id)).state, 'running');
    t.is(agent.berth(['cleanup', '--dry-run']).stdout, 'nothing to remove\n');
  },
);
