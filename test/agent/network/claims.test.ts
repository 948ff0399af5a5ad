import test from 'ava';
import { vsockRange } from '../../../agent/config/network.js';
import { configSchema } from '../../../agent/config/schema.js';
import { NO_NETWORK, type Sandbox } from '../../../agent/model/record.js';
import { parseSpec } from '../../../agent/model/spec.js';
import { Claims } from '../../../agent/network/claims.js';
import { Groups } from '../../../agent/network/groups.js';
import { fc, holds } from '../../runner/property.js';

const BRIDGE = {
  addresses: ['10.140.0.1/24', 'fd00:140::1/64'],
  pool: '10.140.0.0/30',
  pool6: 'fd00:140::/64',
  vlan: 7,
};

function claims(network: object = {}): Claims {
  const config = configSchema.parse({ network }).network;
  return new Claims(config, vsockRange(config.vsock_ids));
}

function spec(id: string, network: object = {}, tenant = 'acme') {
  return parseSpec({ id, tenant, driver: 'external', network });
}

const sandboxOf = (over: Partial<Sandbox>): Sandbox => ({ ...NO_NETWORK, cgroup: 'a/b', ...over });

test('a routed workload gets an address, a number, and IPv6 only where the node has a pool', (t) => {
  const plain = claims({ pool: '10.9.0.0/29' }).claim(spec('a'));
  const attachment = { mode: 'routed' } as const;
  t.deepEqual(plain, { address: '10.9.0.1', address6: null, group: 2, mtu: 1500, attachment, vsockId: null });
  const dual = claims({ pool: '10.9.0.0/29', pool6: 'fd00:9::/64' });
  t.regex(dual.claim(spec('a')).address6 ?? '', /^fd00:9::/);
  t.is(dual.claim(spec('b', { ipv6: false })).address6, null);
  t.is(dual.claim(spec('c', { mtu: 1000 })).address6, null, 'IPv6 needs 1280 bytes');
  t.is(dual.claim(spec('d', { mode: 'none' })).address, null);
});

test('a bridge port knows its network and the way out, and never gets an address of the bridge', (t) => {
  const on = claims({ bridge: { br0: BRIDGE } });
  const { address, address6, attachment } = on.claim(spec('a', { mode: 'bridge', bridge: 'br0' }));
  t.is(address, '10.140.0.2');
  t.not(address6, 'fd00:140::1');
  t.deepEqual(attachment, {
    ...{ mode: 'bridge', bridge: 'br0', prefix: 24, gateway: '10.140.0.1', prefix6: 64, gateway6: 'fd00:140::1' },
    ...{ isolated: true, vlan: 7 },
  });
  const [full] = on.refusals(spec('b', { mode: 'bridge', bridge: 'br0' }));
  t.like(full, { dimension: 'addresses', scope: 'bridge/br0', limit: 1, shortBy: 1 });
  t.deepEqual(on.refusals(spec('a', { mode: 'bridge', bridge: 'br0' })), [], 'it has its own already');
  const theirs = claims({ bridge: { br1: { pool: '192.168.5.0/24', gateway: '192.168.0.1/16' } } });
  t.like(theirs.claim(spec('a', { mode: 'bridge', bridge: 'br1' })).attachment, { prefix: 16, gateway: '192.168.0.1' });
  const closed = claims({ bridge: { br2: { pool: '10.7.0.0/24', isolated: false } } });
  const none = { prefix: 24, gateway: null, prefix6: null, gateway6: null, isolated: false, vlan: null };
  t.like(closed.claim(spec('a', { mode: 'bridge', bridge: 'br2' })).attachment, none);
});

test('a published port has one holder, by protocol, and comes free with its sandbox', (t) => {
  const node = claims();
  const web = (id: string, host: number, protocol = 'tcp') => spec(id, { ports: [{ host, guest: 80, protocol }] });
  node.claim(web('a', 8080));
  const [refusal] = node.refusals(web('b', 8080));
  t.like(refusal, { dimension: 'ports', scope: 'tcp/8080 (workload "a")', holder: 'a' });
  t.deepEqual(node.refusals(web('a', 8080)), []);
  t.deepEqual(node.refusals(web('b', 8080, 'udp')), []);
  node.release('a');
  t.deepEqual(node.refusals(web('b', 8080)), []);
});

test('what a failed claim took is given back', (t) => {
  const node = claims({ pool: '10.9.0.0/32' });
  node.claim(spec('a'));
  t.throws(() => node.claim(spec('b', { ports: [{ host: 1, guest: 1 }] })), {
    code: 'address_pool_exhausted',
  } as never);
  t.deepEqual(node.refusals(spec('c', { ports: [{ host: 1, guest: 1 }] })), []);
  node.release('a');
  t.is(node.claim(spec('b')).address, '10.9.0.0');
});

test('records are taken up as they are; one without a number gets its tenant its own', (t) => {
  const node = claims({ pool: '10.9.0.0/29' });
  const old = sandboxOf({ address: '10.9.0.3', hostLink: 'bta' });
  const known = sandboxOf({ address: '10.9.0.1', hostLink: 'btb', group: 2 });
  const records = [
    { id: 'a', spec: spec('a', {}, 'blue'), sandbox: old },
    { id: 'b', spec: spec('b', {}, 'red'), sandbox: known },
  ];
  node.restoreGroups(records);
  t.is(node.restore(spec('a', {}, 'blue'), old, false).group, 3, '2 is that of red, whoever is read first');
  t.is(node.restore(spec('b', {}, 'red'), known, false), known);
  t.is(node.claim(spec('c', {}, 'blue')).group, 3);
  t.not(node.claim(spec('d', {}, 'red')).address, '10.9.0.3');
});

test('no two tenants ever share a number, and a tenant has one as long as anything of it is known', (t) => {
  const step = fc.record({
    tenant: fc.integer({ min: 0, max: 5 }),
    id: fc.integer({ min: 0, max: 20 }),
    forget: fc.boolean(),
  });
  holds(
    t,
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const groups = new Groups();
      const live = new Map<string, { tenant: string; group: number }>();
      for (const { tenant, id, forget } of steps) {
        const name = `${tenant}-${id}`;
        if (forget) {
          groups.forget(name);
          live.delete(name);
        } else live.set(name, { tenant: `${tenant}`, group: groups.of(name, `${tenant}`) });
        const numbers = new Map<number, string>();
        for (const each of live.values()) {
          if ((numbers.get(each.group) ?? each.tenant) !== each.tenant) return false;
          numbers.set(each.group, each.tenant);
        }
        if (new Set([...live.values()].map((each) => each.tenant)).size !== numbers.size) return false;
      }
      return true;
    }),
  );
});

test('the number of an orphan is nobody else’s', (t) => {
  const groups = new Groups();
  groups.avoid(new Set([2, 3]));
  t.is(groups.of('a', 'red'), 4);
});

test('what a guest on disk will want again is given to others last, also after a restart of the agent', (t) => {
  const node = claims({ pool: '10.9.0.0/29', pool6: 'fd00:9::/125' });
  const kept = { address: '10.9.0.1', address6: 'fd00:9::1' };
  t.is(node.restore(spec('saved'), sandboxOf({ group: 2 }), true, kept).address, null);
  const others = ['a', 'b', 'c', 'd', 'e'].map((id) => node.claim(spec(id)));
  t.false(others.some(({ address, address6 }) => address === kept.address || address6 === kept.address6));
  t.like(node.claim(spec('saved'), kept), kept);
});
