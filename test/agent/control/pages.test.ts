// Every method that answers in pages, found by its parameters: the pages together are the whole answer.
import test from 'ava';
import { MOST_ON_PAGE } from '../../../agent/base/pages.js';
import type { PagedMethod } from '../../../agent/cli/pages.js';
import { pages } from '../../../agent/cli/pages.js';
import { METHODS } from '../../../agent/control/methods.js';
import { specOf } from './fake-service.js';
import { startHarness } from './harness.js';

const member = (name: string) => (answer: object) => (answer as Record<string, unknown[]>)[name] ?? [];

/** Where each has its list. */
const LISTS: Readonly<Record<PagedMethod, (answer: object) => readonly unknown[]>> = {
  'node.top': member('workloads'),
  // What is no tenant's is on the first page, whatever its size.
  'node.capacity': (answer) =>
    member('rows')(answer).filter((row) => (row as { scope: string }).scope.startsWith('tenant/')),
  'workload.list': member('workloads'),
  'volume.list': member('volumes'),
  'image.list': member('images'),
  'engine.get': member('workloads'),
  'snapshot.list': member('snapshots'),
  'tenant.list': member('tenants'),
  'licence.list': member('licences'),
  'licence.audit': member('entries'),
};

/** What some need besides. */
const NEEDED: Partial<Record<PagedMethod, object>> = { 'engine.get': { engine: 'docker' } };
const METHOD_NAMES = Object.keys(LISTS) as readonly PagedMethod[];

test('the table names every method with `limit` and `cursor`', (t) => {
  const paged = Object.entries(METHODS).filter(([, { shape }]) => 'limit' in shape && 'cursor' in shape);
  t.deepEqual(paged.map(([name]) => name).sort(), [...METHOD_NAMES].sort());
});

for (const method of METHOD_NAMES)
  test(`${method}: pages of any size are the whole, in order, and only the last has no \`next\``, async (t) => {
    const client = await (await startHarness(t)).connect();
    for (const id of ['e', 'b', 'd', 'a', 'c'])
      await client.call('workload.create', { spec: specOf(id, id < 'c' ? 'acme' : 'globex') });
    const listOf = LISTS[method];
    const needed = NEEDED[method] ?? {};
    const whole = await client.call(method, needed as never);
    t.true(listOf(whole).length >= 2);
    t.false('next' in whole);
    for (const limit of [1, 2, 3, MOST_ON_PAGE]) {
      const found: unknown[] = [];
      let count = 0;
      for await (const page of pages(client, method, needed as never, limit)) {
        t.true(listOf(page).length > 0 && listOf(page).length <= limit);
        found.push(...listOf(page));
        count++;
      }
      t.deepEqual(found, listOf(whole));
      t.is(count, Math.ceil(found.length / limit));
    }
    for (const limit of [0, MOST_ON_PAGE + 1, 1.5])
      await t.throwsAsync(client.call(method, { ...needed, limit } as never), { code: 'invalid_params' });
  });

test('a page is counted after the scope of the session', async (t) => {
  const client = await (await startHarness(t)).connect();
  for (const id of ['a', 'b', 'c']) await client.call('workload.create', { spec: specOf(id, 'acme') });
  await client.call('workload.create', { spec: specOf('z', 'globex') });
  await client.call('session.hello', { scheduler: 'one', epoch: 1, scopes: ['globex'] });
  const top = await client.call('node.top', { limit: 1 });
  t.deepEqual([top.workloads.map(({ id }) => id), top.next], [['z'], undefined]);
  const { tenants, next } = await client.call('tenant.list', { limit: 1 });
  t.deepEqual([tenants.map(({ name }) => name), next], [['globex'], undefined]);
  const audit = await client.call('licence.audit', { limit: 1 });
  t.deepEqual([audit.entries.map(({ workload }) => workload), audit.next], [['theirs'], undefined]);
  t.deepEqual((await client.call('tenant.list', { tenant: 'acme' })).tenants, []);
});
