import test from 'ava';
import { berth, fakeAgent, view } from './fake.js';

test('what waits for its turn to start says so, in one word of a table', async (t) => {
  const waiting = { reason: 'start_queue', ahead: 2, expectedMs: 1900, waitedMs: 400 } as const;
  const waits = view('web-9', { state: 'pending', waiting });
  const agent = fakeAgent({ 'workload.list': () => ({ workloads: [waits] }), 'workload.get': () => waits });
  const [, row = ''] = (await berth('workload list', { agent })).out.split('\n');
  t.is(row.split(/ +/)[3], 'pending(3rd,~2s)');
  const { out } = await berth('workload show web-9', { agent });
  t.regex(out, /^Waits +3rd in the queue of starts, its turn is expected in 2s, has waited 1s$/m);
});

test('a list is asked for page by page, and shown as one', async (t) => {
  const pages = [['a', 'b'], ['c'], ['d']].map((ids) => ids.map((id) => view(id)));
  const agent = fakeAgent({
    'workload.list': ({ cursor }) => {
      const at = ['', 'b', 'c'].indexOf(cursor ?? '');
      const next = ['b', 'c'][at];
      return { workloads: pages[at] ?? [], ...(next === undefined ? {} : { next }) };
    },
  });
  const { out } = await berth('workload list --state running', { agent });
  t.deepEqual(
    out
      .split('\n')
      .slice(1, -1)
      .map((row) => row.split(' ')[0]),
    ['a', 'b', 'c', 'd'],
  );
  t.deepEqual(
    agent.calls.map(({ params }) => params),
    [undefined, 'b', 'c'].map((cursor) => ({ state: 'running', limit: 100, ...(cursor && { cursor }) })),
  );
});
