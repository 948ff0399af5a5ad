import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { EventsReader } from '../../../cgroups/events.js';
import { classify, WatchedCgroup } from '../../../cgroups/signals/cgroup-watch.js';
import { triggerText } from '../../../cgroups/signals/psi-trigger.js';
import type { CgroupSignal } from '../../../cgroups/signals/types.js';
import { scratch } from '../fixture.js';

function watched(t: ExecutionContext, told: CgroupSignal[]): WatchedCgroup {
  const dir = scratch(t, 'leaf');
  const reader = EventsReader.open(dir);
  const events = reader?.read();
  if (reader === undefined || events === undefined) throw new Error('the fixture has no cgroup.events');
  const cgroup = new WatchedCgroup(dir, reader, events, (signal) => told.push(signal));
  t.teardown(() => cgroup.close());
  return cgroup;
}

test('counters, what others write, and what is the kernel’s own business', (t) => {
  for (const file of ['cgroup.events', 'memory.events', 'pids.events']) t.is(classify(file), 'counters', file);
  for (const file of ['memory.max', 'cgroup.freeze', 'cgroup.pressure', 'io.max', 'cgroup.procs']) {
    t.is(classify(file), 'written', file);
  }
  for (const file of ['', 'memory.events.local', 'memory.swap.events', 'hugetlb.2MB.events', 'cpu.pressure']) {
    t.is(classify(file), 'nothing', file);
  }
});

test('counters are told when they are others than before, and a file once', (t) => {
  const told: CgroupSignal[] = [];
  const cgroup = watched(t, told);
  t.true(cgroup.noteChange('memory.events'));
  t.true(cgroup.tell());
  t.deepEqual(told, [], 'nothing has changed');
  writeFileSync(join(cgroup.dir, 'cgroup.events'), 'populated 0\nfrozen 1\n');
  t.true(cgroup.noteChange('memory.max'));
  t.true(cgroup.noteChange('memory.max'));
  t.false(cgroup.noteChange('cpu.pressure'));
  t.true(cgroup.tell());
  t.is(told.length, 2);
  t.like(told[0], { kind: 'events', events: { populated: false, frozen: true } });
  t.deepEqual(told[1], { kind: 'written', file: 'memory.max' });
  t.like(cgroup.events, { populated: false, frozen: true });
  cgroup.tell();
  t.is(told.length, 2);
});

test('what was lost is told last, and nothing after the watch was closed', (t) => {
  const told: CgroupSignal[] = [];
  const cgroup = watched(t, told);
  writeFileSync(join(cgroup.dir, 'pids.events'), 'max 77\n');
  cgroup.noteLost();
  cgroup.tell();
  t.deepEqual(
    told.map(({ kind }) => kind),
    ['events', 'lost'],
  );
  t.is(cgroup.events.pidsMax, 77);
  cgroup.noteChange('memory.max');
  cgroup.close();
  t.false(cgroup.tell());
  t.is(told.length, 2);
});

test('a trigger in the kernel’s words', (t) => {
  t.is(triggerText({ kind: 'some', stallUsec: 150_000, windowUsec: 1_000_000 }), 'some 150000 1000000\0');
});
