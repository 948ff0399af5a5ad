// berth workload update: each option is one field of the patch, and a wrong value is an error of its own.
import test from 'ava';
import { COMMANDS } from '../../../agent/cli/table/all.js';
import { CHANGE_OPTIONS, type ChangeOption } from '../../../agent/cli/table/change-options.js';
import type { Changed } from '../../../agent/workload/updating.js';
import { berth, fakeAgent, view } from './fake.js';

const resources = (inner: object) => ({ resources: inner });

/** Value and patch that are right; values that are not. `none` is told where it may stand. */
const ROWS: Readonly<
  Record<ChangeOption, { good: readonly (readonly [string, object])[]; bad: readonly string[]; rule: RegExp }>
> = {
  cpu: {
    good: [
      ['1.5', resources({ cpu: { limit: 1.5 } })],
      ['500m', resources({ cpu: { limit: 0.5 } })],
      ['none', resources({ cpu: { limit: null } })],
    ],
    bad: ['', 'two', '1,5', '-1', '1 core', 'NaN', '0x1', '1e3'],
    rule: /must be a number of cores such as 1\.5 or 500m, or none/,
  },
  'cpu-request': { good: [['2', resources({ cpu: { request: 2 } })]], bad: ['x', '-2'], rule: /cores/ },
  'cpu-weight': { good: [['200', resources({ cpu: { weight: 200 } })]], bad: ['x', '1.5', '-2'], rule: /whole number/ },
  'cpuset-cpus': {
    good: [
      ['0-3,8', resources({ cpu: { cpus: '0-3,8' } })],
      ['none', resources({ cpu: { cpus: null } })],
    ],
    bad: ['a', '0-', ',', '0 1'],
    rule: /list such as 0-3,8/,
  },
  'cpuset-mems': { good: [['0', resources({ cpu: { mems: '0' } })]], bad: ['x'], rule: /list/ },
  memory: {
    good: [
      ['512Mi', resources({ memory: { limit: 512 * 2 ** 20 } })],
      ['1G', resources({ memory: { limit: 1e9 } })],
      ['none', resources({ memory: { limit: null } })],
    ],
    bad: ['', 'lots', '512mb', '-1', '1.5', '9999999Ti'],
    rule: /must be a size such as 512Mi or 1G, or none/,
  },
  'memory-request': { good: [['1Mi', resources({ memory: { request: 2 ** 20 } })]], bad: ['x'], rule: /size/ },
  'memory-high': { good: [['1Mi', resources({ memory: { high: 2 ** 20 } })]], bad: ['x'], rule: /size/ },
  swap: { good: [['0', resources({ memory: { swap: 0 } })]], bad: ['x'], rule: /size/ },
  pids: {
    good: [
      ['200', resources({ pids: 200 })],
      ['none', resources({ pids: null })],
    ],
    bad: ['', '-1', '1.5', '1e3', 'many', '99999999999999999999'],
    rule: /must be a whole number, or none/,
  },
  'io-weight': { good: [['50', resources({ ioWeight: 50 })]], bad: ['x'], rule: /whole number/ },
  'ingress-rate': {
    good: [
      ['100Mbit', { network: { bandwidth: { ingress: '100Mbit' } } }],
      ['none', { network: { bandwidth: { ingress: null } } }],
    ],
    bad: ['100', '100MB', '-1Mbit', ''],
    rule: /must be a rate such as 100Mbit, or none/,
  },
  'egress-rate': { good: [['1Gbit', { network: { bandwidth: { egress: '1Gbit' } } }]], bad: ['x'], rule: /rate/ },
  priority: { good: [['7', { priority: 7 }]], bad: ['none', 'high', '-1'], rule: /must be a whole number; it is/ },
  restart: {
    good: [
      ['always', { restart: { policy: 'always', maxRetries: null } }],
      ['on-failure:5', { restart: { policy: 'on-failure', maxRetries: 5 } }],
    ],
    bad: ['no', 'unless-stopped', 'always:', 'always:x', 'on-failure:99999', ''],
    rule: /must be never, on-failure or always, with :N/,
  },
  label: {
    good: [
      ['app=web', { labels: { app: 'web' } }],
      ['app=a=b', { labels: { app: 'a=b' } }],
      ['app=', { labels: { app: '' } }],
      ['app-', { labels: { app: null } }],
    ],
    bad: ['app', '=web', '', '-'],
    rule: /must be NAME=VALUE, or NAME- to take the label away/,
  },
};

const agentWith = (changed: Partial<Changed> = {}) =>
  fakeAgent({
    'workload.patch': ({ id }) => ({ ...view(id, { generation: 2 }), changes: [], ...changed }),
    'workload.update': ({ id }) => ({ ...view(id, { generation: 2 }), changes: [], ...changed }),
  });

test('every option has a row', (t) => {
  t.deepEqual(Object.keys(ROWS).sort(), CHANGE_OPTIONS.map(({ name }) => name).sort());
  const update = COMMANDS.find(({ path }) => path.join(' ') === 'workload update');
  for (const { name } of CHANGE_OPTIONS) t.true(update?.options.some((option) => option.name === name));
});

for (const [name, { good, bad, rule }] of Object.entries(ROWS))
  test(`--${name}`, async (t) => {
    for (const [text, patch] of good) {
      const agent = agentWith();
      const { exit, err } = await berth(['workload', 'update', 'web-1', `--${name}=${text}`], { agent });
      t.is(exit, 0, err);
      t.deepEqual(agent.calls, [{ method: 'workload.patch', params: { id: 'web-1', patch } }]);
    }
    for (const text of bad) {
      const agent = agentWith();
      const { exit, err } = await berth(['workload', 'update', 'web-1', `--${name}=${text}`], { agent });
      t.is(exit, 2, text);
      t.regex(err, rule, text);
      t.true(err.includes(`--${name} `) && err.includes(`it is ${JSON.stringify(text)}`), err);
      t.deepEqual(agent.calls, [], 'the agent is not asked');
    }
  });

test('several options are one patch, of each workload that is named, once', async (t) => {
  const agent = agentWith();
  const line = 'workload update a b a --cpu 2 --memory 1Gi --pids none --label x=1 --label y- --cpu 3';
  t.is((await berth(line, { agent })).exit, 0);
  const patch = {
    resources: { cpu: { limit: 3 }, memory: { limit: 2 ** 30 }, pids: null },
    labels: { x: '1', y: null },
  };
  t.deepEqual(
    agent.calls.map(({ params }) => params),
    ['a', 'b'].map((id) => ({ id, patch })),
  );
});

test('what has changed is told, and a dry run says what would and why not', async (t) => {
  const changes = [
    { field: 'labels.x', to: '1' },
    { field: 'resources.memory.limit', from: 256 * 2 ** 20, to: 2 ** 29 + 1 },
  ];
  const done = await berth('workload update web-1 --memory 1Gi', { agent: agentWith({ changes }) });
  t.is(done.out, 'web-1 updated, generation 2: labels.x (none) -> 1, resources.memory.limit 256Mi -> 536870913\n');
  const agent = agentWith({ changes });
  const dry = await berth('workload update web-1 --memory 1Gi --dry-run', { agent });
  t.is(
    dry.out,
    'web-1 would change\n  labels.x                (none) -> 1\n  resources.memory.limit  256Mi -> 536870913\n',
  );
  t.like(agent.calls[0]?.params, { dryRun: true });
  const refused = { code: 'immutable_field', message: 'exec cannot be changed', hint: 'Delete it.' } as const;
  const not = await berth('workload update web-1 --memory 1Gi --dry-run', { agent: agentWith({ changes, refused }) });
  t.is(not.exit, 2);
  t.regex(not.out, /labels\.x/);
  t.regex(not.err, /exec cannot be changed\n.*Delete it\./);
  const json = await berth('workload update web-1 --memory 1Gi --json', { agent: agentWith({ changes }) });
  t.like(JSON.parse(json.out), { results: [{ id: 'web-1', outcome: 'updated', changes, workload: { id: 'web-1' } }] });
});

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['workload update', /ID is missing/],
  ['workload update web-1', /nothing to change: -f FILE is missing, or one of --cpu,/],
  ['workload update web-1 -f - --cpu 1', /either -f .* or options/],
  ['workload update web-1 web-2 -f -', /a specification is of one workload; 2 are named/],
  ['workload update other -f -', /the specification is of "web-1", not of "other"/],
  ['workload update web-1 --dry-run', /nothing to change/],
];

for (const [line, message] of WRONG)
  test(`usage: ${line}`, async (t) => {
    const agent = agentWith();
    const { exit, err } = await berth(line, { agent, input: '{"id": "web-1"}' });
    t.is(exit, 2);
    t.regex(err, message);
    t.deepEqual(agent.calls, []);
  });
