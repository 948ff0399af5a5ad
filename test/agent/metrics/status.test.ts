import test from 'ava';
import { type StatusDocument, statusDocument, statusPage } from '../../../agent/metrics/status.js';
import type { Condition } from '../../../agent/model/condition.js';
import { MadeUpNode } from './fixture.js';

const NOW = 1_790_000_000_123 + 93_000;

async function documentOf(count: number): Promise<StatusDocument> {
  const node = new MadeUpNode(count);
  await node.sampler.sample();
  return statusDocument({
    metrics: node,
    workloads: () => node.workloads(),
    latest: (id) => node.latest(id),
    waiting: () => node.waiting(),
  });
}

/** The text a person reads, cells and boxes apart. */
function words(page: string): string {
  const body = page.slice(page.indexOf('<body>'));
  return body
    .replace(/<(?:span|\/span|strong|\/strong|b|\/b|a [^>]*|\/a|br)\b[^>]*>/g, '')
    .replace(/(?:<[^>]*>\s*)+/g, '|');
}

test('what a person looks for is there, in readable units', async (t) => {
  const text = words(statusPage(await documentOf(2), NOW));
  t.regex(text, /\|node-1\|ready\|2 running · 0 leaked objects\|/);
  t.regex(text, /berth 0\.1\.0, up 1m 33s · drivers: exec, qemu unusable: qemu-system-x86_64 is not installed/);
  t.regex(text, /\|CPU host has 2\|1\.5 of 6 cores\|/);
  t.regex(text, /\|Memory host has 8Gi\|1Gi of 7Gi\|/);
  t.regex(text, /\|Addresses \|2 of 65,533\|/);
  t.regex(text, /\|web-0\|acme\|exec\|running\|1\.3 s\|64Mi of 256Mi\|3\|10\.133\.0\.0\|0\|1m 33s\|/);
  t.regex(text, /\|web-1\|umbrella\|exec\|running\|1\.3 s\|64Mi\|4\|/);
});

test('what waits to start, and how fast others do', async (t) => {
  const document = await documentOf(1);
  const waiting = { reason: 'start_queue', ahead: 1, expectedMs: 1500, waitedMs: 10 } as const;
  const workloads = document.workloads.map((w) => ({ ...w, state: 'pending', waiting }));
  const text = words(statusPage({ ...document, workloads }, NOW));
  t.regex(text, /\|starts: 0 of 128 settling, none waits\|/);
  t.regex(text, /\|pending \(2nd, ~2s\)\|/);
  const node = new MadeUpNode(1);
  const source = { metrics: node, workloads: () => node.workloads(), latest: () => undefined };
  const made = statusDocument({ ...source, waiting: () => new Map([['web-0', waiting]]) });
  t.deepEqual(made.workloads[0]?.waiting, waiting);
});

const REST = { capacity: 0, kept: 0, reserved: 0, used: null } as const;

test('what is scarce is shown, whatever it is, and the rest is not', async (t) => {
  const document = await documentOf(0);
  const row = { ...REST, scope: 'host', allocatable: 100 } as const;
  const capacity = [
    { ...row, dimension: 'neighbours', committed: 90 },
    { ...row, dimension: 'keys', committed: 10 },
  ] as const;
  const page = words(statusPage({ ...document, capacity }, NOW));
  t.regex(page, /neighbours/);
  t.notRegex(page, /keys/);
});

test('one row a tenant, with the quota where there is one', async (t) => {
  const document = await documentOf(1);
  const row = { ...REST, scope: 'tenant/acme', allocatable: null, committed: 3 } as const;
  const capacity = [
    { ...row, dimension: 'workloads' },
    { ...row, dimension: 'cpu', allocatable: 4 },
    { ...row, dimension: 'memory', allocatable: 2 ** 30, committed: 2 ** 29 },
    { ...row, dimension: 'addresses' },
  ] as const;
  t.regex(words(statusPage({ ...document, capacity }, NOW)), /\|acme\|3\|3 of 4\|512Mi of 1Gi\|/);
  t.notRegex(statusPage({ ...document, capacity: [] }, NOW), /Tenants/);
});

test('every value is escaped', async (t) => {
  const document = await documentOf(1);
  const evil = `<img src=x onerror="a('b')">&`;
  const { node } = document;
  const page = statusPage(
    {
      node: {
        ...node,
        name: evil,
        version: evil,
        drivers: [
          { name: evil as never, usable: false, reason: evil },
          { name: evil as never, usable: true, reason: evil },
        ],
        workloads: Object.assign({ ...node.workloads }, { [evil]: 1 }),
        conditions: [{ code: evil, severity: 'error', title: evil, why: evil, fix: evil }],
      },
      capacity: [{ ...REST, scope: `tenant/${evil}`, dimension: 'cpu', allocatable: 1, committed: 1 }],
      workloads: document.workloads.map((w) => ({
        ...w,
        id: evil,
        tenant: evil,
        driver: evil,
        state: evil,
        address: evil,
      })),
    },
    NOW,
  );
  t.notRegex(page, /<img|onerror="/);
  t.is(page.split('&#60;img src=x onerror=&#34;a(&#39;b&#39;)&#34;&#62;&#38;').length - 1, 17);
});

test('nothing runs and nothing is loaded', async (t) => {
  const page = statusPage(await documentOf(3), NOW);
  t.notRegex(page, /<script|https?:|url\(|@import|\son\w+=|<img|<link/);
  for (const path of ['/metrics', '/status.json', '/readyz?verbose', '/healthz'])
    t.true(page.slice(page.indexOf('<footer>')).includes(`href="${path}"`), path);
});

test('conditions come last, the gravest first, open only for an error', async (t) => {
  const document = await documentOf(1);
  const of = (severity: Condition['severity'], title: string): Condition => ({
    code: 'x',
    severity,
    title,
    why: 'Why.',
    fix: severity === 'info' ? '' : `do ${title}`,
  });
  const page = (conditions: readonly Condition[]): string =>
    statusPage({ ...document, node: { ...document.node, conditions } }, NOW);

  const folded = page([of('info', 'n'), of('warning', 'w'), of('warning', 'v')]);
  t.regex(folded, /<details id="conditions"><summary>2 warnings, 1 note<\/summary>/);
  t.regex(folded, /fix: <code>do w<\/code>/);
  t.is(folded.match(/<code>/g)?.length, 2);
  t.true(folded.indexOf('<details') > folded.lastIndexOf('</table>'));
  t.notRegex(folded, /href="#conditions"/);

  const sentence = { ...of('warning', 'w'), fix: 'Run `a > b`; to keep it: `c`.' };
  t.regex(page([sentence]), /fix: Run <code>a &#62; b<\/code>; to keep it: <code>c<\/code>\./);

  const open = page([of('warning', 'w'), of('error', 'e')]);
  t.regex(open, /<details id="conditions" open><summary>1 error, 1 warning<\/summary>/);
  t.regex(open, /href="#conditions">1 error</);
  t.true(open.indexOf('do e') < open.indexOf('do w'));
  t.notRegex(page([]), /<details/);
});

test('a node that is not ready, cordoned, leaks and is empty says so', async (t) => {
  const document = await documentOf(0);
  const node = { ...document.node, ready: false, cordoned: true, leaked: 1 };
  const page = statusPage({ ...document, node }, NOW);
  t.regex(page, /class="badge bad">not ready</);
  t.regex(page, /class="badge busy">cordoned</);
  t.regex(words(page), /no workloads · 1 leaked object\|/);
  t.notRegex(words(page), /\|id\|/);
});

test('bars stay inside, also over the limit and without one', async (t) => {
  const document = await documentOf(0);
  const row = { ...REST, scope: 'host', dimension: 'workloads' } as const;
  const capacity = [
    { ...row, allocatable: 4, committed: 8 },
    { ...row, allocatable: 0, committed: 0 },
    { ...row, allocatable: 10, committed: 8 },
    { ...row, allocatable: null, committed: 8 },
  ];
  const page = statusPage({ ...document, capacity }, NOW);
  t.deepEqual(page.match(/class="\w*" style="width:[\d.]+%"/g), [
    'class="full" style="width:100.0%"',
    'class="" style="width:0.0%"',
    'class="high" style="width:80.0%"',
  ]);
  t.regex(words(page), /8, no limit\|/);
});

test('the failed first, then by tenant and number, 500 at most', async (t) => {
  const document = await documentOf(600);
  const workloads = document.workloads.map((w) => (w.id === 'web-598' ? { ...w, state: 'failed' } : w));
  const page = statusPage({ ...document, workloads }, NOW);
  const ids = [...page.matchAll(/scope="row">(web-\d+)/g)].map((match) => match[1]);
  t.is(ids.length, 500);
  t.deepEqual(ids.slice(0, 6), ['web-598', 'web-0', 'web-3', 'web-6', 'web-9', 'web-12']);
  t.regex(page, /class="bad">failed</);
  t.regex(page, /and 100 more/);
});
