// What the manager decides about networks: ports, live changes, taps on the host, tenants' numbers.
import test from 'ava';
import { NO_NETWORK } from '../../../agent/model/record.js';
import { SysError } from '../../../linux/errors.js';
import type { BerthError } from '../../../protocol/errors.js';
import { fakeDriver, newLife, specOf, state } from './fake-world.js';

async function started(config: Record<string, unknown> = {}) {
  const life = newLife({ config });
  await life.manager.recover();
  return life;
}

const web = (id: string, over: object = {}, rest: object = {}) =>
  specOf({ id, network: { ports: [{ host: 8080, guest: 80 }], ...over }, ...rest });

test('a port has one holder: the second is told who it is, by fits as well, and gets it when it is free', async (t) => {
  const { manager, until, world } = await started();
  await manager.create(web('web-1'));
  const before = world.density.rows();
  const error = await t.throwsAsync<BerthError>(manager.create(web('web-2')), { code: 'port_in_use' } as never);
  t.regex(error?.message ?? '', /port tcp\/8080 \(workload "web-1"\) is in use/);
  t.like(error?.data, { dimension: 'ports', holder: 'web-1' });
  t.deepEqual(world.density.rows(), before);
  const { fits, refusals } = await manager.fits(web('web-2'));
  t.false(fits);
  t.like(refusals[0], { dimension: 'ports', holder: 'web-1' });
  t.true((await manager.fits(web('web-2', { ports: [{ host: 8081, guest: 80 }] }))).fits);
  await until(state('running'));
  await manager.setDesired('web-1', 'stopped');
  await until(state('exited'));
  await manager.create(web('web-2'));
  await t.throwsAsync(manager.setDesired('web-1', 'running'), { code: 'port_in_use' } as never);
});

test('a port that a process of the host has is refused; for what holds it already it is not asked again', async (t) => {
  const { manager, until, host } = await started();
  host.listening.add('tcp/8080');
  const error = await t.throwsAsync<BerthError>(manager.create(web('web-1')), { code: 'port_in_use' } as never);
  t.regex(error?.message ?? '', /a process of this host/);
  t.regex(error?.hint ?? '', /ss -lntp sport = 8080/);
  host.listening.clear();
  await manager.create(web('web-1'));
  await until(state('running'));
  host.listening.add('tcp/8080');
  await manager.update('web-1', web('web-1', {}, { priority: 5 }));
  t.is(manager.actor('web-1').record.spec.priority, 5);
});

test('bandwidth, ports, egress and connections change while it runs', async (t) => {
  const { manager, until, host, world } = await started();
  await manager.create(web('web-1'));
  await until(state('running'));
  const live = {
    ports: [{ host: 9090, guest: 90, protocol: 'udp', from: ['192.0.2.0/24'] }],
    bandwidth: { ingress: '10Mbit', egress: { packets: 100 } },
    egress: { default: 'deny', allow: ['10.0.0.0/8', '169.254.169.254/32'] },
    connections: 7,
    reachable: 'published',
  };
  await manager.update('web-1', web('web-1', live));
  t.like(host.networks.get('berth:1a2b3c4d:web-1'), {
    bandwidth: { ingress: { bitsPerSecond: 10e6, burstBytes: null }, egress: null },
    firewall: {
      egress: { default: 'deny', allow: ['10.0.0.0/8', '169.254.169.254/32'], deny: [] },
      metadata: true,
      ports: [{ protocol: 'udp', host: 9090, guest: 90, from: ['192.0.2.0/24'] }],
      connections: 7,
      reachable: 'published',
      packets: { ingress: null, egress: 100 },
    },
  });
  t.deepEqual(world.claims.refusals(web('web-2')), [], 'the old port is free');
  const error = await t.throwsAsync<BerthError>(
    manager.update('web-1', web('web-1', { mtu: 1400, dns: undefined, mode: 'routed' })),
    { code: 'immutable_field' } as never,
  );
  t.deepEqual(error?.data?.changed, ['network.mtu']);
});

test('a change that the kernel refuses leaves network, ports and record as they were', async (t) => {
  const { manager, until, host, world } = await started();
  await manager.create(web('web-1', { bandwidth: { ingress: '10Mbit' } }));
  await until(state('running'));
  const before = host.networks.get('berth:1a2b3c4d:web-1');
  const asked = web('web-1', { ports: [{ host: 9090, guest: 80 }], bandwidth: { ingress: '20Mbit' } });
  host.failNext = { call: 'network.update', error: new SysError('RTM_NEWQDISC', 2) };
  await t.throwsAsync(manager.update('web-1', asked), { message: /RTM_NEWQDISC/ });
  host.failNext = { call: 'cgroup.apply', error: new SysError('write', 16) };
  await t.throwsAsync(manager.update('web-1', asked), { message: /EBUSY/ });
  t.deepEqual(host.networks.get('berth:1a2b3c4d:web-1'), before);
  t.is(manager.actor('web-1').record.generation, 1);
  t.is(world.claims.refusals(web('web-2'))[0]?.holder, 'web-1');
  t.deepEqual(world.claims.refusals(web('web-2', { ports: [{ host: 9090, guest: 1 }] })), []);
});

test('a tap on the host has no namespace, and goes again', async (t) => {
  const { manager, until, host } = await started();
  const spec = specOf({ driver: 'external', exec: undefined, external: { tap: true, at: 'host', uid: 7 } });
  await manager.create(spec);
  await until(state('running'));
  const { sandbox } = manager.actor('web-1').record;
  t.is(sandbox.netns, null);
  t.is(sandbox.tap, sandbox.hostLink);
  t.like(host.networks.get('berth:1a2b3c4d:web-1'), {
    netns: null,
    hostLink: sandbox.hostLink,
    tap: { name: sandbox.hostLink, uid: 7 },
  });
  await manager.setDesired('web-1', 'deleted');
  await until((event) => event.type === 'workload.deleted');
  t.deepEqual(host.left(), []);
  t.is(host.networks.size, 0);
});

test('what the node does not have is refused by name', async (t) => {
  const { manager } = await started({ network: { bridge: { br0: {} } } });
  const create = (network: object) => manager.create(specOf({ network }));
  await t.throwsAsync(create({ mode: 'bridge', bridge: 'br1' }), {
    code: 'network_missing',
    message: /"br1"; it has br0/,
  } as never);
  await t.throwsAsync(create({ mode: 'bridge', bridge: 'br0' }), {
    code: 'network_missing',
    message: /no addresses/,
  } as never);
  await t.throwsAsync(create({ ipv6: true }), { code: 'network_missing', message: /IPv6/ } as never);
});

test('a burst must hold a full frame of the MTU in force', async (t) => {
  const { manager } = await started({ network: { mtu: 9000 } });
  const spec = specOf({ network: { bandwidth: { egress: { rate: '10Mbit', burst: 3000 } } } });
  await t.throwsAsync(manager.create(spec), {
    code: 'invalid_spec',
    message: /bandwidth\.egress\.burst: .*one full frame/,
  } as never);
});

test('tenants keep their numbers over a restart, and removal is told the whole network', async (t) => {
  const first = await started();
  await first.manager.create(web('web-1'));
  await first.manager.create(web('web-2', { ports: [] }, { tenant: 'blue' }));
  await first.until(state('running'));
  await first.until(state('running', 'web-2'));
  const group = (id: string, life: { manager: typeof first.manager }) => life.manager.actor(id).record.sandbox.group;
  t.deepEqual([group('web-1', first), group('web-2', first)], [2, 3]);
  await first.journal.die();
  first.host.revive();
  const second = newLife({ host: first.host, directory: first.directory });
  await second.manager.recover();
  t.deepEqual([group('web-1', second), group('web-2', second)], [2, 3]);
  t.is(second.world.claims.refusals(web('web-3'))[0]?.holder, 'web-1', 'ports are held again');
  const made = second.host.networks.get('berth:1a2b3c4d:web-1');
  await second.manager.setDesired('web-1', 'deleted');
  await second.until((event) => event.type === 'workload.deleted');
  t.deepEqual(second.host.removals[0]?.network, made);
});

const SLOT = {
  netns: 'berth--slot-7',
  hostLink: 'btslotseven',
  mac: '02:00:00:00:00:07',
  baseline: { name: 'btslotseven', rxBytes: 5, txBytes: 6, rxPackets: 1, txPackets: 1, rxDropped: 0, txDropped: 0 },
};

test('a ready-made namespace is taken where it will do, and its names leave the record with it', async (t) => {
  const { manager, until, host } = await started();
  host.slots.veth.push(SLOT);
  await manager.create(web('web-1', { mtu: 1400 }));
  t.is(host.slots.veth.length, 1, 'another MTU needs links of its own');
  await manager.create(web('web-2', { ports: [] }));
  await until(state('running', 'web-2'));
  t.like(manager.actor('web-2').record.sandbox, { ...SLOT, tap: null });
  t.like(host.networks.get('berth:1a2b3c4d:web-2'), { netns: SLOT.netns, hostLink: SLOT.hostLink });
  await manager.setDesired('web-2', 'stopped');
  await until(state('exited', 'web-2'));
  t.true(host.removals[0]?.recycle);
  t.deepEqual(manager.actor('web-2').record.sandbox, { ...NO_NETWORK, cgroup: 'acme/web-2', group: 2 });
});

test('what root of the host had is never used again, and is searched for processes', async (t) => {
  const drivers = new Map([['exec' as const, { ...fakeDriver, confinement: async () => 'open' as const }]]);
  const { manager, until, host } = newLife({ world: { drivers } });
  await manager.recover();
  host.slots.veth.push(SLOT);
  await manager.create(web('web-1', { ports: [] }));
  await until(state('running'));
  await manager.setDesired('web-1', 'deleted');
  await until((event) => event.type === 'workload.deleted');
  t.deepEqual(host.searched, [SLOT.netns]);
  t.false(host.removals[0]?.recycle);
});

test('what an external party joins is never used again', async (t) => {
  const { manager, until, host } = await started();
  host.slots.tap.push(SLOT);
  await manager.create(specOf({ driver: 'external', exec: undefined, external: { tap: true } }));
  await until(state('running'));
  t.is(manager.actor('web-1').record.sandbox.netns, SLOT.netns);
  await manager.setDesired('web-1', 'deleted');
  await until((event) => event.type === 'workload.deleted');
  t.false(host.removals[0]?.recycle);
});

test('a slot goes back when the admission does not become durable', async (t) => {
  const { manager, host, journal } = await started();
  host.slots.veth.push(SLOT);
  journal.write = () => Promise.reject(new Error('disk full'));
  await t.throwsAsync(manager.create(specOf()), { message: 'disk full' });
  t.deepEqual(host.slots.veth, [SLOT]);
});

test('drift sees what runs, and a repair is only of what is still the same', async (t) => {
  const { manager, until, host } = await started();
  await manager.create(web('web-1'));
  t.is((await manager.networks()).length, 1, 'nothing of it is left over, though it is only on its way');
  await until(state('running'));
  const [target] = await manager.targets();
  if (target === undefined) return t.fail();
  t.deepEqual(target.network, host.networks.get('berth:1a2b3c4d:web-1'));
  host.networks.clear();
  t.true(await manager.repairNetwork(target));
  t.deepEqual(host.networks.get('berth:1a2b3c4d:web-1'), target.network);
  await manager.update('web-1', web('web-1', { connections: 9 }));
  t.false(await manager.repairNetwork(target));
  await manager.setDesired('web-1', 'deleted');
  await until((event) => event.type === 'workload.deleted');
  t.false(await manager.repairNetwork(target));
  t.deepEqual(await manager.networks(), []);
});
