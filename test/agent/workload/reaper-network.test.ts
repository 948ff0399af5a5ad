// What of the network is an orphan, and what only looks like one.
import test from 'ava';
import { Reaper } from '../../../agent/workload/reaper.js';
import { linkNameFor } from '../../../netns/names.js';
import { newLife, specOf, state } from './fake-world.js';

const SLOT = 'berth--slot-4';

async function running() {
  const life = newLife();
  await life.manager.recover();
  await life.manager.create(specOf());
  await life.until(state('running'));
  return { ...life, reaper: new Reaper(life.world, life.manager, 300_000) };
}

test('a free slot and one that a record names are no leaks', async (t) => {
  const { host, reaper } = await running();
  const baseline = { name: 'x', rxBytes: 0, txBytes: 0, rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 };
  host.netns.add(SLOT);
  host.slots.veth.push({ netns: SLOT, hostLink: 'x', mac: '02:00:00:00:00:01', baseline });
  t.deepEqual(await reaper.sweep({ now: true }), []);
  t.deepEqual(reaper.orphans, []);
  t.deepEqual(host.swept, [['berth:1a2b3c4d:web-1']]);
});

test('a slot in use without a record belongs to whom its link names, and is spared while that one lives', async (t) => {
  const { host, reaper } = await running();
  const link = linkNameFor('bt', SLOT);
  host.netns.add(SLOT);
  host.links.set(link, 'berth:1a2b3c4d:lost-1');
  host.held.set('lost-1', { id: 'lost-1', pid: 1, startTime: 1, startedAt: 1 });
  t.deepEqual(await reaper.sweep({ now: true }), []);
  const kinds = reaper.orphans.map(({ kind, id, inUse }) => `${kind} ${id} ${inUse}`).sort();
  t.deepEqual(kinds, ['link lost-1 true', 'netns lost-1 true', 'process lost-1 true']);
  t.deepEqual(host.swept, [], 'its elements of the firewall look as if they were left over');
  host.end('lost-1', { code: 0 });
  t.deepEqual(
    [...(await reaper.sweep({ now: true }))].sort(),
    [`link ${link}`, `netns ${SLOT}`, 'process lost-1'].sort(),
  );
  t.is(host.swept.length, 1);
});

test('a namespace with a process in it is planned to stay, with its holder, and stays; an empty one goes', async (t) => {
  const { host, reaper } = await running();
  host.netns.add('berth-used').add('berth-empty');
  host.heldNetns.set('berth-used', 'process 7 is in it');
  t.deepEqual(await reaper.plan(), [
    { kind: 'netns', name: 'berth-used', installation: null, action: 'keep', why: 'in use: process 7 is in it' },
    {
      ...{ kind: 'netns', name: 'berth-empty', installation: null, action: 'remove' },
      why: 'no workload "empty" is known, and nobody uses it; without this command too young (0 s of 300 s)',
    },
  ]);
  t.true(host.netns.has('berth-empty'), 'a plan changes nothing');
  t.deepEqual(await reaper.sweep({ now: true }), ['netns berth-empty']);
  t.true(host.netns.has('berth-used'));
  t.is(reaper.counts().netns, 1);
});

test('a namespace that a settled workload has left behind is one', async (t) => {
  const { host, reaper, manager, until } = await running();
  await manager.setDesired('web-1', 'stopped');
  await until(state('exited'));
  t.deepEqual(await reaper.sweep({ now: true }), []);
  host.netns.add('berth-web-1');
  t.deepEqual(await reaper.sweep({ now: true }), ['netns berth-web-1']);
});

test('what a new workload of the same name has made meanwhile is no orphan any more', async (t) => {
  const { host, world, manager, until } = await running();
  host.cgroups.set('acme/lost-1', new Map());
  host.tags.set('acme/lost-1', 'berth:1a2b3c4d:lost-1');
  host.netns.add('berth-web-2');
  const removeTenant = async (tenant: string): Promise<boolean> => {
    await manager.create(specOf({ id: 'web-2' }));
    return world.cgroups.removeTenant(tenant);
  };
  const reaper = new Reaper({ ...world, cgroups: { ...world.cgroups, removeTenant } }, manager, 300_000);
  t.deepEqual(await reaper.sweep({ now: true }), ['cgroup acme/lost-1']);
  await until(state('running', 'web-2'));
  t.true(host.netns.has('berth-web-2'));
});

test('the records are looked through once for a sweep and once for a removal, however many strays there are', async (t) => {
  const RECORDS = 1000;
  const { host, world } = newLife();
  const mine = new Set(Array.from({ length: RECORDS }, (_, at) => `berth-w${at}`));
  let looks = 0;
  const records = {
    has: () => false,
    networks: async () => [],
    holdsNetns: (name: string) => {
      looks++;
      return mine.has(name);
    },
    known: async () => {
      looks++;
      return { ...{ ids: new Set<string>(), addresses: new Set<string>(), links: new Set<string>() }, netns: mine };
    },
  };
  for (const name of mine) host.netns.add(name);
  for (let at = 0; at < 100; at++) host.netns.add(`berth-stray-${at}`);
  const reaper = new Reaper(world, records, 300_000);
  await reaper.sweep({ now: false });
  t.is(reaper.counts().netns, 100, 'too young to be removed');
  t.true(looks <= 2, `${looks} looks at ${RECORDS} records`);
  looks = 0;
  await reaper.plan();
  t.true(looks <= 2, `${looks} looks for a plan`);
  looks = 0;
  for (let at = 1; at < 100; at++) host.heldNetns.set(`berth-stray-${at}`, 'process 7 is in it');
  t.deepEqual(await reaper.sweep({ now: true }), ['netns berth-stray-0']);
  t.is(looks, 3, 'once more right before the removal');
});
