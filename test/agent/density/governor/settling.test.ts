import test from 'ava';
import { newGovernor } from './fixture.js';

const settling = ({ governor }: ReturnType<typeof newGovernor>) => governor.status().settling;

test('a program that rests has settled with the first look, and its place is free', async (t) => {
  const all = newGovernor();
  all.ask('a');
  all.wants.set('acme/a', 0.1);
  t.is(settling(all), 1);
  all.granted[0]?.runs('acme/a');
  await all.clock.runUntil(49);
  t.is(settling(all), 1);
  await all.clock.runUntil(100);
  t.is(settling(all), 0);
  t.is(all.host.cgroupReads, 1);
});

test('a program that boots settles until its burst is over, and is read the less often the longer that takes', async (t) => {
  const all = newGovernor();
  const { clock, granted, wants, host, ask } = all;
  ask('a');
  wants.set('acme/a', 1);
  granted[0]?.runs('acme/a');
  await clock.runUntil(4000);
  t.is(settling(all), 1);
  t.true(host.cgroupReads > 10 && host.cgroupReads < 25, `${host.cgroupReads} reads`);
  // Used so far, and no more from now on.
  wants.delete('acme/a');
  await clock.runUntil(5100);
  t.is(settling(all), 0);
});

test('a cgroup that ran before is judged by what it uses now', async (t) => {
  const all = newGovernor();
  await all.clock.runUntil(60_000);
  all.ask('a');
  // Half a minute of cpu so far: at a rate of 0.4 cores.
  all.wants.set('acme/a', 0.4);
  all.granted[0]?.runs('acme/a');
  await all.clock.runUntil(60_060);
  t.is(settling(all), 1, 'the first reading tells nothing');
  await all.clock.runUntil(60_200);
  t.is(settling(all), 0);
});

test('a burst without end settles for settle_timeout, a cgroup that cannot be read when its process runs', async (t) => {
  const all = newGovernor({ settle_timeout: '3s' });
  for (const id of ['busy', 'unread']) all.ask(id);
  all.wants.set('acme/busy', 2);
  for (const permit of all.granted) permit.runs(`acme/${permit.id}`);
  await all.clock.runUntil(100);
  t.is(settling(all), 1);
  await all.clock.runUntil(2900);
  t.is(settling(all), 1);
  await all.clock.runUntil(4000);
  t.is(settling(all), 0);
});

test('a start without a process settles for as long as it takes', async (t) => {
  const all = newGovernor();
  all.ask('a');
  await all.clock.runUntil(600_000);
  t.is(settling(all), 1);
  t.is(all.host.cgroupReads, 0);
  all.granted[0]?.end();
  t.is(settling(all), 0);
});

test('an end gives the place back at once, once, and what is said of it later counts for nothing', async (t) => {
  const all = newGovernor({ max_settling: 2 });
  for (const id of ['a', 'b', 'c', 'd']) all.ask(id);
  const [a, b] = all.granted;
  a?.end();
  a?.end();
  a?.runs('acme/a');
  await all.clock.runUntil(0);
  t.deepEqual(
    all.granted.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  b?.runs('acme/b');
  b?.end();
  await all.clock.runUntil(0);
  t.is(all.granted.length, 4);
  t.is(settling(all), 2);
});

test('one tick reads 64 cgroups at most, and all have their turn', async (t) => {
  const all = newGovernor({ max_settling: 1000 }, 64);
  for (let at = 0; at < 200; at++) {
    all.ask(`w${at}`);
    all.wants.set(`acme/w${at}`, 0.01);
  }
  for (const permit of all.granted) permit.runs(`acme/${permit.id}`);
  await all.clock.runUntil(50);
  t.is(all.host.cgroupReads, 64);
  await all.clock.runUntil(250);
  t.is(settling(all), 0);
  t.is(all.host.cgroupReads, 200);
});

test('a program that does not serve yet settles, however it rests, until it does or settle_timeout is over', async (t) => {
  const all = newGovernor({ settle_timeout: '3s' });
  let serves = false;
  for (const id of ['late', 'never']) {
    all.ask(id);
    all.wants.set(`acme/${id}`, 0.1);
  }
  all.granted[0]?.runs('acme/late', () => serves);
  all.granted[1]?.runs('acme/never', () => false);
  await all.clock.runUntil(1500);
  t.is(settling(all), 2);
  serves = true;
  await all.clock.runUntil(2600);
  t.is(settling(all), 1);
  await all.clock.runUntil(4200);
  t.is(settling(all), 0);
});
