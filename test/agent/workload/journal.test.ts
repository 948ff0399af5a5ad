import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { NO_NETWORK } from '../../../agent/model/record.js';
import { Journal } from '../../../agent/workload/journal.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { recordOf } from './records.js';

const directory = () => temporaryDirectory('journal');

test('what was written is read back by the next agent', async (t) => {
  const state = directory();
  const journal = new Journal(state);
  await journal.load();
  const records = ['a', 'b', 'c'].map((id) => recordOf({ id }));
  await Promise.all(records.map((record) => journal.write(record)));
  const { records: read, damaged } = await new Journal(state).load();
  t.deepEqual(read, records);
  t.deepEqual(damaged, []);
});

test('an entry of the version before is read, with what it lacks filled in', async (t) => {
  const state = directory();
  const journal = new Journal(state);
  await journal.load();
  const record = recordOf();
  const { ports: _ports, bandwidth: _bandwidth, egress: _egress, ...network } = record.spec.network;
  const sandbox = {
    cgroup: 'acme/web-1',
    netns: 'berth-web-1',
    hostLink: 'bt1',
    tap: null,
    address: '10.133.0.9',
    mac: null,
  };
  const old = JSON.stringify({ ...record, spec: { ...record.spec, network }, sandbox });
  const checksum = createHash('sha256').update(old).digest('hex');
  writeFileSync(join(state, 'workloads', 'web-1.json'), `{"version":1,"checksum":"${checksum}","record":${old}}\n`);
  const { records, damaged } = await journal.load();
  t.deepEqual(damaged, []);
  t.deepEqual(records, [{ ...record, sandbox: { ...NO_NETWORK, ...sandbox } }]);
});

test('writes of one workload are coalesced and the last one wins', async (t) => {
  const state = directory();
  const journal = new Journal(state);
  await journal.load();
  const writes = Array.from({ length: 50 }, (_, generation) => journal.write(recordOf({ generation })));
  await Promise.all(writes);
  t.is((await new Journal(state).load()).records[0]?.generation, 49);
  t.true(journal.writes < 50, 'snapshots that nobody waits for alone are not all written');
});

test('a torn, a foreign and a tampered file are set aside and the rest is kept', async (t) => {
  const state = directory();
  const journal = new Journal(state);
  await journal.load();
  for (const id of ['good', 'torn', 'changed']) await journal.write(recordOf({ id }));
  const path = (name: string) => join(state, 'workloads', name);
  truncateSync(path('torn.json'), 100);
  writeFileSync(path('changed.json'), readFileSync(path('changed.json'), 'utf8').replace('"pid":4242', '"pid":4243'));
  writeFileSync(path('foreign.json'), '{"hello": 1}');
  writeFileSync(path('half.json.tmp'), '{');
  const { records, damaged } = await new Journal(state).load();
  t.deepEqual(
    records.map((record) => record.id),
    ['good'],
  );
  t.deepEqual(damaged.map((entry) => entry.id).sort(), ['changed', 'foreign', 'torn']);
  t.deepEqual(readdirSync(join(state, 'workloads')), ['good.json']);
  t.is(readdirSync(join(state, 'damaged')).length, 3);
});

test('a write that fails is not reported as done, to anybody', async (t) => {
  const journal = new Journal(join(directory(), 'missing'));
  const writes = [journal.write(recordOf()), journal.write(recordOf({ generation: 2 }))];
  for (const outcome of await Promise.allSettled(writes)) t.is(outcome.status, 'rejected');
});

test('removal is durable, waits for writes under way, and may be repeated', async (t) => {
  const state = directory();
  const journal = new Journal(state);
  await journal.load();
  const write = journal.write(recordOf());
  await journal.remove('web-1');
  await journal.remove('web-1');
  await write;
  t.deepEqual(readdirSync(join(state, 'workloads')), []);
});
