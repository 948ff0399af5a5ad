import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { SysError } from '../../../linux/errors.js';
import { PLAIN_FIREWALL } from '../../../netns/defaults.js';
import { assertFirewall, assertSettings } from '../../../netns/firewall/check.js';
import { runNft } from '../../../netns/firewall/nft.js';
import { tablesText } from '../../../netns/firewall/setup.js';
import { FORMER, loadText } from '../../../netns/firewall/table.js';
import { tagsOf } from '../lab.js';

const settings = {
  table: 'berth',
  linkPrefix: 'bth',
  netnsPrefix: 'berth-',
  masquerade: ['10.9.0.0/16'],
  bridges: [],
  hostAccess: false,
  connectionRate: 1000,
  slots: null,
  tags: tagsOf('berth-test'),
};

test('loading again keeps elements, unless the sets are of another make', (t) => {
  const first = loadText(settings, 'inet', undefined);
  const stamp = /comment "([^"]+)"/.exec(first)?.[1];
  t.regex(first, /^table inet berth \{\n {2}comment "berth [0-9a-f]{16}"\n/);
  t.false(first.includes('flush table'));
  t.is(loadText(settings, 'inet', stamp), first);
  t.is(loadText(settings, 'inet', 'an older one'), `delete table inet berth\n${first}`);
  t.is(loadText(settings, 'inet', ''), `delete table inet berth\n${first}`);
  // Settings are rules only.
  const other = loadText(
    { ...settings, masquerade: [], linkPrefix: 'other', hostAccess: true, connectionRate: 0 },
    'inet',
    stamp,
  );
  t.not(other, first);
  t.false(other.startsWith('delete'));
});

test('what workloads on bridges send stays closed while the table that would filter it is made anew', (t) => {
  const bridged = { ...settings, bridges: [{ name: 'br0', addresses: [], vlanFiltering: false }] };
  const stampIn = (text: string) => /comment "([^"]+)"/.exec(text)?.[1];
  const stamps = {
    inet: stampIn(loadText(bridged, 'inet', undefined)),
    bridge: stampIn(loadText(bridged, 'bridge', undefined)),
  };
  const deleted = (loaded: typeof stamps) => tablesText(bridged, loaded).match(/^delete table .*$/gm) ?? [];
  t.deepEqual(deleted(stamps), []);
  t.deepEqual(deleted({ ...stamps, bridge: 'an older one' }), ['delete table bridge berth']);
  t.deepEqual(deleted({ ...stamps, inet: 'an older one' }), ['delete table inet berth', 'delete table bridge berth']);
  t.deepEqual(deleted({ inet: 'an older one', bridge: undefined }), ['delete table inet berth']);
  t.deepEqual(tablesText(settings, stamps).match(/^delete table .*$/gm), ['delete table bridge berth']);
});

const FIXTURES = fileURLToPath(new URL('../../../../test/netns/firewall/fixtures/', import.meta.url));

// A set of another type, or a chain at another hook, cannot be changed in place: its stamp is to go from FORMER then.
for (const former of FORMER)
  test(`a table with the stamp "${former}" is changed in place, as it has nothing that is another one by now`, (t) => {
    const [text = ''] = readdirSync(FIXTURES).flatMap((name) => {
      const text = readFileSync(join(FIXTURES, name), 'utf8');
      return text.includes(`comment "${former}"`) ? [text] : [];
    });
    const now = (['inet', 'bridge'] as const).map((family) => loadText(settings, family, former));
    const whole = now.find((lines) => lines.startsWith(text.split('\n')[0] ?? '?')) ?? '';
    const fixed = text.split('\n').filter((line) => /^ {2}(set|map) |^ {4}type /.test(line));
    t.true(fixed.length > 20);
    for (const line of fixed) t.true(whole.includes(`\n${line}\n`), line);
  });

test('frames between ports of a bridge, which br_netfilter shows, are counted as opened before they pass', (t) => {
  const bridges = [{ name: 'br0', addresses: [], vlanFiltering: false }];
  const lines = loadText({ ...settings, bridges }, 'inet', undefined)
    .split('\n')
    .map((line) => line.trim());
  const at = (line: string): number => lines.indexOf(`iifname "br0" oifname "br0" ${line}`);
  t.true(at('accept') > 0);
  for (const own of ['ip saddr @bridged', 'ip6 saddr @bridged6']) {
    t.true(at(`${own} jump opening`) > 0, own);
    t.true(at(`${own} jump opening`) < at('accept'), own);
  }
});

test('rule text cannot be broken out of', (t) => {
  for (const [field, bad] of [
    ['masquerade', { masquerade: ['10.9.0.0/16; flush ruleset'] }],
    ['linkPrefix', { linkPrefix: 'a" drop "' }],
    ['table', { table: 'a{' }],
    ['bridges', { bridges: [{ name: 'bth0', addresses: [], vlanFiltering: false }] }],
  ] as const) {
    const error = t.throws(() => assertSettings({ ...settings, ...bad }), { instanceOf: SysError });
    t.is(error.errno, constants.errno.EINVAL);
    t.is(error.path, field);
  }
  t.notThrows(() => assertSettings({ ...settings, masquerade: ['10.9.0.0/16', 'fd00:9::/48'] }));
});

test('a firewall that cannot be is refused by name', (t) => {
  const port = { protocol: 'tcp', host: 80, guest: 80 } as const;
  for (const [field, bad] of [
    ['firewall.egress', { egress: { default: 'deny', allow: ['10.0.0.1/8'], deny: [] } }],
    ['firewall.egress', { egress: { default: 'deny', allow: [], deny: ['example.org'] } }],
    ['firewall.ports', { ports: [{ ...port, host: 0 }] }],
    ['firewall.ports', { ports: [port, { ...port, guest: 81 }] }],
    ['firewall.connections', { connections: 0 }],
    ['firewall.packets', { packets: { ingress: 1.5, egress: null } }],
  ] as const) {
    const error = t.throws(() => assertFirewall({ ...PLAIN_FIREWALL, ...bad }), { instanceOf: SysError });
    t.is(error.path, field);
  }
  t.notThrows(() => assertFirewall({ ...PLAIN_FIREWALL, ports: [port, { ...port, protocol: 'udp' }] }));
});

test('a missing nft names the package', (t) => {
  const error = t.throws(() => runNft('', 'berth', ['/nonexistent/nft']), { instanceOf: SysError });
  t.is(error.errno, constants.errno.ENOENT);
  t.regex(error.message, /Debian package nftables/);
});
