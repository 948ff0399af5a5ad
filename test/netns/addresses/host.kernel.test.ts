import test from 'ava';
import { conflictsWithHost } from '../../../netns/addresses/conflict.js';
import { readHostNetworks } from '../../../netns/addresses/host.js';
import { command, makeNames } from '../lab.js';
import { openHostIn } from '../namespace-host.js';

const netns = `${makeNames(6).netnsPrefix}conflict`;
const ip = (line: string) => command(`ip -n ${netns} ${line}`);

test.after.always(async () => {
  await command(`ip netns del ${netns}`);
});

test('what a host uses is found in both families, our own links are not', async (t) => {
  await command(`ip netns add ${netns}`);
  for (const line of [
    'link set lo up',
    'link add docker0 type bridge',
    'addr add 10.133.0.1/16 dev docker0',
    'link set docker0 up',
    'link add bt0 type veth peer name x0',
    'link set bt0 up',
    'link set x0 up',
    'route add 10.140.0.5/32 dev bt0',
    'route add 10.141.0.0/24 dev x0 table 77',
    'route add blackhole 10.142.0.0/16',
    'addr add fd00:1::1/64 dev x0 nodad',
    'link add down0 type bridge',
    'addr add 10.143.0.1/24 dev down0',
  ])
    await ip(line);
  const host = openHostIn(netns);
  const networks = readHostNetworks(host);
  host.close();
  const details = (cidr: string) =>
    conflictsWithHost(cidr, networks.routes, networks.addresses, { linkPrefix: 'bt', links: [] }).map(
      ({ detail }) => detail,
    );
  t.deepEqual(details('10.133.0.0/16'), [
    'docker0 has the address 10.133.0.1/16',
    '10.133.0.0/16 is routed to docker0',
  ]);
  t.deepEqual(details('10.140.0.0/16'), []);
  t.deepEqual(details('10.141.0.0/16'), ['10.141.0.0/24, a part of 10.141.0.0/16, is routed to x0']);
  t.deepEqual(details('10.142.0.0/16'), []);
  t.deepEqual(details('10.143.0.0/24'), ['down0 has the address 10.143.0.1/24']);
  t.deepEqual(details('fd00:1::/64'), ['x0 has the address fd00:1::1/64', 'fd00:1::/64 is routed to x0']);
  t.deepEqual(details('fd00:2::/64'), []);
  t.deepEqual(details('127.0.0.0/16').at(0), 'lo has the address 127.0.0.1/8');
});
