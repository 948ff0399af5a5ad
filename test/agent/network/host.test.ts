// What the agent finds out about the host before it gives anything to workloads, and what it changes there.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import test from 'ava';
import { configSchema } from '../../../agent/config/schema.js';
import type { BerthError } from '../../../agent/errors.js';
import { hostNetworks, poolConflicts, requireFreePools } from '../../../agent/network/conflicts.js';
import { enableForwarding } from '../../../agent/network/forwarding.js';
import { isTaken } from '../../../agent/network/published.js';
import { roomSettings } from '../../../agent/network/settings.js';
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

test('a port that a process listens on is taken, on whatever address and in either family', async (t) => {
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer().listen({ host, port: 0 });
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    t.true(await isTaken({ protocol: 'tcp', host: port }), host);
    t.false(await isTaken({ protocol: 'udp', host: port }), host);
    server.close();
    await once(server, 'close');
    t.false(await isTaken({ protocol: 'tcp', host: port }), 'and free again');
  }
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.true(await isTaken({ protocol: 'udp', host: socket.address().port }));
  socket.close();
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
  );
  t.deepEqual(settings.masquerade, ['10.133.0.0/16', '10.140.0.0/25', 'fd00:140::/64']);
  t.deepEqual(settings.bridges, [
    { name: 'own', addresses: ['10.140.0.1/24'], vlanFiltering: true },
    { name: 'theirs', addresses: [], vlanFiltering: false },
  ]);
  t.false(settings.hostAccess);
});
