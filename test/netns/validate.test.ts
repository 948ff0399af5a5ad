import { constants } from 'node:os';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { PLAIN_FIREWALL, UNLIMITED } from '../../netns/defaults.js';
import { deleteTable, loadTable, tableText } from '../../netns/nft.js';
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

test('the nft table is one transaction that may be repeated', (t) => {
  const text = tableText({ masquerade: ['10.9.0.0/16'], linkPrefix: 'bth', table: 'berth' });
  t.regex(text, /^add table inet berth\ndelete table inet berth\ntable inet berth \{/);
  t.regex(text, /ip saddr 10\.9\.0\.0\/16 oifname != "bth\*" masquerade/);
});

test('rule text cannot be broken out of', (t) => {
  const options = { masquerade: ['10.9.0.0/16'], linkPrefix: 'bth', table: 'berth' };
  t.throws(() => tableText({ ...options, masquerade: ['10.9.0.0/16; flush ruleset'] }), { instanceOf: SysError });
  t.throws(() => tableText({ ...options, linkPrefix: 'a" drop "' }), { instanceOf: SysError });
  t.throws(() => tableText({ ...options, table: 'a{' }), { instanceOf: SysError });
});

test('a missing nft names the package', (t) => {
  const missing = ['/nonexistent/nft'];
  const error = t.throws(() => deleteTable('berth', missing), { instanceOf: SysError });
  t.is(error.errno, constants.errno.ENOENT);
  t.regex(error.message, /Debian package nftables/);
  t.throws(() => loadTable({ masquerade: ['10.9.0.0/16'], linkPrefix: 'bth', table: 'berth' }, missing), {
    message: /ENOENT/,
  });
});
