// reserve -> commit -> release, with the agent killed at every step between.
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { FakeClock } from '../density/fake-clock.js';
import { type Life, newLife, specOf, state } from './fake-world.js';

const ONE = { config: { density: { max_workloads: 1 } } };
const held = ({ manager }: Life) => {
  const row = manager.capacity().find(({ scope, dimension }) => scope === 'host' && dimension === 'workloads');
  return [row?.committed, row?.reserved];
};
const filesOf = ({ directory }: { directory: string }) => readdirSync(join(directory, 'state/reservations'));

async function started(options: Parameters<typeof newLife>[0] & { clock?: FakeClock } = {}) {
  const clock = options.clock ?? new FakeClock();
  const life = newLife({ ...ONE, clock, ...options });
  await life.manager.recover();
  return { ...life, clock };
}

async function nextLife(
  dead: Awaited<ReturnType<typeof started>>,
  bootId = 'boot-1',
  more: Parameters<typeof newLife>[0] = {},
) {
  await dead.journal.idle();
  await dead.journal.die();
  dead.manager.close();
  dead.host.revive();
  return started({ ...more, host: dead.host, directory: dead.directory, bootId, clock: dead.clock });
}

test('room that is set aside is kept from others and used by its workload', async (t) => {
  const life = await started();
  const made = await life.manager.reserve(specOf(), 'central', 30_000);
  t.like(made, { id: 'web-1', tenant: 'acme', scheduler: 'central', expiresAt: life.clock.wall() + 30_000 });
  t.deepEqual(held(life), [0, 1]);
  await t.throwsAsync(life.manager.create(specOf({ id: 'web-2' })), { code: 'admission_refused' });
  await life.manager.create(specOf(), { scheduler: 'central', reservation: made.reservation });
  t.deepEqual(held(life), [1, 0]);
  await life.until(state('running'));
  await life.journal.idle();
  t.deepEqual(filesOf(life), []);
});

test('a reservation holds address and ports, too', async (t) => {
  const life = await started({ config: { network: { pool: '10.9.0.0/31' } } });
  const port = { host: 8080, guest: 80 };
  await life.manager.reserve(specOf({ network: { ports: [port] } }), null, 30_000);
  await t.throwsAsync(life.manager.create(specOf({ id: 'b', network: { ports: [port] } })), { code: 'port_in_use' });
  await life.manager.create(specOf({ id: 'c' }));
  await t.throwsAsync(life.manager.create(specOf({ id: 'd' })), { code: 'address_pool_exhausted' });
  await life.manager.releaseReservation('web-1', null);
  const { sandbox } = await life.manager.create(specOf({ id: 'd', network: { ports: [port] } }));
  t.is(sandbox.address, '10.9.0.0');
});

test('a reservation holds cpus for its workload alone, over an end of the agent and over a commit that fails', async (t) => {
  // Four cores, one of them kept for the host.
  const guaranteed = (id: string, limit: number) =>
    specOf({ id, class: 'guaranteed', resources: { cpu: { limit }, memory: { limit: '16Mi' } } });
  const many = { config: { density: { max_workloads: 9 } }, size: { cores: 64 } };
  const refused = { code: 'admission_refused', message: /2 asked for, short by 1/ };
  const life = await started(many);
  await life.manager.reserve(guaranteed('a', 2), null, 30_000);
  await life.manager.reserve(guaranteed('a', 2), null, 30_000);
  await t.throwsAsync(life.manager.create(guaranteed('b', 2)), refused);
  const next = await nextLife(life, 'boot-1', many);
  await t.throwsAsync(next.manager.create(guaranteed('b', 2)), refused);
  const write = next.world.journal.write.bind(next.world.journal);
  next.world.journal.write = () => Promise.reject(new Error('disk full'));
  await t.throwsAsync(next.manager.create(guaranteed('a', 2)), { message: 'disk full' });
  next.world.journal.write = write;
  await t.throwsAsync(next.manager.create(guaranteed('b', 2)), refused);
  await next.manager.create(guaranteed('c', 1));
  await next.manager.create(guaranteed('a', 2));
  t.is(next.world.placement.assignment.seats.get('a')?.cpus.length, 2);
  t.is(next.world.placement.assignment.refused.size, 0);
});

test('a reservation that is released or runs out gives its cpus back', async (t) => {
  const guaranteed = (id: string) =>
    specOf({ id, class: 'guaranteed', resources: { cpu: { limit: 2 }, memory: { limit: '16Mi' } } });
  const life = await started({ config: { density: { max_workloads: 9 } }, size: { cores: 64 } });
  await life.manager.reserve(guaranteed('a'), null, 30_000);
  await life.manager.releaseReservation('a', null);
  await life.manager.reserve(guaranteed('b'), null, 30_000);
  life.clock.pass(30_001);
  await life.manager.create(guaranteed('c'));
  t.is(life.world.placement.assignment.seats.get('c')?.kind, 'exclusive');
});

test('what is kept out of use is kept out of it before a reservation takes its own again', async (t) => {
  const life = await started();
  const spec = specOf({ driver: 'external', exec: undefined, external: { vsock: true } });
  await life.manager.reserve(spec, null, 30_000);
  await life.journal.idle();
  await life.journal.die();
  life.manager.close();
  life.host.revive();
  const next = newLife({ ...ONE, host: life.host, directory: life.directory, clock: life.clock });
  await next.manager.recover(async () => {
    t.true(next.world.claims.holdVsockId('orphan/vsock/65536', 65_536));
  });
  const { sandbox } = await next.manager.create(spec);
  t.is(sandbox.vsockId, 65_537);
});

test('released, run out or refused, it leaves nothing', async (t) => {
  const life = await started();
  const { reservation } = await life.manager.reserve(specOf(), null, 30_000);
  await life.manager.releaseReservation(reservation, null);
  t.deepEqual([held(life), filesOf(life)], [[0, 0], []]);
  await life.manager.reserve(specOf(), null, 5000);
  life.clock.pass(5000);
  t.true((await life.manager.fits(specOf({ id: 'other' }))).fits);
  await life.manager.create(specOf({ id: 'other' }));
  t.deepEqual(held(life), [1, 0]);
  await life.until((event) => event.type === 'reservation.expired');
  await t.throwsAsync(life.manager.reserve(specOf(), null, 5000), { code: 'admission_refused' });
  t.deepEqual(held(life), [1, 0]);
});

test('what is reserved anew while the same id is being released stays, in memory and on disk', async (t) => {
  const life = await started();
  const first = await life.manager.reserve(specOf(), null, 30_000);
  const released = life.manager.releaseReservation(first.reservation, null);
  const again = await life.manager.reserve(specOf(), null, 30_000);
  await released;
  t.not(again.reservation, first.reservation);
  t.deepEqual([held(life), filesOf(life)], [[0, 1], ['web-1.json']]);
  await t.throwsAsync(life.manager.create(specOf({ id: 'b' })), { code: 'admission_refused' });
  const next = await nextLife(life);
  t.is(next.world.density.reservations.get('web-1')?.token, again.reservation);
  t.deepEqual(held(next), [0, 1]);
});

test('the number of a tenant that has reserved and nothing else is free again', async (t) => {
  const life = await started();
  const groupOf = (tenant: string) => life.world.claims.claim(specOf({ id: `of-${tenant}`, tenant })).group;
  await life.manager.reserve(specOf({ tenant: 'short' }), null, 5000);
  await life.manager.releaseReservation('web-1', null);
  await life.manager.reserve(specOf({ tenant: 'shorter' }), null, 5000);
  life.clock.pass(5000);
  await life.manager.fits(specOf());
  t.is(groupOf('first'), 2);
});

test('late, twice, by another, or of nothing: each is an error with a code', async (t) => {
  const life = await started();
  const { manager, clock } = life;
  const first = await manager.reserve(specOf(), 'central', 5000);
  const by = (scheduler: string | null, reservation?: string) =>
    reservation === undefined ? { scheduler } : { scheduler, reservation };
  await t.throwsAsync(manager.create(specOf(), by('other')), { code: 'reservation_foreign' });
  await t.throwsAsync(manager.create(specOf(), by(null)), { code: 'reservation_foreign' });
  await t.throwsAsync(manager.reserve(specOf(), 'other', 5000), { code: 'reservation_foreign' });
  await t.throwsAsync(manager.releaseReservation('web-1', 'other'), { code: 'reservation_foreign' });
  await t.throwsAsync(manager.create(specOf(), by('central', 'web-1.zzzzzzzz.00')), { code: 'reservation_not_found' });
  await t.throwsAsync(manager.releaseReservation('nothing', 'central'), { code: 'reservation_not_found' });
  t.deepEqual(held(life), [0, 1], 'none of that has changed anything');
  clock.pass(5001);
  await t.throwsAsync(manager.create(specOf(), by('central', first.reservation)), { code: 'reservation_expired' });
  await t.throwsAsync(manager.releaseReservation(first.reservation, 'central'), { code: 'reservation_expired' });
  const second = await manager.reserve(specOf(), 'central', 5000);
  await manager.create(specOf(), by('central', second.reservation));
  await manager.create(specOf(), by('central', second.reservation));
  const twice = manager.create(specOf({ labels: { a: 'b' } }), by('central', second.reservation));
  await t.throwsAsync(twice, { code: 'reservation_committed' });
  await t.throwsAsync(manager.releaseReservation(second.reservation, 'central'), { code: 'reservation_committed' });
  await t.throwsAsync(manager.reserve(specOf(), 'central', 5000), { code: 'conflict' });
  t.deepEqual(held(life), [1, 0]);
});

test('the same again renews the time, another spec is a conflict, an absurd time is refused', async (t) => {
  const life = await started();
  const first = await life.manager.reserve(specOf(), null, 5000);
  life.clock.pass(4000);
  const again = await life.manager.reserve(specOf(), null, 5000);
  t.is(again.reservation, first.reservation);
  t.is(again.expiresAt, first.expiresAt + 4000);
  await t.throwsAsync(life.manager.reserve(specOf({ priority: 7 }), null, 5000), { code: 'conflict' });
  for (const ttl of [0, -1, 999, 86_400_001])
    await t.throwsAsync(life.manager.reserve(specOf({ id: 'x' }), null, ttl), { code: 'invalid_params' });
  t.deepEqual(held(life), [0, 1]);
});

test('a clock on the wall that jumps neither shortens nor stretches it', async (t) => {
  const life = await started();
  await life.manager.reserve(specOf(), null, 30_000);
  life.clock.set(life.clock.wall() + 365 * 86_400_000);
  await t.throwsAsync(life.manager.create(specOf({ id: 'b' })), { code: 'admission_refused' });
  life.clock.set(0);
  life.clock.pass(30_001);
  await life.manager.create(specOf({ id: 'b' }));
  t.deepEqual(held(life), [1, 0]);
});

test('a killed agent’s successor keeps it for the time that is left', async (t) => {
  const first = await started();
  await first.manager.reserve(specOf(), 'central', 30_000);
  first.clock.pass(20_000);
  const second = await nextLife(first);
  t.deepEqual(held(second), [0, 1]);
  t.is(second.world.density.reservations.all().length, 1);
  await t.throwsAsync(second.manager.create(specOf({ id: 'b' })), { code: 'admission_refused' });
  second.clock.pass(10_001);
  await second.manager.create(specOf({ id: 'b' }));
  t.deepEqual(held(second), [1, 0]);
});

test('after a boot the wall clock counts, and never more than the time it was made for', async (t) => {
  const first = await started();
  await first.manager.reserve(specOf(), null, 30_000);
  first.clock.set(first.clock.wall() - 3_600_000);
  first.clock.reboot();
  const second = await nextLife(first, 'boot-2');
  t.deepEqual(held(second), [0, 1]);
  second.clock.pass(30_001);
  second.clock.set(second.clock.wall() + 3_700_000);
  const third = await nextLife(second, 'boot-2');
  t.deepEqual(held(third), [0, 0]);
  t.deepEqual(filesOf(third), []);
});

test('killed before its answer: the file is there or not, and the ledger agrees with it', async (t) => {
  const first = await started();
  const answer = first.manager.reserve(specOf(), null, 30_000);
  const second = await nextLife(first);
  const [, reserved] = held(second);
  t.is(reserved, second.world.density.reservations.all().length);
  await answer.catch(() => undefined);
});

test('killed at every step of a commit there is one workload, and room for no second', async (t) => {
  for (let calls = 0; calls <= 6; calls++) {
    const first = await started();
    const { reservation } = await first.manager.reserve(specOf(), 'central', 30_000);
    first.host.dieAfter(calls);
    await first.manager.create(specOf(), { scheduler: 'central', reservation });
    // The file of the reservation may have outlasted the commit.
    if (calls % 2 === 1) {
      const path = join(first.directory, 'state/reservations/web-1.json');
      if (!existsSync(path)) writeFileSync(path, '{"version":1}');
    }
    const second = await nextLife(first);
    if (second.manager.actor('web-1').record.state !== 'running') await second.until(state('running'));
    t.deepEqual(held(second), [1, 0], `after ${calls} calls`);
    await t.throwsAsync(second.manager.create(specOf({ id: 'b' })), { code: 'admission_refused' });
    t.deepEqual(
      filesOf(second).filter((name) => name.endsWith('.json')),
      [],
    );
    second.manager.close();
  }
});

test('a commit that does not become durable leaves the reservation', async (t) => {
  const life = await started();
  const { reservation } = await life.manager.reserve(specOf(), null, 30_000);
  const write = life.world.journal.write.bind(life.world.journal);
  life.world.journal.write = () => Promise.reject(new Error('disk full'));
  await t.throwsAsync(life.manager.create(specOf(), { scheduler: null, reservation }), { message: 'disk full' });
  t.deepEqual(held(life), [0, 1]);
  t.false(life.manager.has('web-1'));
  life.world.journal.write = write;
  await life.manager.create(specOf(), { scheduler: null, reservation });
  t.deepEqual(held(life), [1, 0]);
});

test('a reservation that cannot be written is none, and a torn file is set aside', async (t) => {
  const life = await started();
  const { reservations } = life.world.density;
  const write = reservations.write.bind(reservations);
  reservations.write = () => Promise.reject(new Error('disk full'));
  await t.throwsAsync(life.manager.reserve(specOf(), null, 30_000), { message: 'disk full' });
  t.deepEqual(held(life), [0, 0]);
  reservations.write = write;
  writeFileSync(join(life.directory, 'state/reservations/torn.json'), '{"version":1,"reser');
  const second = await nextLife(life);
  t.true(second.events.some(({ type }) => type === 'journal.damaged'));
  t.deepEqual(filesOf(second), ['torn.json.damaged']);
});

test('two at once for the last place: one gets it', async (t) => {
  const life = await started();
  const outcomes = await Promise.allSettled([
    life.manager.reserve(specOf({ id: 'a' }), null, 30_000),
    life.manager.create(specOf({ id: 'b' })),
    life.manager.reserve(specOf({ id: 'c' }), null, 30_000),
  ]);
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  t.is(
    held(life).reduce<number>((sum, n) => sum + (n ?? 0), 0),
    1,
  );
});

test('a release does not take the room of one that was created meanwhile, and waits for others to go', async (t) => {
  const life = await started({ config: { density: { preemption: 'class' } } });
  const of = (limit: string) => ({ resources: { memory: { limit } } });
  await life.manager.create(specOf({ id: 'low', class: 'besteffort', ...of('4Gi') }));
  await life.until(state('running', 'low'));
  await life.manager.reserve(specOf(of('1Gi')), null, 30_000);
  const released = life.manager.releaseReservation('web-1', null);
  await life.manager.create(specOf(of('5Gi')), { scheduler: null, reach: { tenants: null } });
  await released;
  t.not(life.world.density.ledger.hold('web-1'), undefined);
  await life.until(state('running'));
  t.deepEqual(held(life), [1, 0]);
});
