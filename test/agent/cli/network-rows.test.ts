import test from 'ava';
import { networkRows } from '../../../agent/cli/network-rows.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { view } from './fake.js';

function rowsOf(network: object, sandbox: object = {}): Record<string, string> {
  const base = view('web-1');
  const spec = parseSpec({ ...base.spec, network });
  const rows = networkRows({ ...base, spec, sandbox: { ...base.sandbox, ...sandbox } });
  return Object.fromEntries(rows.filter((row): row is readonly [string, string] => Boolean(row[1])));
}

test('a plain workload has few words', (t) => {
  const sandbox = { group: 2, mtu: 1500 };
  t.deepEqual(rowsOf({}, sandbox), {
    Network: 'routed',
    Address: '10.133.0.5',
    Reachable: 'by its tenant on this host, and published ports',
    Link: 'bt17, group 2, MTU 1500',
  });
});

test('everything that was asked for is there', (t) => {
  const network = {
    ...{
      mode: 'bridge',
      bridge: 'br0',
      connections: 500,
      ports: [
        { host: 8080, guest: 80, from: ['192.0.2.0/24', 'fd00::/8'] },
        { host: 53, guest: 53, protocol: 'udp' },
      ],
    },
    bandwidth: { ingress: '100Mbit', egress: { rate: '2.5Gbit', burst: '64Ki', packets: 1000 } },
    egress: {
      default: 'deny',
      allow: ['10.0.0.0/8', 'fd00::/8'],
      deny: Array.from({ length: 9 }, (_, n) => `10.${n}.0.0/16`),
    },
  };
  const attachment = {
    mode: 'bridge',
    bridge: 'br0',
    prefix: 24,
    gateway: null,
    prefix6: null,
    gateway6: null,
    isolated: true,
    vlan: 7,
  };
  const rows = rowsOf(network, { attachment, address6: 'fd00::5', tap: 'tap0', kernelIp: 'ip=1' });
  t.is(rows.Network, 'bridge br0, isolated, VLAN 7');
  t.is(rows.Address, '10.133.0.5\nfd00::5');
  t.is(rows.Ports, 'tcp 8080 -> 80 from 192.0.2.0/24, fd00::/8\nudp 53 -> 53');
  t.is(rows.Bandwidth, 'ingress 100Mbit\negress 2.5Gbit, burst 64Ki, 1000 packets a second');
  t.regex(rows.Egress ?? '', /^allow 10\.0\.0\.0\/8, fd00::\/8\ndeny .* and 1 more\ndeny everything else$/);
  t.like(rows, { Connections: 'at most 500', Tap: 'tap0', Kernel: 'ip=1' });
});
