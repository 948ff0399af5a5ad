// What the agent finds out about the host before it gives anything to workloads, and what it changes there.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import { hostNetworks, poolConflicts, requireFreePools } from '../../../agent/network/conflicts.js';
import { enableForwarding } from '../../../agent/network/forwarding.js';
import { rememberIn } from '../../../agent/network/forwarding-before.js';
import { portsTaken } from '../../../agent/network/published.js';
import { roomSettings } from '../../../agent/network/settings.js';
import { listed } from '../../../netns/servers.js';
import type { BerthError } from '../../../protocol/errors.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const config = (network: object) => configSchema.parse({ network }).network;

test('a pool that the host uses is refused with both names; a bridge of ours is no conflict', (t) => {
  const host = {
    routes: [{ destination: '10.133.0.0', prefix: 16, link: 'wg0' }],
    addresses: [{ address: '10.140.0.1', prefix: 24, link: 'br0' }],
  };
  const error = t.throws<BerthError>(() => requireFreePools(config({}), host), { code: 'pool_conflict' } as never);
  t.is(error?.message, 'network.pool 10.133.0.0/16 is in use on this host: 10.133.0.0/16 is routed to wg0');
  const bridged = config({
    pool: '10.9.0.0/16',
    bridge: { br0: { addresses: ['10.140.0.1/24'], pool: '10.140.0.0/25' } },
  });
  t.deepEqual(poolConflicts(bridged, host), []);
  t.notThrows(() => hostNetworks());
  const around = { routes: [{ destination: '10.0.0.0', prefix: 8, link: 'wg0' }], addresses: [] };
  t.notThrows(() => requireFreePools(config({}), around), 'a larger network is no clash');
  t.is(poolConflicts(config({}), around)[0]?.covers, true);
});

function sysctls(values: Record<string, string>): { root: string; read: (key: string) => string } {
  const root = temporaryDirectory('sysctl');
  for (const [key, value] of Object.entries(values)) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), `${value}\n`);
  }
  return { root, read: (key) => readFileSync(join(root, key), 'utf8').trim() };
}

test('forwarding is turned on once, and told', (t) => {
  const { root, read } = sysctls({ 'ipv4/ip_forward': '0' });
  t.deepEqual(enableForwarding({ ipv6: false }, root), ['net.ipv4.ip_forward = 1']);
  t.is(read('ipv4/ip_forward'), '1');
  t.deepEqual(enableForwarding({ ipv6: true }, root), [], 'a kernel without IPv6 is left alone');
});

test('what was there before a change is remembered before it, the oldest value for good', (t) => {
  const { root, read } = sysctls({ 'ipv4/ip_forward': '0' });
  const runtime = temporaryDirectory('before');
  const kept = (): string => readFileSync(join(runtime, 'forwarding.before'), 'utf8');
  const remember = rememberIn(runtime);
  const dying = (): never => {
    throw new Error('killed');
  };
  t.throws(() => enableForwarding({ ipv6: false, remember: dying }, root), { message: 'killed' });
  t.is(read('ipv4/ip_forward'), '0', 'not changed before it is remembered');
  enableForwarding({ ipv6: false, remember }, root);
  t.is(kept(), 'net/ipv4/ip_forward 0 1\n');
  writeFileSync(join(root, 'ipv4/ip_forward'), '2');
  enableForwarding({ ipv6: false, remember }, root);
  t.is(kept(), 'net/ipv4/ip_forward 0 1\n');
});

test('a host that hears router advertisements goes on hearing them', (t) => {
  const { root, read } = sysctls({
    ...{ 'ipv4/ip_forward': '1', 'ipv6/conf/all/forwarding': '0', 'ipv6/conf/all/accept_ra': '1' },
    ...{ 'ipv6/conf/eth0/accept_ra': '1', 'ipv6/conf/eth1/accept_ra': '0' },
  });
  t.is(enableForwarding({ ipv6: true }, root).length, 3);
  t.is(read('ipv6/conf/eth0/accept_ra'), '2');
  t.is(read('ipv6/conf/eth1/accept_ra'), '0');
  t.is(read('ipv6/conf/all/forwarding'), '1');
});

const taken = (protocol: 'tcp' | 'udp', host: number): boolean =>
  portsTaken([{ protocol, host, guest: 80 }]).length > 0;

test('a port that a process serves is taken, on whatever address and in either family', async (t) => {
  for (const host of ['127.0.0.1', '::1', '::']) {
    const server = createServer().listen({ host, port: 0 });
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    t.true(taken('tcp', port), host);
    t.false(taken('udp', port), host);
    server.close();
    await once(server, 'close');
    t.false(taken('tcp', port), 'and free again');
  }
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  t.true(taken('udp', port));
  // A resolver's, say: it hears its peer only.
  socket.connect(9, '127.0.0.1');
  await once(socket, 'connect');
  t.false(taken('udp', port), 'a socket with a peer is no server');
  socket.close();
});

test('a connection through a port does not take it, and many ports are one question', async (t) => {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = createConnection(port, '127.0.0.1');
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  const { localPort = 0 } = client;
  t.false(taken('tcp', localPort));
  const many = Array.from({ length: 256 }, (_, at) => ({ protocol: 'tcp', host: 1 + at, guest: 1 }) as const);
  const asked = [...many.filter(({ host }) => host !== port), { protocol: 'tcp', host: port, guest: 1 } as const];
  t.is(portsTaken(asked).filter(({ host }) => host === port).length, 1);
  for (const socket of [client, accepted]) socket.destroy();
  server.close();
});

test('asking for a port takes it from nobody: a bind beside a loop of questions never fails', async (t) => {
  const probe = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  const script = `
    const { createServer } = require('net');
    let left = 200;
    const next = () => createServer().once('error', (error) => { console.log(error.code); process.exit(1); })
      .listen(${port}, '0.0.0.0', function () { this.close(() => (--left > 0 ? next() : process.exit(0))); });
    next();`;
  const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(other, 'exit');
  let running = true;
  ended.then(() => {
    running = false;
  });
  let asked = 0;
  while (running) {
    taken('tcp', port);
    asked += 1;
    await new Promise(setImmediate);
  }
  t.deepEqual((await ended)[0], 0);
  t.true(asked > 0);
});

test('without the modules of sock_diag the lists in /proc say the same', (t) => {
  const tcp = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0',
    '   1: 0100007F:0050 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0',
  ].join('\n');
  t.deepEqual(listed(tcp, 'tcp'), [8080]);
  const udp6 =
    '  1: 00000000000000000000000000000000:14E9 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 1 2 0';
  t.deepEqual(listed(udp6, 'udp'), [5353]);
  t.deepEqual(listed('', 'tcp'), []);
});

test('only what cannot be routed as it is takes the address of the host', (t) => {
  const settings = roomSettings(
    config({
      pool6: '2001:db8:1::/64',
      bridge: {
        own: { addresses: ['10.140.0.1/24'], pool: '10.140.0.0/25', pool6: 'fd00:140::/64', vlan: 5 },
        theirs: { pool: '192.168.1.0/25' },
      },
    }),
    '1a2b3c4d',
    true,
  );
  t.deepEqual(settings.masquerade, ['10.133.0.0/16', '10.140.0.0/25', 'fd00:140::/64']);
  t.deepEqual(settings.bridges, [
    { name: 'own', addresses: ['10.140.0.1/24'], vlanFiltering: true },
    { name: 'theirs', addresses: [], vlanFiltering: false },
  ]);
  t.false(settings.hostAccess);
  t.is(settings.connectionRate, 1000);
});
