// Commands about many workloads: named or selected, never both, never by accident.
import test from 'ava';
import type { Command } from '../../../agent/cli/command.js';
import { COMMANDS } from '../../../agent/cli/table/all.js';
import { CLASSES, STATES, selection } from '../../../agent/cli/table/options.js';
import type { MethodName } from '../../../agent/control/methods.js';
import { WORKLOAD_STATES } from '../../../agent/model/record.js';
import * as spec from '../../../agent/model/spec.js';
import { BerthError } from '../../../protocol/errors.js';
import { type Answers, berth, fakeAgent, moving, NOW, view } from './fake.js';

const VERBS = ['start', 'stop', 'restart', 'freeze', 'thaw', 'delete', 'wait', 'update'] as const;
const CHANGING = VERBS.filter((verb) => verb !== 'wait' && verb !== 'update');
/** What else each needs to be right. */
const MORE: Readonly<Record<string, string>> = { update: ' --priority 7' };

const commandOf = (...path: string[]): Command | undefined =>
  COMMANDS.find((command) => command.path.join(' ') === path.join(' '));

test('the words of the options are those of the model', (t) => {
  t.deepEqual([...STATES], [...WORKLOAD_STATES]);
  t.deepEqual([...CLASSES], [...spec.CLASSES]);
});

test('every command that takes several workloads takes a selection', (t) => {
  const many = COMMANDS.filter(({ args }) => args.some(({ name, many: several }) => name === 'ID' && several));
  for (const verb of [...VERBS, 'logs']) t.true(many.some(({ path }) => path.join(' ') === `workload ${verb}`));
  for (const command of [...many, commandOf('workload', 'list'), commandOf('top')])
    for (const option of selection) t.true(command?.options.includes(option), command?.path.join(' '));
});

const listing = (ids: readonly string[], more: Answers = {}) =>
  fakeAgent({
    'workload.list': () => ({ workloads: ids.map((id) => view(id)) }),
    'workload.get': ({ id }) => view(id),
    ...more,
  });

for (const verb of VERBS) {
  const line = (rest: string): string => `workload ${verb} ${rest}${MORE[verb] ?? ''}`;

  test(`${verb}: nothing named or selected, or both, asks nothing of the agent`, async (t) => {
    const rows: readonly (readonly [string, RegExp])[] = [
      ['', /ID is missing: name workloads, or choose them by -l, --tenant, --driver, --state, --class/],
      ['web-1 -l app=web', /either IDs or -l, --tenant, --driver, --state, --class, not both/],
      ['web-1 --tenant acme', /either IDs or /],
      ['-l', /-l needs a value: SELECTOR/],
      ['--selector app>1', /--selector must be NAME=VALUE, .*"app>1" is none of them/],
      ['--state asleep', /--state is one of pending, .*; it is "asleep"/],
      ['--class best', /--class is one of guaranteed, .*; it is "best"/],
    ];
    for (const [rest, message] of rows) {
      const agent = fakeAgent({ 'workload.list': () => ({ workloads: [] }) });
      const { exit, err } = await berth(line(rest), { agent });
      t.is(exit, 2, rest);
      t.regex(err, message, rest);
      t.deepEqual(agent.calls, [], rest);
    }
  });

  test(`${verb}: a selection that matches nothing says so`, async (t) => {
    const { exit, out, err } = await berth(line('-l app=web'), { agent: listing([]) });
    t.is(out, '');
    t.regex(err, /o workloads match/);
    t.is(exit, verb === 'wait' ? 4 : 0);
    const json = await berth(line('-l app=web --json'), { agent: listing([]) });
    t.is(json.err, '');
    const document = JSON.parse(json.out) as object;
    if (verb === 'wait') t.like(document, { error: { code: 'not_found' } });
    else t.deepEqual(document, { results: [] });
  });
}

test('the filter goes to the agent as it was given', async (t) => {
  const agent = listing([]);
  await berth('workload stop -l app=web,!x --tenant acme --driver oci --state running --class burstable', { agent });
  t.deepEqual(agent.calls[0], {
    method: 'workload.list',
    params: { selector: 'app=web,!x', tenant: 'acme', driver: 'oci', state: 'running', class: 'burstable', limit: 100 },
  });
});

for (const verb of CHANGING)
  test(`${verb}: a dry run tells each and changes none`, async (t) => {
    const agent = listing(['a', 'b']);
    const { exit, out } = await berth(`workload ${verb} -l app=web --dry-run`, { agent });
    t.is(exit, 0);
    t.is(out, `a (running): would ${verb}\nb (running): would ${verb}\n`);
    const asked = new Set<MethodName>(agent.calls.map(({ method }) => method));
    t.deepEqual([...asked].sort(), ['workload.get', 'workload.list']);
    const named = await berth(`workload ${verb} nobody --dry-run`, {
      agent: fakeAgent({
        'workload.get': () => {
          throw new BerthError('not_found', 'there is no workload nobody');
        },
      }),
    });
    t.is(named.exit, 4);
  });

test('pages are read to their end, and each workload is one line', async (t) => {
  const agent = fakeAgent({
    'workload.list': ({ cursor }) =>
      cursor === undefined ? { workloads: [view('a'), view('b')], next: 'b' } : { workloads: [view('c')] },
    'workload.delete': ({ id }) => view(id),
  });
  const { out } = await berth('workload delete --tenant acme --detach', { agent });
  t.is(out, 'a is being deleted\nb is being deleted\nc is being deleted\n');
});

test('one that is gone since the list is deleted; one that was named is not found', async (t) => {
  const gone: Answers = {
    'workload.delete': ({ id }) => {
      throw new BerthError('not_found', `there is no workload ${id}`);
    },
  };
  const picked = await berth('workload delete -l app=web', { agent: listing(['a'], gone) });
  t.deepEqual([picked.exit, picked.out], [0, 'a deleted\n']);
  t.is((await berth('workload delete a', { agent: listing([], gone) })).exit, 4);
});

test('delete --all leaves networks of containers that another runtime runs; chosen otherwise they go', async (t) => {
  const external = { driver: 'external', external: { namespace: '/run/netns/x' } };
  const pod = view('cni-x', { spec: { ...view('cni-x').spec, ...external } as never });
  for (const [line, ids] of [
    ['workload delete --all', ['web-1']],
    ['workload delete --tenant acme', ['cni-x', 'web-1']],
  ] as const) {
    const agent = fakeAgent({
      'workload.list': () => ({ workloads: [pod, view('web-1')] }),
      'workload.delete': ({ id }) => {
        throw new BerthError('not_found', `there is no workload ${id}`);
      },
    });
    await berth(line, { agent });
    const deleted = agent.calls.filter(({ method }) => method === 'workload.delete');
    t.deepEqual(
      deleted.map(({ params }) => (params as { id: string }).id),
      ids,
    );
  }
});

test('stop: all are asked before the first is waited for; restart: one after the other', async (t) => {
  const orderOf = async (verb: 'stop' | 'restart'): Promise<string> => {
    const asked = new Set<string>();
    const act = ({ id }: { readonly id: string }) => {
      asked.add(id);
      return view(id);
    };
    const agent = fakeAgent({
      'workload.list': () => ({ workloads: [view('a'), view('b')] }),
      [`workload.${verb}`]: act,
      'workload.get': ({ id }) => {
        if (!asked.has(id)) return view(id);
        const process = { pid: 5000, startTime: 100, startedAt: NOW };
        return verb === 'stop' ? view(id, { state: 'exited', process: null }) : view(id, { process });
      },
    });
    t.is((await berth(`workload ${verb} -l x`, { agent })).exit, 0);
    return agent.calls
      .filter(({ method }) => method !== 'workload.list')
      .map(({ method, params }) => `${method === 'workload.get' ? 'get' : 'ask'} ${(params as { id: string }).id}`)
      .join(', ');
  };
  t.regex(await orderOf('stop'), /^get a, get b, ask a, ask b, get a, get b/);
  t.regex(await orderOf('restart'), /^get a, ask a, get a, get b, ask b, get b/);
});

test('wait: several, with one time for all of them', async (t) => {
  const ended = moving([view('w'), view('w', { state: 'exited' })], {
    'workload.list': () => ({ workloads: [view('a'), view('b')] }),
  });
  t.regex((await berth('workload wait -l job=x', { agent: ended })).out, /^a exited\nb exited\n$/);
  const never = listing(['a', 'b']);
  const { exit, err } = await berth('workload wait -l job=x --timeout 50ms', { agent: never });
  t.is(exit, 1);
  t.regex(err, /a is still running after 0\.05 s(?:.|\n)*b is still running after 0\.05 s/);
});

test('events: by workload, type, tenant, moment and label', async (t) => {
  const event = (cursor: number, workload: string, type: string, tenant = 'acme', at = NOW) => ({
    ...{ cursor, workload, type, tenant, at },
    data: {},
  });
  const kept = [
    event(1, 'a', 'workload.created', 'acme', NOW - 7_200_000),
    event(2, 'a', 'workload.ended'),
    event(3, 'b', 'workload.created', 'globex'),
    event(4, 'b', 'workload.ended', 'globex'),
    event(5, 'gone', 'workload.deleted'),
  ];
  const agent = () =>
    fakeAgent(
      {
        'events.subscribe': () => ({ from: 1, cursor: 5, gap: false }),
        'session.ping': () => ({ at: NOW + 1 }),
        'workload.list': ({ selector }) => ({ workloads: selector === 'app=web' ? [view('a')] : [] }),
      },
      kept,
    );
  const cursors = async (line: string): Promise<string> =>
    (
      JSON.parse((await berth(`events --json ${line}`, { agent: agent() })).out) as { events: { cursor: number }[] }
    ).events
      .map(({ cursor }) => cursor)
      .join();
  t.is(await cursors(''), '1,2,3,4,5');
  t.is(await cursors('--workload a --workload gone'), '1,2,5');
  t.is(await cursors('--type workload.ended'), '2,4');
  t.is(await cursors('--tenant globex'), '3,4');
  t.is(await cursors('--since 1h'), '2,3,4,5');
  t.is(await cursors('--since 3'), '4,5');
  t.is(await cursors('-l app=web'), '1,2');
  t.is(await cursors('-l app=db'), '');
  const wrong = await berth('events --since soon', { agent: agent() });
  t.is(wrong.exit, 2);
  t.regex(wrong.err, /--since is a cursor, a whole number, or a duration such as 30s, 5m or 2h; it is "soon"/);
});

test('events: one that is followed is judged by the labels of its time', async (t) => {
  let labels: Record<string, string> = { app: 'web' };
  const agent = fakeAgent({
    'session.ping': () => ({ at: NOW }),
    'workload.list': () => ({ workloads: [] }),
    'workload.get': ({ id }) => view(id, { spec: { ...view(id).spec, labels } }),
  });
  const lines: string[] = [];
  const over = new AbortController();
  const heard = new Map<number, () => void>();
  const out = async (text: string | Uint8Array): Promise<void> => {
    lines.push(String(text));
    heard.get(lines.length)?.();
  };
  const until = (count: number): Promise<void> => new Promise((resolve) => heard.set(count, resolve));
  const listening = new Promise<void>((resolve) => {
    agent.onListen = resolve;
  });
  const running = berth('events --follow --json -l app=web', { agent, out, interruption: () => over.signal });
  await listening;
  const first = until(1);
  agent.emit({ type: 'workload.created', workload: 'new' });
  await first;
  labels = { app: 'db' };
  agent.emit({ type: 'workload.updated', workload: 'new' });
  agent.emit({ type: 'workload.ended', workload: 'new' });
  // Until the labels of the update have been asked for.
  while (agent.calls.filter(({ method }) => method === 'workload.get').length < 2)
    await new Promise((resolve) => setImmediate(resolve));
  const second = until(2);
  labels = { app: 'web' };
  agent.emit({ type: 'workload.updated', workload: 'other' });
  await second;
  over.abort(new Error('interrupted'));
  await running;
  t.is(lines.length, 2);
  t.regex(lines[0] ?? '', /"workload":"new"/);
  t.regex(lines[1] ?? '', /"workload":"other"/);
});
