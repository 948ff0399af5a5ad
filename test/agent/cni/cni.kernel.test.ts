// The real plugin against a whole agent, with namespaces as a container runtime makes them.
import test from 'ava';
import { type Client, connect } from '../../../agent/control/client.js';
import { OwnAgent } from '../own-agent.js';
import { OUTSIDE, type OwnHost, openHost } from '../own-host.js';
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
