// berth workload list: what it prints for a person and for a script, and in which order.
import test from 'ava';
import { LIST_FORMATS, LIST_ORDERS } from '../../../agent/cli/table/options.js';
import { parseYaml } from '../../../agent/cli/yaml-specs.js';
import { berth, fakeAgent, view } from './fake.js';

const of = (id: string, more: object, over: object = {}) => {
  const base = view(id);
  return { ...base, ...over, spec: { ...base.spec, ...more } };
};
const WORKLOADS = [
  of('b', {
    tenant: 'acme',
    priority: 5,
    labels: { app: 'web', x: '\x1b[2J' },
    resources: { memory: { limit: 10, ksm: false } },
  }),
  of('a', { tenant: 'globex', priority: 9, resources: {} }, { since: 1, createdAt: 9, restarts: 3, process: null }),
  of(
    'c',
    { tenant: 'acme', driver: 'external', class: 'besteffort', resources: { cpu: { request: 3 } } },
    { since: 2, createdAt: 5, state: 'exited' },
  ),
];
const agent = () => fakeAgent({ 'workload.list': () => ({ workloads: [...WORKLOADS] }) });
const print = async (line: string): Promise<string> => (await berth(`workload list ${line}`, { agent: agent() })).out;

/** Each order, and the ids as it has them. */
const ORDERS: Readonly<Record<(typeof LIST_ORDERS)[number], string>> = {
  tenant: 'bca',
  id: 'abc',
  driver: 'bac',
  state: 'cba',
  class: 'cba',
  priority: 'bac',
  since: 'acb',
  created: 'cab',
  restarts: 'bca',
  cpu: 'bac',
  memory: 'cab',
};

for (const [field, ids] of Object.entries(ORDERS))
  test(`--sort ${field}`, async (t) => {
    t.is((await print(`-o id --sort ${field}`)).replaceAll('\n', ''), ids);
  });

test('-o: ids and names one a line, documents that can be read back, and a wide table', async (t) => {
  t.is(await print('-o id'), 'b\nc\na\n');
  t.is(await print('-o name'), 'acme/b\nacme/c\nglobex/a\n');
  const document = JSON.parse(await print('--json')) as { workloads: { id: string }[] };
  t.deepEqual(
    document.workloads.map(({ id }) => id),
    ['b', 'c', 'a'],
  );
  t.deepEqual(JSON.parse(await print('-o json')), document);
  t.deepEqual(parseYaml(await print('-o yaml')), [document]);
  const [title, first] = (await print('-o wide')).split('\n');
  t.regex(title ?? '', /^ID +TENANT .* CLASS +PRIORITY +PID +GENERATION +LABELS$/);
  t.regex(first ?? '', /^b +acme .* burstable +5 +4711 +1 +app=web,x=\\x1b\[2J$/);
});

test('none: a sentence for a person, nothing for a script', async (t) => {
  const none = () => fakeAgent({ 'workload.list': () => ({ workloads: [] }) });
  const out = async (line: string): Promise<string> => (await berth(`workload list ${line}`, { agent: none() })).out;
  t.is(await out(''), 'No workloads.\n');
  t.is(await out('-o wide'), 'No workloads.\n');
  t.is(await out('-o id'), '');
  t.is(await out('-o name'), '');
  t.deepEqual(JSON.parse(await out('-o json')), { workloads: [] });
});

test('a format or an order that there is not names those that there are', async (t) => {
  for (const [option, choices] of [
    ['-o', LIST_FORMATS],
    ['--sort', LIST_ORDERS],
  ] as const) {
    const { exit, err } = await berth(`workload list ${option} colour`, { agent: agent() });
    t.is(exit, 2);
    t.true(err.includes(`${option} is one of ${choices.join(', ')}; it is "colour"`), err);
  }
});
