import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MOST_BYTES } from '../../../agent/cli/specs.js';
import { BerthError } from '../../../protocol/errors.js';
import { temporaryDirectory } from '../../runner/temporary.js';
import { type Answers, berth, fakeAgent, moving, NOW, view } from './fake.js';

const LIST = {
  'workload.list': () => ({
    workloads: [
      view('web-2', { state: 'failed', restarts: 5, since: NOW - 5_000, process: null }),
      view('web-1'),
      view('box', { state: 'frozen', since: NOW - 90_061_000, sandbox: { ...view('box').sandbox, address: null } }),
    ],
  }),
} satisfies Answers;

test('list: table, sorted', async (t) => {
  const { exit, out, err } = await berth('workload list', { agent: fakeAgent(LIST) });
  t.is(exit, 0);
  t.is(err, '');
  t.is(
    out,
    `ID     TENANT  DRIVER  STATE    SINCE    CPU       MEMORY  ADDRESS     RESTARTS
box    acme    exec    frozen    1d1h  0.5/2  128Mi/256Mi  -                  0
web-1  acme    exec    running  1m33s  0.5/2  128Mi/256Mi  10.133.0.5         0
web-2  acme    exec    failed      5s  0.5/2  128Mi/256Mi  10.133.0.5         5
`,
  );
});

test('list: colours only on a terminal, and not with NO_COLOR or --no-color', async (t) => {
  const agent = fakeAgent(LIST);
  const coloured = await berth('workload list', { agent, outIsTerminal: true });
  t.true(coloured.out.includes('\x1b[31mfailed\x1b[39m'));
  t.false((await berth('workload list', { agent, outIsTerminal: true, env: { NO_COLOR: '1' } })).out.includes('\x1b'));
  t.true((await berth('workload list', { agent, outIsTerminal: true, env: { NO_COLOR: '' } })).out.includes('\x1b'));
  t.false((await berth('workload list --no-color', { agent, outIsTerminal: true })).out.includes('\x1b'));
  t.false((await berth('workload list', { agent })).out.includes('\x1b'));
});

test('list: filters, nothing, --json, closes the connection', async (t) => {
  const agent = fakeAgent({ 'workload.list': () => ({ workloads: [] }) });
  t.is((await berth('workload list --tenant acme --state running', { agent })).out, 'No workloads.\n');
  t.deepEqual(agent.calls[0]?.params, { tenant: 'acme', state: 'running', limit: 100 });
  t.deepEqual(JSON.parse((await berth('workload list --json', { agent })).out), { workloads: [] });
  t.is(agent.closed, 2);
});

const share = (some: number | null, full: number | null) => ({ some, full });

test('show: everything there is to say, control characters escaped', async (t) => {
  const workload = view('web-1', {
    state: 'failed',
    process: null,
    restarts: 2,
    end: {
      ...{ at: NOW - 1000, code: null, signal: 'SIGKILL', cause: 'limit', detail: 'killed at its memory limit 64Mi' },
      ...{ actor: 'kernel', victim: { pid: 7, command: 'hog', memory: 60 << 20 } },
      memory: {
        ...{ limit: 64 << 20, current: 0, peak: 64 << 20 },
        tenant: { limit: null, current: 1 << 20, peak: null },
      },
      pressure: [
        { at: 1, cpu: share(1, null), memory: share(20, 10.5), io: share(null, null), bytes: 9 },
        { at: 2, cpu: share(3, null), memory: share(60, 2), io: share(null, null), bytes: 9 },
      ],
    },
    error: { code: 'start_failed', message: 'evil \x1b[2J text', hint: 'Look.' },
    limits: { 'memory.max': '268435456', 'pids.max': 'max' },
  });
  const { out } = await berth('workload show web-1', { agent: fakeAgent({ 'workload.get': () => workload }) });
  t.is(
    out,
    `Id           web-1
Tenant       acme
State        failed since 2026-11-21T11:58:27Z (1m33s ago), to be running
Error        evil \\x1b[2J text (start_failed)
             Look.
Ended        2026-11-21T11:59:59Z (1s ago)
             signal SIGKILL: killed at its memory limit 64Mi (cause: limit)
Victim       process 7 (hog), 60Mi
Memory then  limit 64Mi, peak 64Mi
             tenant: limit max, 1Mi in use
Worst then   cpu: some 3 %, full -
             memory: some 60 %, full 10.5 %
             io: some -, full -
Restarts     2, policy never
Driver       exec
Runs         /bin/sleep 'a b'
Class        burstable, priority 100
CPU          0.5/2
Memory       128Mi/256Mi
Limits       memory.max 268435456
             pids.max max
Network      routed
Address      10.133.0.5
Reachable    by its tenant on this host, and published ports
Link         bt17
Cgroup       /sys/fs/cgroup/berth/acme/web-1
Namespace    /run/netns/berth-web-1
Created      2026-11-21T11:58:20Z (1m40s ago)
Generation   1
`,
  );
  const json = await berth('workload show web-1 --json', { agent: fakeAgent({ 'workload.get': () => workload }) });
  t.deepEqual(JSON.parse(json.out), { workload });
});

const SPEC = JSON.stringify({ id: 'web-1', driver: 'exec', exec: { command: ['/bin/true'] } });

test('create: waits for running and says so in one line', async (t) => {
  const agent = moving([
    view('web-1', { state: 'pending', process: null }),
    view('web-1', { state: 'preparing', process: null }),
    view('web-1'),
  ]);
  const { exit, out, err } = await berth('workload create -f -', { agent, input: SPEC });
  t.deepEqual({ exit, out, err }, { exit: 0, out: 'web-1 running, pid 4711, 10.133.0.5 (0ms)\n', err: '' });
  t.deepEqual(agent.calls[0], { method: 'workload.create', params: { spec: JSON.parse(SPEC) } });
});

test('create: exited with 0 is success, failed is not, --detach does not wait', async (t) => {
  const end = { at: NOW, code: 0, signal: null, cause: 'exit', detail: '' } as const;
  const ended = moving([view('web-1', { state: 'exited', process: null, end })]);
  t.is(
    (await berth('workload create -f -', { agent: ended, input: SPEC })).out,
    'web-1 exited, exit code 0, 10.133.0.5 (0ms)\n',
  );
  const failed = moving([
    view('web-1', { state: 'starting' }),
    view('web-1', { state: 'failed', process: null, end: { ...end, code: 3, detail: 'it ended by itself' } }),
  ]);
  const human = await berth('workload create -f -', { agent: failed, input: SPEC });
  t.is(human.exit, 1);
  t.is(human.err, 'berth: web-1 failed: exit code 3: it ended by itself\n  hint: See `berth workload logs web-1`.\n');
  const json = await berth('workload create -f - --json', { agent: failed, input: SPEC });
  t.is(json.exit, 1);
  t.is(JSON.parse(json.out).results[0].error.code, 'start_failed');
  const agent = moving([view('web-1', { state: 'pending' })]);
  t.is((await berth('workload create -f - --detach', { agent, input: SPEC })).out, 'web-1 accepted (pending)\n');
  t.deepEqual(
    agent.calls.map(({ method }) => method),
    ['workload.create'],
  );
});

test('create: too late is deadline_exceeded', async (t) => {
  const agent = moving([view('web-1', { state: 'starting' })]);
  const { exit, err } = await berth('workload create -f - --timeout 50ms', { agent, input: SPEC });
  t.is(exit, 1);
  t.true(err.startsWith('berth: web-1 is still starting after 0.05 s\n'), err);
});

test('create: several files and arrays in order; a refusal keeps nothing back and sets the exit code', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [a, b] = [join(directory, 'a.json'), join(directory, 'b.json')];
  writeFileSync(a, JSON.stringify([{ id: 'a' }, { id: 'big' }]));
  writeFileSync(b, JSON.stringify({ id: 'b' }));
  const refusal = {
    code: 'admission_refused',
    dimension: 'memory',
    scope: 'tenant/acme',
    limit: '4Gi',
    used: '3.9Gi',
    requested: '256Mi',
    shortBy: '156Mi',
    retryAfterMs: null,
  };
  const agent = fakeAgent({
    'workload.create': ({ spec }) => {
      if (spec.id === 'big')
        throw new BerthError('admission_refused', 'there is no room for big', { hint: 'Ask for less.', data: refusal });
      return view(String(spec.id));
    },
    'workload.get': ({ id }) => view(id),
  });
  const { exit, out, err } = await berth(['workload', 'create', '-f', a, '-f', b], { agent });
  t.is(exit, 3);
  t.is(out, 'a running, pid 4711, 10.133.0.5 (0ms)\nb running, pid 4711, 10.133.0.5 (0ms)\n');
  t.is(
    err,
    `berth: there is no room for big
  memory of tenant/acme: limit 4Gi, used 3.9Gi, asked 256Mi, short by 156Mi
  hint: Ask for less.
`,
  );
  const json = await berth(['workload', 'create', '-f', a, '-f', b, '--json'], { agent });
  t.is(json.err, '');
  t.deepEqual(
    JSON.parse(json.out).results.map((r: { id: string }) => r.id),
    ['a', 'big', 'b'],
  );
  t.deepEqual(JSON.parse(json.out).results[1].error.data, refusal);
});

for (const [name, input, message] of [
  ['syntax', '{"id":\n  oops}', 'standard input:2:3: not valid JSON: unexpected "o"'],
  ['cut', '{"id": "a",\n "x": [1,', 'standard input:2:10: not valid JSON: it ends too early'],
  ['empty', '', 'standard input:1:1: not valid JSON: it is empty'],
  ['empty array', '[]', 'standard input: the array is empty'],
  ['not an object', '[{"id": "a"}, 7]', 'standard input[1]: a workload is an object'],
] as const) {
  test(`create: bad input changes nothing: ${name}`, async (t) => {
    const agent = fakeAgent({});
    const { exit, out, err } = await berth('workload create -f -', { agent, input });
    t.is(exit, 2);
    t.is(out, '');
    t.true(err.startsWith(`berth: ${message}`), err);
    t.deepEqual(agent.calls, []);
  });
}

test('create: a file that does not exist', async (t) => {
  const { exit, err } = await berth('workload create -f /none.json', { agent: fakeAgent({}) });
  t.is(exit, 2);
  t.true(err.startsWith('berth: /none.json: there is no such file\n'));
});

test('create: what has no end, or is larger than the bound, is refused with the bound, wherever it comes from', async (t) => {
  const agent = fakeAgent({});
  const large = ' '.repeat(MOST_BYTES + 1);
  for (const [file, place, input] of [
    ['/dev/zero', '/dev/zero', ''],
    ['-', 'standard input', large],
  ] as const) {
    const { exit, out, err } = await berth(['workload', 'create', '-f', file], { agent, input });
    t.deepEqual([exit, out], [2, '']);
    t.true(err.startsWith(`berth: ${place}: has more than 16 MiB, the most that is read\n`), err);
  }
  t.deepEqual(agent.calls, []);
});

test('create: a file of exactly the bound, and one that is a pipe, are read', async (t) => {
  const directory = temporaryDirectory('specs');
  const [whole, pipe] = [join(directory, 'whole'), join(directory, 'pipe')];
  writeFileSync(whole, SPEC.padEnd(MOST_BYTES));
  execFileSync('mkfifo', [pipe]);
  const agent = fakeAgent({ 'workload.update': ({ id }) => ({ ...view(id, { generation: 2 }), changes: [] }) });
  t.is((await berth(['workload', 'update', 'web-1', '-f', whole], { agent })).out, 'web-1 unchanged, generation 2\n');
  const [{ out }] = await Promise.all([
    berth(['workload', 'update', 'web-1', '-f', pipe], { agent }),
    writeFile(pipe, SPEC),
  ]);
  t.is(out, 'web-1 unchanged, generation 2\n');
});

test('update: one spec with the same id', async (t) => {
  const agent = fakeAgent({ 'workload.update': ({ id }) => ({ ...view(id, { generation: 2 }), changes: [] }) });
  t.is((await berth('workload update web-1 -f -', { agent, input: SPEC })).out, 'web-1 unchanged, generation 2\n');
  t.is((await berth('workload update other -f -', { agent, input: SPEC })).exit, 2);
  t.is((await berth('workload update web-1 -f -', { agent, input: `[${SPEC},${SPEC}]` })).exit, 2);
  t.is(agent.calls.length, 1);
});

test('delete: waits until it is gone; --all; not found is 4', async (t) => {
  const deleting = view('web-1', { desired: 'deleted', state: 'stopping' });
  const agent = moving([deleting, undefined], {
    'workload.delete': () => deleting,
    'workload.list': () => ({ workloads: [view('web-1')] }),
  });
  t.is((await berth('workload delete web-1 --now', { agent })).out, 'web-1 deleted\n');
  t.deepEqual(agent.calls[0], { method: 'workload.delete', params: { id: 'web-1', now: true } });
  const all = moving([deleting, undefined], {
    'workload.delete': () => deleting,
    'workload.list': () => ({ workloads: [view('web-1')] }),
  });
  t.deepEqual(JSON.parse((await berth('workload delete --all --json', { agent: all })).out), {
    results: [{ id: 'web-1', outcome: 'deleted' }],
  });
  const none = fakeAgent({
    'workload.delete': ({ id }) => {
      throw new BerthError('not_found', `there is no workload ${id}`);
    },
  });
  t.is((await berth('workload delete web-9', { agent: none })).exit, 4);
  t.is(
    (
      await berth('workload show web-9', {
        agent: fakeAgent({ 'workload.get': none.client.call.bind(none, 'workload.delete') as never }),
      })
    ).exit,
    4,
  );
});

for (const [verb, steps, line] of [
  ['stop', [view('w'), view('w', { state: 'stopping' }), view('w', { state: 'exited' })], 'w exited\n'],
  ['freeze', [view('w'), view('w', { state: 'frozen' })], 'w frozen\n'],
  ['thaw', [view('w', { state: 'frozen' }), view('w')], 'w running\n'],
  [
    'start',
    [view('w', { state: 'exited', since: 1 }), view('w', { state: 'exited', since: 1 }), view('w', { since: 2 })],
    'w running\n',
  ],
  [
    'restart',
    [
      view('w'),
      view('w'),
      view('w', {
        state: 'exited',
        since: 2,
        process: null,
        end: { at: 2, code: null, signal: 'SIGTERM', cause: 'stopped', detail: '' },
      }),
      view('w', { process: { pid: 4712, startTime: 100, startedAt: NOW } }),
    ],
    'w running\n',
  ],
] as const) {
  test(`${verb}: waits until it is so`, async (t) => {
    const agent = moving(steps, { [`workload.${verb}`]: () => view('w') });
    const { exit, out, err } = await berth(`workload ${verb} w`, { agent });
    t.deepEqual({ exit, out, err }, { exit: 0, out: line, err: '' });
    t.true(agent.calls.some(({ method }) => method === `workload.${verb}`));
  });
}

test('wait: exited, deleted, failed, timeout', async (t) => {
  const exited = view('w', { state: 'exited', end: { at: 1, code: 0, signal: null, cause: 'exit', detail: '' } });
  t.is((await berth('workload wait w', { agent: moving([view('w'), exited]) })).out, 'w exited, exit code 0\n');
  t.is((await berth('workload wait w --for deleted', { agent: moving([view('w'), undefined]) })).out, 'w deleted\n');
  t.is((await berth('workload wait w --for running', { agent: moving([view('w')]) })).exit, 0);
  t.is((await berth('workload wait w', { agent: moving([view('w', { state: 'failed' })]) })).exit, 1);
  const late = await berth('workload wait w --timeout 30ms --json', { agent: moving([view('w')]) });
  t.is(late.exit, 1);
  t.is(JSON.parse(late.out).results[0].error.code, 'deadline_exceeded');
  t.is((await berth('workload wait w --for deleted', { agent: moving([undefined]) })).exit, 4);
});

test('a signal ends the wait with 130', async (t) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 20);
  const agent = moving([view('w')]);
  const { exit, out, err } = await berth('workload wait w', { agent, interruption: () => controller.signal });
  t.deepEqual({ exit, out, err }, { exit: 130, out: '', err: '' });
  t.is(agent.closed, 1);
});

test('fits: yes is 0, no is 3 with every reason', async (t) => {
  const refusal = {
    code: 'admission_refused',
    dimension: 'cpu',
    scope: 'node',
    limit: 4,
    used: 4,
    requested: 1,
    shortBy: 1,
    retryAfterMs: 500,
    hint: 'Wait.',
  } as const;
  const room = [{ scope: 'host', dimension: 'memory', more: 3 }] as const;
  const yes = { fits: true, refusals: [], more: 3, room, wouldGo: null, preemption: null, downgraded: ['db'] };
  const small = { id: 'small', tenant: 'acme', class: 'besteffort', priority: 5 } as const;
  const no = {
    fits: false,
    refusals: [refusal],
    more: 0,
    room: [],
    wouldGo: [small],
    preemption: null,
    downgraded: [],
  };
  const agent = fakeAgent({ 'workload.fits': ({ spec }) => (spec.id === 'a' ? yes : no) });
  const { exit, out } = await berth('fits -f -', { agent, input: '[{"id": "a"}, {"id": "b"}]' });
  t.is(exit, 3);
  t.is(
    out,
    `a fits, 3 of this shape in all (then memory of host is full)
  without licence db: none is left
b does not fit
  cpu of node: limit 4, used 4, asked 1, short by 1; try again in 500 ms
  hint: Wait.
  it would fit without small (besteffort, priority 5)
`,
  );
  const table = await berth('fits -f - --room', { agent, input: '{"id": "a"}' });
  t.regex(table.out, /SCOPE +DIMENSION +MORE\nhost +memory +3\n$/);
  t.is((await berth('fits -f -', { agent, input: '{"id": "a"}' })).exit, 0);
});

test('progress: on a terminal, after a second, and gone before the answer', async (t) => {
  let now = NOW;
  const tick = () => {
    now += 2000;
    return now;
  };
  const agent = moving([view('w', { state: 'starting' })]);
  const host = { agent, input: '{"id": "w"}', errIsTerminal: true, now: tick };
  const { err } = await berth('workload create -f - --timeout 700ms', host);
  t.true(err.startsWith('\r\x1b[K| w starting ('), JSON.stringify(err));
  const quiet = await berth('workload create -f - --timeout 700ms', { ...host, errIsTerminal: false });
  t.false(quiet.err.includes('\r'));
});
