// A log that others try to fill.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { EventLog, type EventLogOptions } from '../../../agent/control/event-log.js';
import { isLasting, thin } from '../../../agent/control/shares.js';
import type { BerthEvent, NewEvent } from '../../../agent/model/event.js';
import { fc } from '../../runner/property.js';
import { temporaryDirectory } from './harness.js';

const open = (directory: string, options: Partial<EventLogOptions> = {}) =>
  new EventLog({ directory, bootId: 'boot-1', now: () => 1, closeMs: 60_000, ...options });

const refused = (at: number, over: object = {}): NewEvent => ({
  ...{ type: 'admission.refused', workload: `w${at}`, tenant: 'acme' },
  data: { code: 'admission_refused', dimension: 'memory', scope: 'host', used: at, ...over },
});
const ended = (at: number, tenant = 'globex'): NewEvent => ({
  ...{ type: 'workload.ended', workload: `e${at}`, tenant },
  data: { cause: 'exit', at },
});
const typesOf = (events: readonly BerthEvent[]) => events.map(({ type, data }) => [type, data.count]);

test('equal refusals are one event, then one with a count; another dimension, scope or tenant is another', async (t) => {
  const log = open(temporaryDirectory(t), { coalesceMs: 20 });
  const summary = new Promise<BerthEvent>((resolve) =>
    log.onEvent((event) => event.data.count !== undefined && resolve(event)),
  );
  for (let at = 0; at < 500; at++) log.append(refused(at));
  log.append(refused(1, { dimension: 'cpu' }));
  log.append(refused(1, { scope: 'tenant/acme' }));
  log.append({ ...refused(1), tenant: 'globex' });
  t.is(log.cursor, 4);
  const { data, cursor, tenant } = await summary;
  t.deepEqual([data.count, data.used, cursor, tenant], [499, 499, 5, 'acme']);
  await log.close();
});

test('what was counted is told at the end', async (t) => {
  const directory = temporaryDirectory(t);
  const log = open(directory);
  for (let at = 0; at < 10; at++) log.append(refused(at));
  await log.close();
  t.deepEqual(typesOf(open(directory).since(0).events), [
    ['admission.refused', undefined],
    ['admission.refused', 9],
  ]);
});

test('a stranger who names a new tenant each time is counted as well', async (t) => {
  const log = open(temporaryDirectory(t));
  for (let at = 0; at < 5000; at++) log.append({ ...refused(at), tenant: `t${at}` });
  t.true(log.cursor < 1100, `${log.cursor}`);
  await log.close();
});

test('a flood of refusals, creations and states leaves the ends of the day, in memory and on disk', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { segmentBytes: 400_000, keep: 2000 };
  const log = open(directory, options);
  for (let at = 0; at < 300; at++) {
    log.append(ended(at));
    log.append({ type: 'workload.restarting', workload: 'x', tenant: 'globex', data: { at } });
  }
  log.append({ type: 'condition.raised', data: { code: 'disk' } });
  for (let at = 0; at < 10_500; at++) {
    if (at % 500 === 0) await log.settled();
    log.append(refused(at));
    log.append({ type: 'workload.created', workload: `c${at}`, tenant: `t${at % 7}`, data: {} });
    log.append({ type: 'workload.state', workload: `c${at}`, tenant: `t${at % 7}`, data: { to: 'failed' } });
  }
  const kept = (one: EventLog, type: string) => one.since(0).events.filter((event) => event.type === type).length;
  const check = (one: EventLog): void => {
    t.deepEqual(
      ['workload.ended', 'workload.restarting', 'condition.raised'].map((type) => kept(one, type)),
      [300, 300, 1],
    );
    t.true(one.since(0).gap);
    t.false(one.since(one.floor).gap);
    t.true(one.figures.kept <= 2200);
  };
  check(log);
  await log.close();
  for (const name of readdirSync(directory)) t.true(statSync(join(directory, name)).size < 410_000, name);
  const second = open(directory, options);
  check(second);
  await second.close();
  check(open(directory, { ...options, bootId: 'boot-2' }));
});

test('one tenant whose workloads never stop ending does not push out the ends of others', async (t) => {
  const directory = temporaryDirectory(t);
  const options = { segmentBytes: 50_000, keep: 400 };
  const log = open(directory, options);
  for (let at = 0; at < 20; at++) log.append(ended(at));
  for (let at = 0; at < 5000; at++) log.append(ended(at, 'noisy'));
  const others = (one: EventLog) => one.since(0).events.filter(({ tenant }) => tenant === 'globex').length;
  t.is(others(log), 20);
  await log.close();
  t.is(others(open(directory, options)), 20);
});

test('cursors go on where the lasting events say they were, when the log itself was lost', async (t) => {
  const directory = temporaryDirectory(t);
  const log = open(directory);
  for (let at = 0; at < 5; at++) log.append(ended(at));
  await log.close();
  const text = readFileSync(join(directory, 'events.jsonl'), 'utf8').split('\n').slice(0, 2).join('\n');
  writeFileSync(join(directory, 'events.jsonl'), `${text}\n`);
  const again = open(directory);
  again.append(ended(9));
  t.true(again.cursor > 5);
  t.true(again.since(1).gap);
});

const event = fc.record({
  type: fc.constantFrom('workload.ended', 'workload.state', 'workload.created', 'tenant.changed', 'condition.raised'),
  tenant: fc.constantFrom('a', 'b', 'c'),
});

test('what stays is in order, the newer half whole, and of each group the newest', (t) => {
  let thinned = 0;
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 20, maxLength: 300, size: 'max' }),
      fc.integer({ min: 10, max: 100 }),
      (list, keep) => {
        const events = list.map((one, at): BerthEvent => ({ ...one, cursor: at + 1, at: 1, data: {} }));
        const kept = thin(events, keep);
        t.is(kept.length, Math.min(keep, events.length));
        t.deepEqual(
          kept.map(({ cursor }) => cursor),
          [...new Set(kept.map(({ cursor }) => cursor))].sort((a, b) => a - b),
        );
        const recent = Math.floor(keep / 2);
        t.deepEqual(kept.slice(-recent), events.slice(-recent));
        if (events.length <= keep) return;
        thinned++;
        // Of each type and tenant the newest stay.
        for (const type of new Set(list.map((one) => one.type)))
          for (const tenant of ['a', 'b', 'c']) {
            const of = (all: readonly BerthEvent[]) => all.filter((one) => one.type === type && one.tenant === tenant);
            t.deepEqual(of(kept), of(events).slice(of(events).length - of(kept).length));
          }
      },
    ),
  );
  t.true(thinned > 10);
});

test('a flood of one type, however long, takes nothing from a type that needs less than its share', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 100, max: 2000 }), (few, flood) => {
      const events = [
        ...Array.from({ length: few }, () => 'workload.ended'),
        ...Array.from({ length: few % 5 }, () => 'tenant.changed'),
        ...Array.from({ length: flood }, () => 'workload.state'),
      ].map((type, at): BerthEvent => ({ type, cursor: at + 1, at: 1, data: {} }));
      const kept = thin(events, 100);
      t.is(kept.filter(({ type }) => type !== 'workload.state').length, few + (few % 5));
      t.true(isLasting({ type: 'workload.ended' }) && !isLasting({ type: 'workload.state' }));
    }),
  );
});
