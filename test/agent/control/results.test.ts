// The schemas of the answers: of what, and what they catch.
import test from 'ava';
import { protocolDocuments } from '../../../agent/control/document.js';
import { METHODS } from '../../../agent/control/methods.js';
import { AGREED } from '../../../agent/control/told.js';
import { RESULTS } from '../../../protocol/results.js';
import { requireTold } from '../told-client.js';
import { fakeService } from './fake-service.js';
import { startHarness } from './harness.js';

test('every method has the schema of its answer, and no other name has one', (t) => {
  t.deepEqual(Object.keys(RESULTS).sort(), Object.keys(METHODS).sort());
  // The compiler has compared the types.
  t.true(AGREED);
});

test('a field that is missing, of another type, or not described is found, however deep', (t) => {
  const row = fakeService().capacity({}).shared[0];
  const answer = { tenants: [{ name: 'acme', rows: [row] }] };
  t.throws(() => requireTold('tenant.list', answer), { message: /^tenant.list: .*tenants.0.quota: / });
  t.throws(() => requireTold('session.ping', { at: 'now' }), { message: /at: .*number/ });
  t.throws(() => requireTold('session.ping', { at: 1, zone: 'UTC' }), { message: /zone/ });
  t.throws(() => requireTold('event', { cursor: 1, at: 1, type: 'x' }), { message: /data/ });
  t.notThrows(() => requireTold('session.ping', { at: 1 }));
});

test('a client of tests finds an answer that is not as the protocol says', async (t) => {
  const { connect, service } = await startHarness(t);
  const client = await connect();
  t.true((await client.call('tenant.list')).tenants.length > 0);
  const tenants = service.tenants({});
  Object.assign(service, { tenants: () => tenants.map((tenant) => ({ ...tenant, secret: 'heron' })) });
  await t.throwsAsync(client.call('tenant.list'), { message: /tenants.0: .*secret/ });
});

test('the documents have every answer, open for fields of later versions, and each reference leads somewhere', (t) => {
  const { jsonSchema, asyncapi } = protocolDocuments('0.0.0');
  const parts = jsonSchema.$defs as Record<string, object>;
  for (const method of Object.keys(METHODS)) t.truthy(parts[`${method}.result`], method);
  t.notRegex(JSON.stringify(parts['node.describe.result']), /additionalProperties":false/);
  for (const [text, root] of [
    [JSON.stringify(jsonSchema), '#/$defs/'],
    [JSON.stringify(asyncapi), '#/components/schemas/'],
  ] as const) {
    const known = Object.keys(root === '#/$defs/' ? parts : (asyncapi.components as { schemas: object }).schemas);
    const asked = [...text.matchAll(/"\$ref":"([^"]+)"/g)]
      .map(([, ref = '']) => ref)
      .filter((ref) => ref.startsWith(root));
    t.deepEqual(
      [...new Set(asked.map((ref) => ref.slice(root.length)))].filter((name) => !known.includes(name)),
      [],
    );
    t.true(asked.length > 100);
  }
});
