// The whole agent and the real network room: what tenants, ports, policies and limits mean in packets.
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import type { BerthError } from '../../protocol/errors.js';
import { OwnAgent } from './own-agent.js';
import { METADATA, OUTSIDE, type OwnHost, openHost, UPLINK } from './own-host.js';
import { type Client, connect } from './told-client.js';

const MAIN = fileURLToPath(new URL('../../agent/main.js', import.meta.url));
let host: OwnHost;
let agent: OwnAgent;
let client: Client;

const agentOn = ({ directory, prefix, start }: OwnHost) =>
  new OwnAgent({
    ...{ directory, prefix, start },
    cgroup: `berth-test-8-${process.pid}`,
    env: {
      BERTH_NETWORK_POOL: '10.208.0.0/24',
      BERTH_NETWORK_POOL6: 'fd00:208::/64',
      BERTH_NETWORK_TABLE: 'berth_test8',
      BERTH_NETWORK_LINK_PREFIX: 'b8',
      BERTH_NETWORK_SLOTS: '4',
      BERTH_NETWORK_BRIDGE: JSON.stringify({ br8: { addresses: ['10.209.0.1/24'], pool: '10.209.0.0/25' } }),
      BERTH_METRICS_INTERVAL: '200ms',
      BERTH_WEB_LISTEN: '127.0.0.1:9464',
      BERTH_LIFECYCLE_STOP_GRACE: '200ms',
    },
  });

async function start(): Promise<void> {
  await agent.start();
  client = await connect(agent.socket);
}

async function kill(signal: NodeJS.Signals): Promise<void> {
  await client.close();
  await agent.kill(signal);
}

const berth = (...args: readonly string[]) => agent.berth(args);

async function until(id: string, is: (view: WorkloadView) => boolean): Promise<WorkloadView> {
  for (;;) {
    const view = await client.call('workload.get', { id });
    if (is(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const server = (id: string, over: object = {}) => ({
  id,
  tenant: 'acme',
  driver: 'exec' as const,
  exec: { command: ['/usr/bin/python3', '-m', 'http.server', '80', '--bind', '::'] },
  ...over,
});

/** Creates a web server and waits until it listens. */
async function serve(id: string, over: object = {}): Promise<WorkloadView & { address: string; netns: string }> {
  await client.call('workload.create', { spec: server(id, over) });
  const view = await until(id, ({ state }) => state === 'running' || state === 'failed');
  if (view.state !== 'running') throw new Error(JSON.stringify(view.error));
  const { netns, address } = view.sandbox;
  if (netns === null || address === null) throw new Error('no network');
  await host.untilConnected(null, address, 80);
  return { ...view, netns, address };
}

/** Does something and waits for the events of the types named, in that order. */
async function told(types: readonly string[], act: () => void): Promise<string> {
  const own = await connect(agent.socket);
  try {
    const { cursor } = await own.call('events.subscribe', {});
    act();
    const seen: string[] = [];
    let next = 0;
    for await (const { type, data } of own.events(cursor)) {
      if (type !== types[next]) continue;
      seen.push(JSON.stringify(data));
      next += 1;
      if (next === types.length) return seen.join();
    }
    throw new Error(`the connection ended: ${seen.join()}`);
  } finally {
    await own.close();
  }
}

test.before(async () => {
  host = await openHost();
  agent = agentOn(host);
  host.start(['ip', 'netns', 'exec', 'outside', 'python3', '-m', 'http.server', '80', '--directory', '/var/empty']);
  host.start(['python3', '-m', 'http.server', '7000', '--directory', '/var/empty']);
  await start();
  await host.untilConnected(null, OUTSIDE, 80);
  await host.untilConnected(null, UPLINK, 7000);
});

test.after.always(async () => {
  await client?.close();
  await agent.end();
  host.end();
});

test.serial(
  'forwarding is turned on, and workloads reach the outside but not the host and the metadata service',
  async (t) => {
    t.is(host.run('cat /proc/sys/net/ipv4/ip_forward').trim(), '1');
    const one = await serve('one');
    t.true(host.connects(one.netns, OUTSIDE, 80));
    t.false(host.connects(one.netns, UPLINK, 7000), 'network.host_access is off');
    t.false(host.connects(one.netns, METADATA, 80));
    t.true(host.connects(null, METADATA, 80), 'which the host itself reaches');
  },
);

test.serial('two tenants do not see each other, two workloads of one do, in both families', async (t) => {
  const one = await until('one', () => true);
  const two = await serve('two');
  const other = await serve('other', { tenant: 'blue' });
  const { netns } = one.sandbox;
  t.is(two.sandbox.group, one.sandbox.group);
  t.not(other.sandbox.group, one.sandbox.group);
  t.true(host.connects(netns, two.address, 80));
  t.true(host.connects(netns, two.sandbox.address6 ?? '', 80));
  t.false(host.connects(netns, other.address, 80));
  t.false(host.connects(netns, other.sandbox.address6 ?? '', 80));
  t.false(host.connects(other.netns, one.sandbox.address ?? '', 80));
});

test.serial('a published port leads to the workload, has one holder, and changes while it runs', async (t) => {
  const ports = (host: number) => ({ network: { ports: [{ host, guest: 80 }] } });
  await serve('web', ports(8080));
  t.true(host.connects('outside', UPLINK, 8080));
  const refused = await t.throwsAsync<BerthError>(
    async () => client.call('workload.create', { spec: server('web-2', { tenant: 'blue', ...ports(8080) }) }),
    { code: 'port_in_use' } as never,
  );
  t.is(refused?.data?.holder, 'web');
  const taken = await client.call('workload.fits', { spec: server('web-2', ports(7000)) });
  t.like(taken.refusals[0], { dimension: 'ports', scope: 'tcp/7000 (a process of this host)' });
  await client.call('workload.update', { id: 'web', spec: server('web', ports(9090)) });
  t.false(host.connects('outside', UPLINK, 8080));
  t.true(host.connects('outside', UPLINK, 9090));
});

test.serial('an egress policy holds, counts what it drops, and is lifted live', async (t) => {
  const { netns } = await serve('shut', { network: { egress: { deny: ['192.0.2.0/24'] } } });
  t.false(host.connects(netns, OUTSIDE, 80));
  const page = () =>
    host.run(
      'python3 -c \'import urllib.request as u; print(u.urlopen("http://127.0.0.1:9464/metrics").read().decode())\'',
    );
  const dropped = /^berth_workload_net_dropped_total\{workload="shut",[^}]*reason="egress"\} +(\d+)$/m;
  let count = 0;
  for (let tries = 0; count === 0 && tries < 50; tries++) {
    count = Number(dropped.exec(page())?.[1] ?? 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.true(count > 0);
  t.regex(page(), /^berth_pool_leased_addresses\{pool="network.pool"\} \d+$/m);
  t.regex(page(), /^berth_network_operation_seconds_count\{operation="create"\} [1-9]/m);
  await client.call('workload.update', { id: 'shut', spec: server('shut', { network: {} }) });
  t.true(host.connects(netns, OUTSIDE, 80));
});

test.serial('bandwidth is in the kernel as asked for, shown, and changed live', async (t) => {
  const network = (ingress: string) => ({ network: { bandwidth: { ingress, egress: '50Mbit' } } });
  const { sandbox } = await serve('slow', network('10Mbit'));
  const qdisc = () => host.run(`tc qdisc show dev ${sandbox.hostLink}`);
  t.regex(qdisc(), /tbf .*rate 10Mbit/);
  t.regex(berth('workload', 'show', 'slow').stdout, /Bandwidth +ingress 10Mbit\n +egress 50Mbit/);
  await client.call('workload.update', { id: 'slow', spec: server('slow', network('20Mbit')) });
  t.regex(qdisc(), /tbf .*rate 20Mbit/);
  const wrong = berth('workload', 'update', 'slow', '-f', '/dev/null');
  t.not(wrong.status, 0);
});

test.serial('what others change is found and put right', async (t) => {
  const { sandbox } = await until('one', () => true);
  const breaks: [line: string, kind: string][] = [
    [`ip route del ${sandbox.address}/32`, 'route'],
    [`ip link set ${sandbox.hostLink} down`, 'link'],
    ['nft delete table inet berth_test8', 'table'],
  ];
  for (const [line, kind] of breaks) {
    const data = await told(['network.drift', 'network.repaired'], () => host.run(line));
    t.true(data.includes(`"${kind}"`), `${line}: ${data}`);
    await host.untilConnected('outside', UPLINK, 9090);
    await host.untilConnected(null, sandbox.address ?? '', 80);
  }
  const two = await until('two', () => true);
  const other = await until('other', () => true);
  t.true(host.connects(sandbox.netns, two.sandbox.address ?? '', 80));
  t.false(host.connects(sandbox.netns, other.sandbox.address ?? '', 80));
});

test.serial(
  'a name that is deleted is bound to the namespace of the workload again, and traffic never stops',
  async (t) => {
    const { sandbox, process } = await until('one', ({ state }) => state === 'running');
    const inode = () => host.run(`stat -Lc %i /run/netns/${sandbox.netns}`).trim();
    const before = inode();
    t.is(host.run(`readlink /proc/${process?.pid}/ns/net`).trim(), `net:[${before}]`);
    const data = await told(['network.drift', 'network.repaired'], () => {
      host.run(`ip netns delete ${sandbox.netns}`);
      t.true(host.connects(null, sandbox.address ?? '', 80));
    });
    t.true(data.includes(`${sandbox.netns} is missing`), data);
    t.is(inode(), before);
    t.true(host.connects(null, sandbox.address ?? '', 80));
  },
);

test.serial('a bridge port has the real network, and reaches the outside by its bridge', async (t) => {
  const { netns, sandbox } = await serve('bridged', { network: { mode: 'bridge', bridge: 'br8' } });
  t.regex(host.run(`nsenter --net=/run/netns/${netns} ip -4 -o addr show eth0`), /10\.209\.0\.\d+\/24/);
  t.regex(host.run(`ip -o link show ${sandbox.hostLink}`), /master br8/);
  t.true(host.connects(netns, OUTSIDE, 80));
});

test.serial('a tap on the host is there for any VMM, and goes', async (t) => {
  const external = { tap: true, at: 'host', uid: 12 };
  await client.call('workload.create', { spec: { id: 'vm', driver: 'external', external } });
  const { sandbox, state, error } = await until('vm', ({ state }) => state === 'running' || state === 'failed');
  t.is(state, 'running', JSON.stringify(error));
  t.regex(host.run(`ip -d link show ${sandbox.tap}`), /tun type tap.* user /);
  t.is(sandbox.netnsPath, null);
  t.regex(sandbox.kernelIp ?? '', /^ip=10\.208\.0\.\d+::169\.254\.1\.1:255\.255\.255\.255:vm:eth0:off/);
  t.is(berth('workload', 'delete', '--now', 'vm').status, 0);
  t.not(host.status(`ip link show ${sandbox.tap}`), 0);
});

test.serial(
  'the agent dies; what is broken meanwhile is put right by the next one, and all numbers are kept',
  async (t) => {
    const before = await until('one', () => true);
    await kill('SIGKILL');
    host.run(`ip route del ${before.sandbox.address}/32`);
    t.true(host.connects('outside', UPLINK, 9090), 'workloads go on');
    await start();
    const after = await until('one', () => true);
    t.deepEqual(after.sandbox, before.sandbox);
    await host.untilConnected(null, before.sandbox.address ?? '', 80);
    const spec = server('thief', { tenant: 'blue', network: { ports: [{ host: 9090, guest: 80 }] } });
    await t.throwsAsync(async () => client.call('workload.create', { spec }), { code: 'port_in_use' } as never);
  },
);

test.serial('a pool that the host uses keeps a new installation from starting, with both names', async (t) => {
  // On a host of its own, as one network namespace has one agent.
  const elsewhere = await openHost();
  try {
    const [program = '', ...args] = elsewhere.prefix;
    const env = {
      ...{ ...agent.env, BERTH_NETWORK_POOL: '192.0.2.0/25', BERTH_PATHS_CGROUP_ROOT: `berth-test-8b-${process.pid}` },
      BERTH_PATHS_STATE: join(elsewhere.directory, 'state'),
      BERTH_PATHS_RUNTIME: join(elsewhere.directory, 'run'),
    };
    const stdio: SpawnOptions['stdio'] = ['ignore', 'pipe', 'inherit'];
    const child = spawn(program, [...args, process.execPath, MAIN, 'agent'], { env, stdio });
    let log = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
    });
    const [code] = await once(child, 'exit');
    t.is(code, 1);
    t.regex(log, /pool_conflict.*network\.pool 192\.0\.2\.0\/25/);
  } finally {
    elsewhere.end();
  }
  const check = berth(
    'config',
    'check',
    '--network.pool',
    '192.0.2.0/25',
    '--paths.state',
    join(host.directory, 'state2'),
  );
  t.not(check.status, 0);
  t.regex(check.stderr, /uplink/);
});

test.serial('deletion of all leaves nothing but free slots', async (t) => {
  t.is(berth('workload', 'delete', '--all', '--now').status, 0);
  await client.call('node.cleanup', {});
  t.is((await client.call('node.describe', {})).leaked, 0);
  const aliases = host.run('ip -o -d link').match(/alias \S+/g) ?? [];
  t.deepEqual(
    aliases.filter((alias) => alias.startsWith('alias berth:')),
    [],
  );
  const names = host
    .run('ls /run/netns')
    .split('\n')
    .filter((name) => name.startsWith('berth-'));
  t.deepEqual(
    names.filter((name) => !name.startsWith('berth--slot-')),
    [],
  );
  t.false(
    /10\.20[89]\.0\.\d+[^/.\d]/.test(host.run('nft list table inet berth_test8')),
    host.run('nft list table inet berth_test8'),
  );
  t.is(host.run('ip route show').match(/ 10\.208\./g), null);
});
