// The real plugin against a whole agent, with namespaces as a container runtime makes them.
import test from 'ava';
import { OwnAgent } from '../own-agent.js';
import { OUTSIDE, type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';
import { Plugin, type Printed } from './plugin.js';

let host: OwnHost;
let agent: OwnAgent;
let plugin: Plugin;
let client: Client;

async function start(): Promise<void> {
  await agent.start();
  client = await connect(agent.socket);
}

test.before(async () => {
  host = await openHost();
  const { directory, prefix, start: begin } = host;
  agent = new OwnAgent({
    ...{ directory, prefix, start: begin, cgroup: `berth-test-cni-${process.pid}` },
    env: {
      ...{ BERTH_NETWORK_POOL: '10.211.0.0/24', BERTH_NETWORK_POOL6: 'fd00:211::/64', BERTH_WEB_LISTEN: '' },
      ...{ BERTH_NETWORK_TABLE: 'berth_cni', BERTH_NETWORK_LINK_PREFIX: 'bn', BERTH_NETWORK_SLOTS: '0' },
    },
  });
  host.start(['ip', 'netns', 'exec', 'outside', 'python3', '-m', 'http.server', '80', '--directory', '/var/empty']);
  await start();
  await host.untilConnected(null, OUTSIDE, 80);
  plugin = new Plugin(directory, agent.socket, prefix);
});

test.after.always(async () => {
  await client?.close();
  await agent.end();
  host.end();
});

const netnsOf = (name: string): string => `/run/netns/${name}`;
const linksOf = (name: string): string[] =>
  JSON.parse(host.run(`ip -n ${name} -j link`)).map(({ ifname }: { ifname: string }) => ifname);

/** What berth has in the kernel for attachments. */
const owned = (): string =>
  host.run('ip -o link | grep -o "alias berth:[^ ]*:cni-[^ ]*" || true; ls /run/netns | grep berth-cni || true').trim();

/** A container: its namespace, ADD, and its address. */
async function attach(name: string, config: object = {}): Promise<string> {
  host.run(`ip netns add ${name}`);
  const { answer, text } = await plugin.call({ command: 'ADD', container: name, netns: netnsOf(name), config });
  const address = answer?.ips?.[0]?.address.split('/')[0];
  if (address === undefined) throw new Error(text);
  return address;
}

async function detach(...names: string[]): Promise<void> {
  for (const name of names) {
    await plugin.call({ command: 'DEL', container: name, netns: netnsOf(name) });
    host.run(`ip netns del ${name}`);
  }
}

const serveIn = (netns: string): unknown =>
  host.start([
    'ip',
    'netns',
    'exec',
    netns,
    'python3',
    '-m',
    'http.server',
    '80',
    '--bind',
    '::',
    '--directory',
    '/var/empty',
  ]);

function succeeded(t: { is(a: unknown, b: unknown, text?: string): unknown }, { status, text }: Printed): void {
  t.is(status, 0, text);
}

test.serial('VERSION needs no agent', async (t) => {
  const { answer } = await plugin.call({ command: 'VERSION' });
  t.deepEqual(answer?.supportedVersions, ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']);
});

test.serial('ADD makes the interface in the namespace of the runtime, and DEL leaves it as it was', async (t) => {
  host.run('ip netns add one; ip -n one link set lo up');
  const before = host.run('ip -n one -d -j link; ip -n one route');
  const add = await plugin.call({ command: 'ADD', container: 'one', netns: netnsOf('one') });
  succeeded(t, add);
  const address = add.answer?.ips?.[0]?.address ?? '';
  t.regex(address, /^10\.211\.0\.\d+\/32$/);
  t.like(add.answer, {
    cniVersion: '1.1.0',
    routes: [
      { dst: '0.0.0.0/0', gw: '169.254.1.1' },
      { dst: '::/0', gw: 'fe80::1' },
    ],
  });
  const [outer, inner] = add.answer?.interfaces ?? [];
  t.like(inner, { name: 'eth0', sandbox: netnsOf('one') });
  t.regex(host.run(`ip -o link show ${outer?.name}`), /group|alias/);
  t.regex(host.run('ip -n one -o link show eth0'), new RegExp(inner?.mac ?? 'none'));
  t.regex(host.run('ip -n one -o addr show eth0'), new RegExp(address));
  t.true(host.connects('one', OUTSIDE, 80));
  succeeded(
    t,
    await plugin.call({
      command: 'CHECK',
      container: 'one',
      netns: netnsOf('one'),
      config: { prevResult: add.answer },
    }),
  );
  const { workloads } = await client.call('workload.list', { selector: 'cni.container=one' });
  t.like(workloads[0], { state: 'running', spec: { tenant: 'acme', driver: 'external' } });

  const del = await plugin.call({ command: 'DEL', container: 'one', netns: netnsOf('one') });
  succeeded(t, del);
  t.is(del.text, '');
  t.is(owned(), '');
  t.deepEqual(linksOf('one'), ['lo']);
  t.is(host.run('ip -n one -d -j link; ip -n one route'), before);
  host.run('ip netns del one');
});

test.serial('traffic: within a tenant, from the host, never between tenants', async (t) => {
  const [a, b, c] = [await attach('ta'), await attach('tb'), await attach('tc', { tenant: 'blue' })];
  for (const name of ['ta', 'tb', 'tc']) serveIn(name);
  for (const address of [a, b, c]) await host.untilConnected(null, address, 80);
  t.true(host.connects('ta', b, 80));
  t.true(host.connects('tb', a, 80));
  t.false(host.connects('ta', c, 80));
  t.false(host.connects('tc', a, 80));
  await detach('ta', 'tb', 'tc');
  t.is(owned(), '');
});

test.serial(
  'ports and bandwidth as capabilities, a policy of the network, the tenant of the Kubernetes namespace',
  async (t) => {
    host.run('ip netns add pod');
    const config = {
      tenant: { from: 'kubernetes-namespace', prefix: 'k8s-' },
      network: { egress: { deny: ['192.0.2.0/24'] } },
      runtimeConfig: {
        portMappings: [{ hostPort: 18_080, containerPort: 80, protocol: 'tcp' }],
        bandwidth: { ingressRate: 10_000_000, ingressBurst: 2_147_483_647, egressRate: 0, egressBurst: 0 },
      },
    };
    const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0';
    succeeded(t, await plugin.call({ command: 'ADD', container: 'pod', netns: netnsOf('pod'), config, args }));
    serveIn('pod');
    await host.untilConnected('outside', '192.0.2.1', 18_080);
    t.false(host.connects('pod', OUTSIDE, 80));
    const { workloads } = await client.call('workload.list', { selector: 'kubernetes.pod=web-0' });
    t.like(workloads[0]?.spec, { tenant: 'k8s-shop', network: { bandwidth: { ingress: { rate: 10_000_000 } } } });
    t.deepEqual(Object.keys(workloads[0]?.spec.network.bandwidth.ingress ?? {}), ['rate']);
    succeeded(t, await plugin.call({ command: 'DEL', container: 'pod', config, args }));
    t.false(host.connects('outside', '192.0.2.1', 18_080));
    host.run('ip netns del pod');
  },
);

test.serial('the same ADD again has the same answer, another one is refused', async (t) => {
  host.run('ip netns add same');
  const call = { command: 'ADD', container: 'same', netns: netnsOf('same') };
  const first = await plugin.call(call);
  succeeded(t, first);
  t.is((await plugin.call(call)).text, first.text);
  const other = await plugin.call({ ...call, config: { tenant: 'blue' } });
  t.is(other.status, 1);
  t.is(other.answer?.code, 100);
  t.regex(other.answer?.details ?? '', /^conflict/);
  const second = await plugin.call({ ...call, ifname: 'eth1' });
  t.is(second.status, 1);
  t.regex(second.answer?.msg ?? '', /already/);
  t.deepEqual(linksOf('same').sort(), ['eth0', 'lo']);
  await detach('same');
  t.is(owned(), '');
});

test.serial('an interface of another plugin is left alone, and nothing is left of the ADD', async (t) => {
  host.run('ip netns add taken; ip -n taken link add eth0 type veth peer name other');
  const { answer } = await plugin.call({ command: 'ADD', container: 'taken', netns: netnsOf('taken') });
  t.regex(answer?.msg ?? '', /another link of this name/);
  t.is(owned(), '');
  t.regex(host.run('ip -n taken -d link show eth0'), /veth/);
  // Beside it, under another name.
  succeeded(t, await plugin.call({ command: 'ADD', container: 'taken', netns: netnsOf('taken'), ifname: 'net1' }));
  succeeded(t, await plugin.call({ command: 'DEL', container: 'taken', ifname: 'net1' }));
  host.run('ip netns del taken');
});

test.serial('wrong namespaces: none, a file, the one of the host', async (t) => {
  host.run('touch /run/netns/file');
  for (const [netns, code, says] of [
    ['/run/netns/absent', 3, /no network namespace/],
    ['/run/netns/file', 5, /not a network namespace/],
    ['/proc/self/ns/mnt', 5, /setns/],
    ['/proc/self/ns/net', 5, /namespace of the host/],
    ['relative', 4, /CNI_NETNS/],
    ['', 4, /CNI_NETNS/],
  ] as const) {
    const { status, answer } = await plugin.call({ command: 'ADD', container: 'wrong', netns });
    t.is(status, 1, netns);
    t.is(answer?.code, code, `${netns}: ${answer?.msg}`);
    t.regex(answer?.msg ?? '', says, netns);
    t.is(owned(), '', netns);
  }
  host.run('rm /run/netns/file');
});

test.serial('DEL without state, without the namespace, and twice', async (t) => {
  succeeded(t, await plugin.call({ command: 'DEL', container: 'never', netns: netnsOf('never') }));
  await attach('gone');
  host.run('ip netns del gone');
  succeeded(t, await plugin.call({ command: 'DEL', container: 'gone', netns: netnsOf('gone') }));
  succeeded(t, await plugin.call({ command: 'DEL', container: 'gone' }));
  t.is(owned(), '');
});

test.serial('CHECK names what is not as it should be', async (t) => {
  await attach('checked');
  const call = { command: 'CHECK', container: 'checked', netns: netnsOf('checked') };
  succeeded(t, await plugin.call(call));
  const other = { prevResult: { cniVersion: '1.1.0', ips: [{ address: '10.0.0.9/32' }] } };
  t.regex((await plugin.call({ ...call, config: other })).answer?.msg ?? '', /does not have the address 10\.211\./);
  await detach('checked');
  t.regex((await plugin.call(call)).answer?.msg ?? '', /no attachment/);
});

test.serial(
  'GC removes what the list does not name, of its network only, and keeps what a process is in',
  async (t) => {
    for (const name of ['named', 'stale', 'busy']) await attach(name);
    host.run('ip netns add far');
    const far = { command: 'ADD', container: 'far', netns: netnsOf('far'), config: { name: 'other' } };
    succeeded(t, await plugin.call(far));
    const child = host.start(['ip', 'netns', 'exec', 'busy', 'sleep', '1000']);
    // It is in the namespace when it has become `sleep`.
    while (host.run('ip netns pids busy').trim() === '') await new Promise((resolve) => setTimeout(resolve, 20));
    const list = (...names: string[]) => ({
      'cni.dev/valid-attachments': names.map((containerID) => ({ containerID, ifname: 'eth0' })),
    });
    const missing = await plugin.call({ command: 'GC' });
    t.is(missing.answer?.code, 7);
    succeeded(t, await plugin.call({ command: 'GC', config: list('named') }));
    const { workloads } = await client.call('workload.list', { driver: 'external' });
    t.deepEqual(workloads.map(({ spec }) => spec.labels['cni.container']).sort(), ['busy', 'far', 'named']);
    t.regex(agent.log, /GC keeps an attachment that is in use/);
    child.kill('SIGKILL');
    while (host.run('ip netns pids busy').trim() !== '') await new Promise((resolve) => setTimeout(resolve, 20));
    succeeded(t, await plugin.call({ command: 'GC', config: list() }));
    succeeded(t, await plugin.call({ ...far, command: 'DEL' }));
    t.is(owned(), '');
    host.run('for n in named stale busy far; do ip netns del $n; done');
  },
);

test.serial('while the agent is away the plugin waits; killed at any moment, an ADD is whole or nothing', async (t) => {
  const address = await attach('kept');
  for (const delay of [0, 5, 20, 60]) {
    host.run('ip netns add torn');
    const adding = plugin.call({ command: 'ADD', container: 'torn', netns: netnsOf('torn') });
    await new Promise((resolve) => setTimeout(resolve, delay));
    await client.close();
    await agent.kill('SIGKILL');
    const deleting = plugin.call({ command: 'DEL', container: 'unknown' });
    await start();
    succeeded(t, await deleting);
    const { status, text, answer } = await adding;
    t.is(status, 0, text);
    t.regex(host.run('ip -n torn -o addr show eth0'), new RegExp(answer?.ips?.[0]?.address ?? 'none'));
    await detach('torn');
  }
  t.true(host.connects('kept', OUTSIDE, 80), address);
  await detach('kept');
  t.is(owned(), '');
  t.is(agent.berth(['cleanup', '--dry-run']).stdout, 'nothing to remove\n');
});

test.serial('100 at once get 100 addresses, and leave nothing', async (t) => {
  const names = Array.from({ length: 100 }, (_, at) => `many${at}`);
  host.run(`for n in ${names.join(' ')}; do ip netns add $n; done`);
  const call = (command: string) =>
    Promise.all(names.map((name) => plugin.call({ command, container: name, netns: netnsOf(name) })));
  const added = await call('ADD');
  t.deepEqual(new Set(added.map(({ text, status }) => (status === 0 ? 'ok' : text))), new Set(['ok']));
  t.is(new Set(added.map(({ answer }) => answer?.ips?.[0]?.address)).size, 100);
  const removed = await call('DEL');
  t.deepEqual(new Set(removed.map(({ text, status }) => (status === 0 ? 'ok' : text))), new Set(['ok']));
  t.is(owned(), '');
  host.run(`for n in ${names.join(' ')}; do ip netns del $n; done`);
});

test.serial('STATUS is a dry run of ADD, and says so when there is no room or no agent', async (t) => {
  succeeded(t, await plugin.call({ command: 'STATUS' }));
  await client.call('node.cordon', {});
  t.is((await plugin.call({ command: 'STATUS' })).answer?.code, 50);
  host.run('ip netns add late');
  t.is((await plugin.call({ command: 'ADD', container: 'late', netns: netnsOf('late') })).answer?.code, 11);
  await client.call('node.uncordon', {});
  await client.close();
  await agent.kill('SIGTERM');
  t.is((await plugin.call({ command: 'STATUS' })).answer?.code, 50);
  await start();
  host.run('ip netns del late');
});
