import { constants } from 'node:os';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { PLAIN_FIREWALL, UNLIMITED } from '../../netns/defaults.js';
import type { SandboxNetwork, Tap } from '../../netns/types.js';
import { assertSandbox } from '../../netns/validate.js';

const tap: Tap = { name: 'tap0', uid: 1000, multiQueue: false, vnetHeader: true, guestAddress: null };
const good: SandboxNetwork = {
  netns: 'berth-a',
  hostLink: 'btha',
  address: '10.0.0.1',
  mac: '02:00:00:00:00:01',
  owner: 'berth:a',
  mtu: 1500,
  address6: null,
  group: 1,
  attachment: { mode: 'routed' },
  tap,
  bandwidth: UNLIMITED,
  firewall: PLAIN_FIREWALL,
};

test('a good sandbox passes', (t) => {
  t.notThrows(() => assertSandbox(good));
});

const bad: Record<string, Partial<SandboxNetwork>> = {
  netns: { netns: '../etc' },
  hostLink: { hostLink: 'a'.repeat(16) },
  address: { address: '10.0.0' },
  mac: { mac: '01:00:00:00:00:01' },
  owner: { owner: '' },
  mtu: { mtu: 67 },

  'tap.name': { tap: { ...tap, name: 'eth0' } },
  'tap.uid': { tap: { ...tap, uid: -1 } },
};
for (const [field, change] of Object.entries(bad)) {
  test(`a bad ${field} is refused by name`, (t) => {
    const error = t.throws(() => assertSandbox({ ...good, ...change }), { instanceOf: SysError });
    t.is(error.errno, constants.errno.EINVAL);
    t.is(error.path, field);
  });
}

test('a tap takes 14 bytes less than other links', (t) => {
  const most = 65_535 - 14;
  t.notThrows(() => assertSandbox({ ...good, mtu: 65_535, tap: null }));
  t.notThrows(() => assertSandbox({ ...good, mtu: most, tap }));
  t.throws(() => assertSandbox({ ...good, mtu: most + 1, tap }), { message: /65521/ });
});
