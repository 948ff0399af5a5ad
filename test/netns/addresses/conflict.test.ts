import test from 'ava';
import { conflictsWithHost, type HostAddress, type HostRoute } from '../../../netns/addresses/conflict.js';

const OWN = { linkPrefix: 'bt', links: ['br-work'] };

function route(network: string, link: string | null, type?: HostRoute['type']): HostRoute {
  const [destination = '', prefix] = network.split('/');
  return { destination, prefix: Number(prefix), link, ...(type === undefined ? {} : { type }) };
}

function details(cidr: string, routes: HostRoute[], addresses: HostAddress[] = []): string[] {
  return conflictsWithHost(cidr, routes, addresses, OWN).map(({ detail }) => detail);
}

test('a network that is routed elsewhere is told with its link', (t) => {
  const pool = '10.133.0.0/16';
  t.deepEqual(details(pool, [route('10.133.0.0/16', 'docker0'), route('10.132.0.0/16', 'eth1')]), [
    '10.133.0.0/16 is routed to docker0',
  ]);
  t.deepEqual(details(pool, [route('10.133.7.0/24', 'wg0')]), [
    '10.133.7.0/24, a part of 10.133.0.0/16, is routed to wg0',
  ]);
  t.deepEqual(details(pool, [route('10.0.0.0/8', 'eth0')]), [
    '10.133.0.0/16 is part of 10.0.0.0/8, which is routed to eth0',
  ]);
  t.deepEqual(details('fd00:1::/64', [route('fd00:1::/64', 'eth0'), route('fe80::/64', 'eth0')]), [
    'fd00:1::/64 is routed to eth0',
  ]);
});

test('default routes, blackholes, our own links and the other family are no conflict', (t) => {
  const routes: HostRoute[] = [
    { prefix: 0, link: 'eth0' },
    ...['0.0.0.0/0', '0.0.0.0/1', '10.133.0.5/32', '::/0', '2000::/3'].map((to) =>
      route(to, to.startsWith('10') ? 'btweb' : 'tun0'),
    ),
    route('10.133.0.0/24', 'br-work'),
    route('10.133.0.0/16', null, 'blackhole'),
    route('10.133.0.9/32', 'lo', 'local'),
    route('2001:db8::/64', 'btx'),
  ];
  const addresses = [
    { address: '10.133.0.1', prefix: 24, link: 'br-work' },
    { address: '169.254.1.1', prefix: 32, link: 'btweb' },
  ];
  for (const pool of ['10.133.0.0/16', '2001:db8::/64']) t.deepEqual(details(pool, routes, addresses), []);
});

test('addresses of the host are told, also of links that are down and have no route', (t) => {
  const addresses = [
    { address: '10.133.0.1', prefix: 16, link: 'docker0' },
    { address: '10.1.0.1', prefix: 8, link: 'eth0' },
    { address: '192.168.0.1', prefix: 24, link: 'eth1' },
    { address: 'fd00::1', prefix: 64, link: 'eth1' },
  ];
  t.deepEqual(details('10.133.0.0/16', [], addresses), [
    'docker0 has the address 10.133.0.1/16',
    'eth0 has the address 10.1.0.1/8',
  ]);
  t.deepEqual(details('10.133.0.1/32', [], addresses.slice(0, 1)), ['docker0 has the address 10.133.0.1/16']);
  t.deepEqual(details('fd00::1/128', [], addresses), ['eth1 has the address fd00::1/64']);
  const [conflict] = conflictsWithHost('10.133.0.0/16', [], addresses, OWN);
  t.like(conflict, { kind: 'address', network: '10.133.0.1/16', link: 'docker0' });
});

test('what lies around the pool only covers it; what is as long or longer, or an address in it, collides', (t) => {
  const covers = (routes: HostRoute[], addresses: HostAddress[] = []) =>
    conflictsWithHost('10.133.0.0/16', routes, addresses, OWN).map((one) => one.covers);
  t.deepEqual(covers([route('10.0.0.0/8', 'eth0'), route('10.133.0.0/16', 'a'), route('10.133.9.0/24', 'b')]), [
    true,
    false,
    false,
  ]);
  const at = (address: string) => [{ address, prefix: 8, link: 'eth0' }];
  t.deepEqual(covers([], at('10.1.0.1')), [true]);
  t.deepEqual(covers([], at('10.133.0.1')), [false]);
});
