// A set that is restarted: how many are away at a time, and what happens when one does not come back.
import test from 'ava';
import type { WorkloadView } from '../../../agent/model/record.js';
import { berth, fakeAgent, NOW, view } from './fake.js';

const anew = { pid: 5000, startTime: 100, startedAt: NOW };

/** Four workloads; each comes back, as `back` says, after it was looked at twice. */
function set(back: (id: string) => Partial<WorkloadView> = () => ({ process: anew })) {
  const looks = new Map<string, number>();
  const away = new Set<string>();
  const all = ['a', 'b', 'c', 'd'];
  let most = 0;
  const agent = fakeAgent({
    'workload.list': () => ({ workloads: all.map((id) => view(id)) }),
    'workload.restart': ({ id }) => {
      away.add(id);
      most = Math.max(most, away.size);
      looks.set(id, 0);
      return view(id, { restartRequested: true });
    },
    'workload.get': ({ id }) => {
      const look = looks.get(id);
      if (look === undefined) return view(id);
      looks.set(id, look + 1);
      setImmediate(() => agent.emit({ type: 'workload.state', workload: id }));
      if (look < 2) return view(id, { restartRequested: true });
      const now = view(id, back(id));
      if (now.state === 'running' && now.ready !== false) away.delete(id);
      return now;
    },
  });
  const asked = (): string[] =>
    agent.calls
      .filter(({ method }) => method === 'workload.restart')
      .map(({ params }) => (params as { id: string }).id);
  return { agent, asked, most: () => most };
}

test('one at a time, or as many as may be away', async (t) => {
  for (const [option, most] of [
    ['', 1],
    [' --max-unavailable 2', 2],
    [' --max-unavailable 9', 4],
  ] as const) {
    const life = set();
    const { exit, out } = await berth(`workload restart -l app=web${option}`, { agent: life.agent });
    t.is(exit, 0);
    t.deepEqual(out.split('\n').slice(0, -1).sort(), ['a running', 'b running', 'c running', 'd running']);
    t.deepEqual(life.asked(), ['a', 'b', 'c', 'd']);
    t.is(life.most(), most);
  }
});

test('the next waits until one is ready', async (t) => {
  let ready = false;
  const { agent, asked } = set(() => ({ process: anew, ready }));
  const run = berth('workload restart -l app=web', { agent });
  while (agent.calls.length < 12) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(asked(), ['a']);
  ready = true;
  t.is((await run).exit, 0);
});

test('the first that does not come back ends it, and the others are named', async (t) => {
  const dead = (id: string): Partial<WorkloadView> =>
    id === 'b' ? { state: 'failed', process: null } : { process: anew };
  const first = set(dead);
  const { exit, out, err } = await berth('workload restart -l app=web', { agent: first.agent });
  t.is(exit, 1);
  t.is(out, 'a running\n');
  t.regex(err, /b failed/);
  t.regex(err, /Stopped there\. Not restarted: c, d\n$/);
  t.deepEqual(first.asked(), ['a', 'b']);
  const json = JSON.parse((await berth('workload restart -l app=web --json', { agent: set(dead).agent })).out);
  t.like(json.results, [
    { id: 'a', outcome: 'running' },
    { id: 'b', error: { code: 'start_failed' } },
    { id: 'c', outcome: 'not_asked' },
    { id: 'd', outcome: 'not_asked' },
  ]);
});

test('one that its policy starts again and again has not come back', async (t) => {
  const loops = set(() => ({ state: 'pending', process: null, end: { ...END, process: anew } }));
  const { exit, err } = await berth('workload restart -l app=web --timeout 300ms', { agent: loops.agent });
  t.is(exit, 1);
  t.regex(err, /a is still pending after 0.3 s/);
  t.deepEqual(loops.asked(), ['a']);
});

const END = { at: NOW, code: 1, signal: null, cause: 'exit', detail: 'exited with code 1' } as const;

test('a wrong number is a usage error', async (t) => {
  for (const option of [
    '--max-unavailable 0',
    '--max-unavailable -1',
    '--max-unavailable x',
    '--max-unavailable 2 --detach',
  ]) {
    const { agent } = set();
    t.is((await berth(`workload restart -l app=web ${option}`, { agent })).exit, 2, option);
    t.deepEqual(agent.calls, [], option);
  }
});
