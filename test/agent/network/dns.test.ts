import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseSpec } from '../../../agent/model/spec.js';
import { formatResolvConf, givenResolver, resolverFor, sharedResolvConf } from '../../../agent/network/dns.js';
import { temporaryDirectory } from '../../runner/temporary.js';

const NOTHING = { servers: [], search: [], options: [] };
const NODE = { servers: ['10.0.0.53'], search: ['node.lan'], options: ['edns0'] };
const spec = (dns?: object) => parseSpec({ id: 'a', driver: 'external', network: dns === undefined ? {} : { dns } });

function files(upstream: string | undefined, stub: string): string[] {
  const directory = temporaryDirectory('resolv');
  if (upstream !== undefined) writeFileSync(join(directory, 'upstream'), upstream);
  writeFileSync(join(directory, 'stub'), stub);
  return [join(directory, 'upstream'), join(directory, 'stub')];
}

test('the spec first, then the node; search domains belong to the servers they are named with', (t) => {
  t.deepEqual(givenResolver(spec(), NODE), NODE);
  t.deepEqual(givenResolver(spec({ servers: ['9.9.9.9'] }), NODE), { ...NOTHING, servers: ['9.9.9.9'] });
  t.deepEqual(givenResolver(spec({ search: ['my.lan'] }), NODE), { ...NODE, search: ['my.lan'] });
});

test('then the servers of the host that can be reached from another network', async (t) => {
  const text =
    '# made by\nnameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver 9.9.9.9 # x\nnameserver fd00::53\nsearch a b\noptions trust-ad\n';
  const host = { search: ['a', 'b'], options: ['trust-ad'] };
  const on = files(undefined, text);
  t.deepEqual(await resolverFor(spec(), { address6: null }, NOTHING, on), { ...host, servers: ['9.9.9.9'] });
  t.deepEqual(await resolverFor(spec(), { address6: 'fd00::2' }, NOTHING, on), {
    ...host,
    servers: ['9.9.9.9', 'fd00::53'],
  });
  const mine = await resolverFor(spec({ search: ['my.lan'] }), { address6: null }, NOTHING, on);
  t.deepEqual(mine, { ...host, servers: ['9.9.9.9'], search: ['my.lan'] });
});

test('a local resolver is passed over for what it asks itself', async (t) => {
  const on = files('nameserver 10.0.0.2\n', 'nameserver 127.0.0.53\n');
  t.deepEqual((await resolverFor(spec(), { address6: null }, NOTHING, on)).servers, ['10.0.0.2']);
  t.is(
    await sharedResolvConf(spec(), NOTHING, on),
    'nameserver 127.0.0.53\n',
    'in the network of the host it is right',
  );
  t.is(await sharedResolvConf(spec(), NODE, on), 'nameserver 10.0.0.53\nsearch node.lan\noptions edns0\n');
});

test('with nobody to ask the file says so', async (t) => {
  const none = await resolverFor(spec(), { address6: null }, NOTHING, files(undefined, 'nameserver 127.0.0.1\n'));
  t.deepEqual(none.servers, []);
  t.regex(formatResolvConf(none), /^# no name server .* set network\.dns\.servers\n$/);
});
