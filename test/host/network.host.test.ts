// The network of workloads on a real host: ports, tenants, bandwidth and lists, live changes, others who interfere, and
// slots that outlive the agent.
import test from 'ava';
import type { WorkloadView } from '../../agent/model/record.js';
import { PREPARE } from '../demo/workloads.js';
import { create, leftovers, reach, removeAll } from './berth.js';
import { berthCommand, errorOf, explain, MINUTES, openScenario, type Scenario, sh } from './scenario.js';

const CONFIG = `[network]
slots = 4
pool6 = ""

[network.bridge.brlan]
addresses = ["10.140.0.1/24"]
pool = "10.140.0.0/25"

[metrics]
interval = "1s"

[lifecycle]
stop_grace = "2s"
`;
const exec = (id: string, tenant: string, network: Record<string, unknown> = {}) => ({
  ...{ id, tenant, driver: 'exec', resources: { memory: { limit: '32Mi' } }, network },
  exec: { command: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/srv/berth-demo/www'] },
});
const shop = exec('shop', 'acme', {
  ports: [{ host: 8080, guest: 80 }],
  bandwidth: { egress: '8Mbit' },
});
const HELLO = 'hello from a process';

let s: Scenario;
const views = new Map<string, WorkloadView>();
const address = (id: string): string => views.get(id)?.sandbox.address ?? `no address of ${id}`;
const netns = (id: string): string => views.get(id)?.sandbox.netns ?? `no namespace of ${id}`;
const link = (id: string): string => views.get(id)?.sandbox.hostLink ?? `no link of ${id}`;
/** What a client says: the page, or the exit code of curl. */
const fetch = (url: string, from?: string): string =>
  `${from === undefined ? '' : `ip netns exec ${netns(from)} `}curl -sf --max-time 4 ${url} || echo "curl $?"`;

test.before(async (t) => {
  t.timeout(10 * MINUTES);
  s = await openScenario('berth-network', CONFIG);
  await s.host.ssh(
    `${PREPARE}\nhead -c 6000000 /dev/zero > /srv/berth-demo/www/big\nchmod a+r /srv/berth-demo/www/big`,
  );
  const all = [
    shop,
    exec('peer', 'acme'),
    exec('rival', 'globex'),
    exec('lan1', 'acme', { mode: 'bridge', bridge: 'brlan' }),
    exec('lan2', 'acme', { mode: 'bridge', bridge: 'brlan' }),
  ];
  for (const spec of all) await create(s.node, spec);
  for (const { id } of all) {
    const view = await reach(s.node, id);
    if (view.state !== 'running') throw new Error(`${id}: ${view.error?.message ?? view.end?.detail}`);
    views.set(id, view);
  }
});

test.afterEach.always((t) => explain(t, s));
test.after.always(async (t) => {
  t.timeout(MINUTES);
  await s?.close();
});

test.serial('a published port leads in, tenants are apart, the host is closed', async (t) => {
  t.timeout(3 * MINUTES);
  const host = await sh(
    s.host,
    `ip -4 -o addr show scope global | grep -v brlan | sed -n '1s/.*inet \\([0-9.]*\\).*/\\1/p'`,
  );
  const text = await sh(
    s.host,
    [
      fetch('http://127.0.0.1:8080/'),
      fetch(`http://${host}:8080/`),
      fetch(`http://${address('shop')}/`, 'peer'),
      fetch(`http://${address('shop')}/`, 'rival'),
      fetch(`http://${host}:8080/`, 'rival'),
      fetch('http://169.254.1.1:22/', 'peer'),
      fetch(`http://${address('lan1')}/`),
      fetch(`http://${address('lan2')}/`, 'lan1'),
    ].join('\n'),
  );
  t.deepEqual(text.split('\n'), [...[HELLO, HELLO, HELLO], ...['curl 28', HELLO, 'curl 28'], ...[HELLO, 'curl 7']]);
});

/** Mbit/s of a download, as frames: the payload of a full frame is 1448 of 1514 bytes. */
async function speed(bytes: number): Promise<number> {
  const rate = `curl -s -r 0-${bytes - 1} -o /dev/null -w '%{speed_download}' http://${address('shop')}/big`;
  return ((Number(await sh(s.host, rate)) * 8) / 1e6) * (1514 / 1448);
}

test.serial('bandwidth, ports and lists change while the workload runs', async (t) => {
  t.timeout(3 * MINUTES);
  const before = await speed(3_000_000);
  t.log(`limit 8 Mbit/s: measured ${before.toFixed(2)}`);
  t.true(before > 6 && before < 9, `${before}`);
  const network = {
    ports: [{ host: 8081, guest: 80 }],
    bandwidth: { egress: '24Mbit' },
    egress: { deny: [`${address('peer')}/32`] },
  };
  const { process } = await s.node.call('workload.update', { id: 'shop', spec: { ...shop, network } });
  t.is(process?.pid, views.get('shop')?.process?.pid);
  const after = await speed(6_000_000);
  t.log(`limit 24 Mbit/s: measured ${after.toFixed(2)}`);
  t.true(after > 12 && after < 26, `${after}`);
  const text = await sh(
    s.host,
    [
      fetch('http://127.0.0.1:8080/'),
      fetch('http://127.0.0.1:8081/'),
      fetch(`http://${address('peer')}/`, 'shop'),
      `tc qdisc show dev ${link('shop').replace(/^b/, 'B')} | awk '{print $2}'`,
    ].join('\n'),
  );
  // Refused aloud: curl says so at once. Behind the token bucket is a fair queue where the kernel has one.
  t.deepEqual(text.split('\n'), ['curl 7', HELLO, 'curl 7', 'tbf', 'fq_codel']);
});

test.serial('a port has one holder, workload or not', async (t) => {
  t.timeout(MINUTES);
  const taken = await errorOf(create(s.node, exec('second', 'globex', { ports: [{ host: 8081, guest: 80 }] })));
  t.is(taken.code, 'port_in_use');
  t.regex(taken.message, /8081.*shop/);
  const ssh = await errorOf(create(s.node, exec('second', 'globex', { ports: [{ host: 22, guest: 80 }] })));
  t.is(ssh.code, 'port_in_use');
  t.false((await s.node.call('workload.list', {})).workloads.some(({ id }) => id === 'second'));
});

test.serial('what others change is put right, and who drops our traffic is named', async (t) => {
  t.timeout(4 * MINUTES);
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await sh(s.host, `ip link delete ${link('peer')}`);
  await s.node.waitForEvent(({ type, workload }) => type === 'network.repaired' && workload === 'peer', {
    after,
    timeoutMs: MINUTES,
  });
  t.is(await sh(s.host, fetch(`http://${address('peer')}/`)), HELLO);
  await sh(s.host, 'nft flush table inet berth; nft delete table inet berth');
  const open = { what: 'the published port', timeoutMs: MINUTES, everyMs: 1000 };
  await s.host.waitFor('curl -sf --max-time 2 http://127.0.0.1:8081/', open);

  await sh(
    s.host,
    'nft add table ip others; nft "add chain ip others FORWARD { type filter hook forward priority 0; policy drop; }"',
  );
  t.is(
    await sh(s.host, fetch(`http://${address('peer')}/`, 'lan1').replace('--max-time 4', '--max-time 2')),
    'curl 28',
  );
  const dropped = `ip netns exec ${netns('rival')} ping -c 30 -i 0.1 -W 1 192.0.2.1 > /dev/null || true`;
  await sh(
    s.host,
    `ip route add 192.0.2.0/24 dev $(ip -o -4 route show default | sed 's/.*dev \\([^ ]*\\).*/\\1/') || true
for port in $(seq 1 40); do ip netns exec ${netns('rival')} timeout 0.1 busybox nc 192.0.2.1 $port < /dev/null; done; ${dropped}`,
  );
  const { document } = await berthCommand(s.host, ['doctor']);
  await sh(s.host, 'nft delete table ip others; ip route del 192.0.2.0/24 || true');
  const finding = JSON.stringify(document);
  t.regex(finding, /forward_dropped/);
  t.regex(finding, /ip others FORWARD/);
});

test.serial('slots outlive the agent, are used again, and nothing else stays', async (t) => {
  t.timeout(5 * MINUTES);
  const pids = [...views.values()].map(({ process }) => process?.pid);
  const after = s.node.events.at(-1)?.cursor ?? 0;
  await sh(s.host, 'systemctl restart berth');
  await s.node.waitForEvent(({ type }) => type === 'agent.started', { after, timeoutMs: 2 * MINUTES });
  t.is(
    await sh(s.host, `for pid in ${pids.join(' ')}; do test -d /proc/$pid && echo alive; done | wc -l`),
    String(pids.length),
  );
  const inUse = [...views.values()].filter((view) => view.sandbox.netns?.startsWith('berth--slot-'));
  t.true(inUse.length > 0, 'some workload got a slot');
  await removeAll(s.node);
  t.is(await leftovers(s.target), '');
  const metrics = await sh(s.host, 'sleep 3; curl -s http://127.0.0.1:9464/metrics');
  t.regex(metrics, /^berth_network_slots_ready\{kind="veth"\} 0*[1-9]/m);
  t.notRegex(metrics, /^berth_leaked_objects\{[^}]*\} 0*[1-9]/m);
  t.regex(metrics, /^berth_network_slots_total\{result="recycled"\} 0*[1-9]/m);
});
