import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BACKOFF } from '../../../agent/control/backoff.js';
import { startScheduler } from '../../scheduler/scheduler.js';
import { specOf } from './fake-service.js';
import { startHarness, temporaryDirectory } from './harness.js';

const backoff = { ...BACKOFF, firstMs: 5, maxMs: 50 };

test('an agent dials, is greeted, and serves', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const { control, events } = await startHarness(t, { schedulers: [{ url: scheduler.url }], backoff });
  const node = await scheduler.node('node-1');
  t.is((await node.place(specOf('web'))).state, 'running');
  await node.waitForEvent(({ type }) => type === 'scheduler.connected');
  t.like(control.stats().schedulers[0], { id: 'scheduler', connected: true, reconnects: 0, lastError: null });
  const { cursor } = events.append({ type: 'node.cordoned' });
  t.is(control.stats().schedulers[0]?.pending, 1);
  await node.waitForEvent((event) => event.cursor === cursor);
});

test('a scheduler that restarts on the same port gets the node back, and every event once', async (t) => {
  const first = await startScheduler();
  const { events, control } = await startHarness(t, { schedulers: [{ url: first.url }], backoff });
  const before = await first.node();
  const { cursor } = events.append({ type: 'node.cordoned' });
  await before.waitForEvent((event) => event.cursor === cursor);
  const disconnected = new Promise<void>((resolve) => {
    events.onEvent(({ type }) => type === 'scheduler.disconnected' && resolve());
  });
  await first.stop();
  await disconnected;
  events.append({ type: 'node.uncordoned' });

  const second = await startScheduler({ port: first.port, epoch: 2 });
  t.teardown(() => second.stop());
  const node = await second.node();
  const last = events.append({ type: 'node.cordoned' }).cursor;
  await node.waitForEvent((event) => event.cursor === last);
  const seen = node.events.map((event) => event.cursor);
  t.deepEqual(
    seen,
    Array.from({ length: seen.length }, (_, i) => (seen[0] ?? 0) + i),
  );
  t.true((seen[0] ?? 0) <= cursor + 1);
  t.is(control.stats().schedulers[0]?.reconnects, 1);
});

test('a node whose connection is cut comes back and goes on where it was', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const { events } = await startHarness(t, { schedulers: [{ url: scheduler.url }], backoff });
  const node = await scheduler.node();
  for (let i = 0; i < 4; i++) {
    for (let k = 0; k < 50; k++) events.append({ type: 'workload.state', data: { i, k } });
    node.drop();
    const { cursor } = events.append({ type: 'node.cordoned' });
    await node.waitForEvent((event) => event.cursor === cursor);
  }
  t.is(node.gaps.length, 0);
  t.deepEqual(
    node.events.map(({ cursor }) => cursor),
    node.events.map((_, i) => i + 1),
  );
  t.true(node.connections >= 4);
});

test('a call made while the node is away waits for it', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  await startHarness(t, { schedulers: [{ url: scheduler.url }], backoff });
  const node = await scheduler.node();
  node.drop();
  await node.waitForEvent(({ type }) => type === 'scheduler.disconnected');
  t.true((await node.call('session.ping')).at > 0);
});

test('a wrong token is refused; the right one, once it is in the file, is taken', async (t) => {
  const scheduler = await startScheduler({ token: 'sesame' });
  t.teardown(() => scheduler.stop());
  const token = join(temporaryDirectory(t), 'token');
  writeFileSync(token, 'guess\n');
  const { control } = await startHarness(t, { schedulers: [{ url: scheduler.url, token_file: token }], backoff });
  t.is(await scheduler.problem(), 'node-1: HTTP 401');
  t.false(control.stats().schedulers[0]?.connected);
  writeFileSync(token, 'sesame\n');
  t.is((await scheduler.node()).name, 'node-1');
  t.regex(String(control.stats().schedulers[0]?.lastError), /401/);
});

test('a missing token file keeps the agent dialling, and says so', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const token = join(temporaryDirectory(t), 'token');
  const { warnings } = await startHarness(t, { schedulers: [{ url: scheduler.url, token_file: token }], backoff });
  while (warnings.length === 0) await new Promise(setImmediate);
  t.regex(warnings[0] ?? '', /token.*ENOENT/);
  writeFileSync(token, 'any');
  t.is((await scheduler.node()).name, 'node-1');
});

test('a scheduler of an older epoch is turned away while the newer one stays', async (t) => {
  const [newer, older] = [await startScheduler({ epoch: 2 }), await startScheduler({ epoch: 1 })];
  t.teardown(() => Promise.all([newer.stop(), older.stop()]));
  await startHarness(t, { schedulers: [{ url: newer.url }, { url: older.url }], backoff });
  const node = await newer.node();
  t.regex(await older.problem(), /stale_epoch/);
  t.true((await node.call('session.ping')).at > 0);
});

test('stopping hangs up on schedulers and dials no more', async (t) => {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const { control } = await startHarness(t, {
    schedulers: [{ url: scheduler.url }, { url: 'ws://127.0.0.1:1', id: 'b' }],
  });
  await scheduler.node();
  await control.stop();
  t.true(control.stats().schedulers.every(({ connected }) => !connected));
});
