// Two installations on one host, which share /run/netns: each agent touches its own.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { OwnAgent } from './own-agent.js';
import { type OwnHost, openHost } from './own-host.js';
import { type Client, connect } from './told-client.js';

/** The first has the host's network namespace; all others have one of the same name, and one mount namespace. */
const POOLS = { a: '10.213.1.0/28', b: '10.213.2.0/28', c: '10.213.3.0/28' } as const;
type Name = keyof typeof POOLS;

let host: OwnHost;
const agents: OwnAgent[] = [];

function agentOf(name: Name): OwnAgent {
  const inside = name === 'a' ? [] : ['nsenter', '--net=/run/netns/second', '--'];
  const agent = new OwnAgent({
    directory: join(host.directory, name),
    prefix: [...host.prefix, ...inside],
    start: (command, options) => host.start([...inside, ...command], options),
    cgroup: `berth-inst-${name}-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: POOLS[name],
      BERTH_NETWORK_SLOTS: '2',
      BERTH_WEB_LISTEN: '',
      // Of the whole machine: the pool must be full at some point, however much others have to do here.
      BERTH_GOVERNOR_ENABLED: 'false',
    },
  });
  agents.push(agent);
  return agent;
}

async function on<T>(agent: OwnAgent, body: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(agent.socket);
  try {
    return await body(client);
  } finally {
    await client.close();
  }
}

/** Creates a sandbox without a process: nothing but its tags says that it is somebody's. */
function sandbox(agent: OwnAgent, id: string, spec: object = {}): Promise<WorkloadView> {
  return on(agent, async (client) => {
    await client.call('workload.create', { spec: { id, tenant: 'acme', driver: 'external', ...spec } });
    for (;;) {
      const view = await client.call('workload.get', { id });
      if (view.state === 'running' || view.state === 'failed') return view;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}

/** Names in /run/netns with the namespaces behind them, without those that the test has made. */
const namespaces = () =>
  host
    .run('cd /run/netns && stat -c "%n %i" berth-* 2>/dev/null | sort')
    .split('\n')
    .filter((line) => line !== '');
/** Links with their numbers and tags, and the tags of the namespaces. */
const links = (inside: string) => {
  const all: { ifname: string; ifindex: number; ifalias?: string }[] = JSON.parse(host.run(`${inside} ip -j link`));
  return all.flatMap(({ ifname, ifindex, ifalias }) =>
    ifalias === undefined ? [] : [`${ifindex} ${ifname} ${ifalias}`],
  );
};
const SECOND = 'nsenter --net=/run/netns/second';
const tagInside = (netns: string) =>
  host.run(`nsenter --net=/run/netns/${netns} ip -o link show lo 2>/dev/null || true`).match(/alias (\S+)/)?.[1];

/** Until so many namespaces are those of an installation: its pool is full, and nothing is in the making. */
async function settled(name: Name, count: number): Promise<readonly string[]> {
  const tag = `berth:${idOf(name)}`;
  for (;;) {
    const names = namespaces().map((line) => line.split(' ')[0] ?? '');
    const free = [...links(''), ...links(SECOND)].filter((line) => line.endsWith(`-slot-${idOf(name)}`));
    const own = names.filter((netns) => tagInside(netns) === tag);
    if (own.length === count && free.length === 2) return own;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const idOf = (name: Name): string =>
  JSON.parse(host.run(`cat ${join(host.directory, name, 'state/installation.json')}`)).id;

test.before(async () => {
  host = await openHost();
  host.run('ip netns add second && ip -n second link set lo up');
});

test.after.always(async () => {
  for (const agent of agents) await agent.end();
  host.end();
});

/** All that one installation has is as it was after a cleanup of another, which says whose it is. */
function spared(t: ExecutionContext, cleaner: OwnAgent, of: Name, kept: readonly string[]): void {
  const before = { namespaces: namespaces(), host: links(''), second: links(SECOND) };
  const plan = cleaner.berth(['cleanup', '--dry-run']).stdout;
  for (const name of kept)
    t.true(
      plan.includes(
        `would keep netns ${name} (installation ${idOf(of)}): of installation ${idOf(of)} (state directory `,
      ),
      `${name}\n${plan}`,
    );
  t.false(plan.includes('would remove'), plan);
  t.is(cleaner.berth(['cleanup']).stdout, 'nothing to remove\n');
  t.deepEqual({ namespaces: namespaces(), host: links(''), second: links(SECOND) }, before);
}

let a: OwnAgent;
let b: OwnAgent;

test.serial('neither removes what the other has, while it runs and after it was killed', async (t) => {
  a = agentOf('a');
  await a.start();
  const view = await sandbox(a, 'shared', { network: { ports: [] } });
  t.is(view.state, 'running');
  const theirs = await settled('a', 3);
  b = agentOf('b');
  await b.start();
  await settled('b', 2);
  spared(t, b, 'a', theirs);
  await a.kill('SIGKILL');
  spared(t, b, 'a', theirs);
  t.is(await on(b, async (client) => (await client.call('node.describe', {})).leaked), 0);
  await a.start();
  t.is(await on(a, async (client) => (await client.call('workload.get', { id: 'shared' })).state), 'running');
  spared(t, a, 'b', []);
});

test.serial('a name that another installation has is refused, with its owner, and stays theirs', async (t) => {
  // With IPv6 no slot fits: the namespace has the name of the workload.
  await on(a, (client) =>
    client.call('workload.create', {
      spec: { id: 'named', tenant: 'acme', driver: 'external', network: { mode: 'none' } },
    }),
  );
  for (;;) {
    const { state } = await on(a, (client) => client.call('workload.get', { id: 'named' }));
    if (state === 'running') break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const before = namespaces();
  const refused = await sandbox(b, 'named', { network: { mode: 'none' }, restart: { policy: 'never' } });
  t.is(refused.state, 'failed');
  t.is(refused.error?.code, 'owned_by_another');
  t.true(
    refused.error?.message.includes(`network namespace berth-named belongs to installation ${idOf('a')} (state`),
    refused.error?.message,
  );
  t.is(b.berth(['workload', 'delete', 'named', '--now']).status, 0);
  t.deepEqual(namespaces(), before);
});

test.serial('an installation that follows another in its network namespace leaves what that one has', async (t) => {
  t.is((await sandbox(b, 'stale')).state, 'running');
  const kept = await settled('b', 3);
  await b.kill('SIGKILL');
  const tables = () => host.run(`${SECOND} /usr/sbin/nft -j list tables`);
  const rules = () => host.run(`${SECOND} /usr/sbin/nft -s -a list chain inet berth from_link`);
  const theirs = rules();
  const c = agentOf('c');
  await c.start();
  await settled('c', 2);
  spared(t, c, 'b', kept);
  t.is(rules(), theirs);
  t.true(tables().includes(`"berth-${idOf('c')}"`), tables());
  const told = await on(c, async (client) => {
    for (;;) {
      const { conditions } = await client.call('node.describe', {});
      const found = conditions.find(({ code }) => code === 'firewall_of_another');
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  const text = JSON.stringify(told);
  t.true(text.includes(`inet berth, of installation ${idOf('b')} (state directory `), text);
  t.true(
    links(SECOND).some((line) => line.endsWith(` berth:${idOf('b')}:stale`)),
    links(SECOND).join('\n'),
  );
  await c.kill('SIGKILL');
  await b.start();
  t.is(await on(b, async (client) => (await client.call('workload.get', { id: 'stale' })).state), 'running');
});
