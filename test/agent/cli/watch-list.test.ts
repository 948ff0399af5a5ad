import test from 'ava';
import { type Answers, berth, fakeAgent, NOW, view } from './fake.js';

/** An agent whose list is another one after each event. */
function changing(lists: readonly (readonly ReturnType<typeof view>[])[], more: Answers = {}) {
  let at = -1;
  const controller = new AbortController();
  const agent = fakeAgent({
    'workload.list': () => {
      at += 1;
      if (at < lists.length - 1) setImmediate(() => agent.emit({ type: 'workload.state', workload: 'a' }));
      // As soon as the last one is printed.
      else setTimeout(() => controller.abort(), 50);
      return { workloads: [...(lists[at] ?? [])] };
    },
    ...more,
  });
  return { agent, interruption: () => controller.signal };
}

const failed = view('b', { state: 'failed', since: NOW, process: null });
const LISTS = [[view('a'), view('b')], [view('a'), view('b')], [view('a'), failed], [view('a')]];

test('a table, then a line for each that has changed, in its columns', async (t) => {
  const { exit, out } = await berth('workload list --watch', changing(LISTS));
  t.is(exit, 130);
  const [head = '', ...rows] = out.split('\n').slice(0, -1);
  t.regex(head, /^ID +TENANT +DRIVER +STATE /);
  const at = head.indexOf('STATE');
  t.deepEqual(
    rows.map((row) => `${row.split(' ')[0]} ${row.slice(at).split(' ')[0]}`),
    ['a running', 'b running', 'b failed', 'b gone'],
  );
});

test('with --json a document on each line', async (t) => {
  const { out, err } = await berth('workload list --watch --json', changing(LISTS));
  const lines = out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  t.like(lines, [
    { workload: { id: 'a' } },
    { workload: { id: 'b', state: 'running' } },
    { workload: { id: 'b', state: 'failed' } },
    { gone: 'b' },
  ]);
  t.is(err, '');
});

test('a list that begins empty has its header, and what comes is told', async (t) => {
  const { out } = await berth('workload list -w', changing([[], [view('a')]]));
  t.deepEqual(
    out.split('\n').map((row) => row.split(' ')[0]),
    ['ID', 'a', ''],
  );
});

test('formats of single lines are not watched', async (t) => {
  for (const format of ['id', 'name', 'yaml', 'json']) {
    const agent = fakeAgent({});
    t.is((await berth(`workload list --watch -o ${format}`, { agent })).exit, 2, format);
    t.deepEqual(agent.calls, []);
  }
});
