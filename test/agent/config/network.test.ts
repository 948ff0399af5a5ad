import test from 'ava';
import { networkProblems } from '../../../agent/config/network.js';
import { configSchema } from '../../../agent/config/schema.js';

const wrong = (network: object) =>
  networkProblems(configSchema.parse({ network }).network).map(({ path, problem }) => `${path.join('.')} ${problem}`);

test('the defaults go together, and so do pools of both families on a bridge', (t) => {
  t.deepEqual(wrong({}), []);
  const bridge = { addresses: ['10.140.0.1/24', 'fd00:140::1/64'], pool: '10.140.0.128/25', pool6: 'fd00:140::/64' };
  t.deepEqual(wrong({ pool6: 'fd00:133::/64', bridge: { br0: bridge } }), []);
});

const CASES: readonly [network: object, problem: RegExp][] = [
  [
    { bridge: { br0: { pool: '10.133.5.0/24' } } },
    /^network.bridge.br0.pool 10.133.5.0\/24 overlaps network.pool 10.133.0.0\/16$/,
  ],
  [{ pool6: 'fd00::/48', bridge: { br0: { pool6: 'fd00::/64' } } }, /br0.pool6 fd00::\/64 overlaps network.pool6/],
  [
    { bridge: { br0: { addresses: ['10.1.0.1/24'], pool: '10.2.0.0/24' } } },
    /is not in the network of the bridge, 10.1.0.0\/24/,
  ],
  [{ bridge: { br0: { gateway: '10.1.0.1/24', pool: '10.2.0.0/24' } } }, /is not in the network of the bridge/],
  [{ bridge: { br0: { addresses: ['10.133.9.1/24'] } } }, /br0.addresses 10.133.9.0\/24 overlaps network.pool/],
  [{ bridge: { bt0: {} } }, /begins with network.link_prefix bt/],
];

for (const [network, problem] of CASES)
  test(`not together: ${problem.source}`, (t) => {
    const found = wrong(network);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', problem);
  });

test('by itself wrong: host bits, the other family, a bad name', (t) => {
  for (const network of [
    { pool: '10.133.0.1/16' },
    { pool: '' },
    { pool: 'fd00::/64' },
    { pool6: '10.0.0.0/8' },
    { bridge: { 'Br 0': {} } },
    { bridge: { br0: { addresses: ['10.0.0.1'] } } },
    { bridge: { br0: { vlan: 4095 } } },
    { dns: { servers: ['localhost'] } },
  ])
    t.false(configSchema.safeParse({ network }).success, JSON.stringify(network));
});
