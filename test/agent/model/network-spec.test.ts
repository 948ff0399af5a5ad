import test from 'ava';
import { allowsMetadata } from '../../../agent/model/network-spec.js';
import { parseSpec, type WorkloadSpec } from '../../../agent/model/spec.js';
import type { BerthError } from '../../../protocol/errors.js';

const OCI = { id: 'a', driver: 'oci', oci: { rootfs: '/image', command: ['/bin/sh'] } };

function parse(network: object, over: object = {}): WorkloadSpec {
  return parseSpec({ ...OCI, network, ...over });
}

test('rates are text or tables, and what is kept is read again as it is', (t) => {
  const spec = parse({
    ports: [{ host: 8080, guest: 80, from: ['192.0.2.0/24'] }],
    bandwidth: { ingress: '100Mbit', egress: { rate: '2.5Gbit', burst: '64Ki', packets: 1000 } },
    egress: { default: 'deny', allow: ['10.0.0.0/8', 'fd00::/8'] },
    connections: 500,
    mtu: 9000,
  });
  t.like(spec.network, {
    mode: 'routed',
    ports: [{ host: 8080, guest: 80, protocol: 'tcp', from: ['192.0.2.0/24'] }],
    reachable: 'tenant',
    bandwidth: { ingress: { rate: 100e6 }, egress: { rate: 2.5e9, burst: 65_536, packets: 1000 } },
    egress: { default: 'deny', allow: ['10.0.0.0/8', 'fd00::/8'], deny: [] },
  });
  t.deepEqual(parseSpec(spec), spec);
});

const EXEC = { driver: 'exec', exec: { isolation: 'none', command: ['/bin/true'] }, oci: undefined };
const EXTERNAL = { driver: 'external', oci: undefined };
const TAP = { ...EXTERNAL, external: { tap: true } };

const WRONG: readonly [network: object, field: string, problem: RegExp, over?: object][] = [
  [{ mode: 'bridged' }, 'network.mode', /must be one of/],
  [{ mode: 'bridge' }, 'network.bridge', /is needed/],
  [{ bridge: 'br0' }, 'network.bridge', /goes with mode "bridge" only/],
  [{ mode: 'bridge', bridge: 'a-name-too-long-for-a-link' }, 'network.bridge', /name of a bridge/],
  [{ mode: 'host', ports: [{ host: 1, guest: 1 }] }, 'network.ports', /does not go with mode "host"/],
  [{ mode: 'none', bandwidth: { egress: '1Mbit' } }, 'network.bandwidth', /does not go with mode "none"/],
  [{ mode: 'host', egress: { deny: ['10.0.0.0/8'] } }, 'network.egress', /does not go with mode "host"/],
  [{ mode: 'none', connections: 5 }, 'network.connections', /does not go/],
  [{ mode: 'host', reachable: 'any' }, 'network.reachable', /does not go with mode "host"/],
  [{ reachable: 'nobody' }, 'network.reachable', /must be one of/],
  [{ ports: [{ host: 1, guest: 1, from: [] }] }, 'network.ports.0.from', /at least 1/],
  [{ ports: [{ host: 1, guest: 1, from: ['10.0.0.1/8'] }] }, 'network.ports.0.from.0', /without host bits/],
  [
    { ports: [1, 2].map((host) => ({ host, guest: 1, from: Array(300).fill('192.0.2.0/24') })) },
    'network.ports',
    /at most 512/,
  ],
  [{ mode: 'none', mtu: 1400 }, 'network.mtu', /does not go/],
  [{ mode: 'host', ipv6: true }, 'network.ipv6', /does not go/],
  [{ mode: 'none', dns: {} }, 'network.dns', /does not go with mode "none"/],
  [{ dns: { servers: ['9.9.9.9'] } }, 'network.dns', /reads the host's/, EXEC],
  [{ ports: [{ host: 0, guest: 1 }] }, 'network.ports.0.host', /at least 1/],
  [{ ports: [{ host: 1, guest: 1, protocol: 'sctp' }] }, 'network.ports.0.protocol', /must be one of/],
  [{ ports: [1, 2, 1].map((host) => ({ host, guest: 9 })) }, 'network.ports.2.host', /tcp port 1 is named twice/],
  [{ ports: Array.from({ length: 257 }, (_, n) => ({ host: n + 1, guest: 1 })) }, 'network.ports', /256/],
  [{ bandwidth: { ingress: '100' } }, 'network.bandwidth.ingress', /such as "100Mbit"/],
  [{ bandwidth: { ingress: '1Kbit' } }, 'network.bandwidth.ingress', /from 64Kbit/],
  [{ bandwidth: { ingress: { rate: '2000Gbit' } } }, 'network.bandwidth.ingress.rate', /to 1000Gbit/],
  [{ bandwidth: { egress: { burst: '1Mi' } } }, 'network.bandwidth.egress', /needs a rate/],
  [{ bandwidth: { egress: { packets: 5, burst: '1Mi' } } }, 'network.bandwidth.egress.burst', /goes with a rate/],
  [{ bandwidth: { egress: { rate: '1Mbit', burst: '1K' } } }, 'network.bandwidth.egress.burst', /2000 bytes/],
  [{ bandwidth: { egress: true } }, 'network.bandwidth.egress', /must be a rate/],
  [{ egress: { allow: ['10.0.0.1/8'] } }, 'network.egress.allow.0', /without host bits/],
  [{ egress: { deny: ['example.org'] } }, 'network.egress.deny.0', /must be a network/],
  [{ connections: 0 }, 'network.connections', /at least 1/],
  [{ mtu: 68 }, 'network.mtu', /at least 576/],
  [{ mtu: 1000, ipv6: true }, 'network.mtu', /1280/],
  [{ dns: { servers: ['a', '1.1.1.1'] } }, 'network.dns.servers.0', /address/],
  [{ dns: { search: ['a b'] } }, 'network.dns.search.0', /domain name/],
  [{ dns: { options: ['ndots:2\nnameserver 6.6.6.6'] } }, 'network.dns.options.0', /resolv.conf/],
  [{ mode: 'none' }, 'external.tap', /does not go with network.mode "none"/, TAP],
  [{}, 'external.at', /goes with "tap": true/, { ...EXTERNAL, external: { at: 'host' } }],
  [
    {},
    'external.guestAddress',
    /in a namespace only/,
    { ...TAP, external: { tap: true, at: 'host', guestAddress: '10.0.0.2' } },
  ],
  [
    {},
    'external.guestAddress',
    /must be an IPv4 address/,
    { ...TAP, external: { tap: true, guestAddress: 'fd00::1' } },
  ],
  [{}, 'external.uid', /4294967294/, { ...TAP, external: { tap: true, uid: 2 ** 32 - 1 } }],
];

for (const [network, field, problem, over] of WRONG)
  test(`refused: ${JSON.stringify(over?.['external' as never] ?? network).slice(0, 80)}: ${field}`, (t) => {
    const error = t.throws<BerthError>(() => parse(network, over), { code: 'invalid_spec' } as never);
    const fields = error?.data?.fields as { field: string; problem: string }[];
    const found = fields.find((each) => each.field === field);
    t.truthy(found, JSON.stringify(fields));
    t.regex(found?.problem ?? '', problem);
  });

test('the metadata service is reached only by naming it or a part of it, in either family', (t) => {
  const allowed = (allow: readonly string[]) =>
    allowsMetadata({ egress: { default: 'allow', allow: [...allow], deny: [] } });
  t.false(allowed([]));
  t.false(allowed(['0.0.0.0/0', '::/0', '169.254.0.0/16', 'fd00::/8']));
  t.true(allowed(['10.0.0.0/8', '169.254.169.254/32']));
  t.true(allowed(['fd00:ec2::254/128']));
});
