import test from 'ava';
import { WebSocketServer } from 'ws';
import { connect } from '../../../agent/control/client.js';
import { LIMITS } from '../../../agent/control/limits.js';
import { fc } from '../../runner/property.js';
import { collect, startHarness } from './harness.js';

test('replay after any reconnect is without gap or duplicate, however the log grows meanwhile', async (t) => {
  const { control, events } = await startHarness(t);
  const cut = fc.record({ before: fc.nat(40), during: fc.nat(40), after: fc.nat(300), readUpTo: fc.nat(400) });
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 1, maxLength: 5 }), async (cuts) => {
      const start = events.cursor;
      const seen: number[] = [];
      const grow = (count: number) => {
        for (let i = 0; i < count; i++) events.append({ type: 'workload.state', data: { i } });
      };
      for (const { before, during, after, readUpTo } of cuts) {
        grow(before);
        const client = await connect(control.socketPath);
        const heard = collect(client);
        const reply = client.call('events.subscribe', { since: seen.at(-1) ?? start });
        grow(during);
        t.false((await reply).gap);
        grow(after);
        await heard.reaches(Math.min(start + readUpTo, events.cursor));
        seen.push(...heard.cursors);
        await client.close();
      }
      const client = await connect(control.socketPath);
      const heard = collect(client);
      await client.call('events.subscribe', { since: seen.at(-1) ?? start });
      if ((seen.at(-1) ?? start) < events.cursor) await heard.reaches(events.cursor);
      await client.close();
      t.deepEqual(
        [...seen, ...heard.cursors],
        Array.from({ length: events.cursor - start }, (_, i) => start + 1 + i),
      );
    }),
    { numRuns: 25 },
  );
});

test('without `since` only new events come', async (t) => {
  const { connect: local, events } = await startHarness(t);
  events.append({ type: 'agent.started' });
  const client = await local();
  const heard = collect(client);
  t.deepEqual(await client.call('events.subscribe'), { from: 2, cursor: 1, gap: false });
  events.append({ type: 'node.cordoned' });
  await heard.reaches(2);
  t.deepEqual(heard.cursors, [2]);
});

test('a gap is announced, and what is kept comes', async (t) => {
  const { connect: local, events } = await startHarness(t, { log: { keep: 100 } });
  for (let i = 0; i < 500; i++) events.append({ type: 'workload.state' });
  const client = await local();
  const heard = collect(client);
  const { from, cursor, gap } = await client.call('events.subscribe', { since: 10 });
  t.true(gap);
  t.is(cursor, 500);
  await heard.reaches(500);
  t.is(heard.cursors[0], from);
  t.is(heard.cursors.length, 501 - from);
});

test('a cursor from the future is a gap too, and everything kept comes', async (t) => {
  const { connect: local, events } = await startHarness(t);
  events.append({ type: 'agent.started' });
  const client = await local();
  const heard = collect(client);
  t.deepEqual(await client.call('events.subscribe', { since: 4000 }), { from: 1, cursor: 1, gap: true });
  await heard.reaches(1);
  t.deepEqual(heard.cursors, [1]);
});

test('the iterator yields replay and live, tells of a gap, and ends with the connection', async (t) => {
  const { connect: local, events, control } = await startHarness(t, { log: { keep: 10 } });
  for (let i = 0; i < 30; i++) events.append({ type: 'workload.state' });
  const client = await local();
  const gaps: number[] = [];
  const seen: number[] = [];
  const error = await t.throwsAsync(async () => {
    for await (const { cursor } of client.events(1, { onGap: (from) => gaps.push(from) })) {
      seen.push(cursor);
      // A reader that calls from within its loop must get its answer.
      if (cursor === 30) {
        await client.call('session.ping');
        events.append({ type: 'agent.stopping' });
      }
      if (cursor === 31) void control.stop();
    }
  });
  t.like(error, { code: 'cannot_connect' });
  t.is(gaps.length, 1);
  t.is(seen[0], gaps[0]);
  t.is(seen.at(-1), 31);
});

test('a signal ends the iterator', async (t) => {
  const client = await (await startHarness(t)).connect();
  const stop = new AbortController();
  const reading = (async () => {
    for await (const event of client.events(0, { signal: stop.signal })) t.fail(event.type);
  })();
  await client.call('session.ping');
  stop.abort(new Error('enough'));
  await t.throwsAsync(reading, { message: 'enough' });
});

test('a reader that stops reading is disconnected when it has fallen out of the log', async (t) => {
  const { control, events } = await startHarness(t, { log: { keep: 200 } });
  const client = await connect(control.socketPath);
  const reader = client.events(0);
  const first = reader[Symbol.asyncIterator]().next();
  await client.call('session.ping');
  events.append({ type: 'agent.started' });
  t.is((await first).value?.cursor, 1);
  const bulk = 'x'.repeat(20_000);
  while (control.stats().closed.length === 0) {
    for (let i = 0; i < 20; i++) events.append({ type: 'workload.state', data: { bulk } });
    await new Promise(setImmediate);
    t.true(events.cursor < 20_000, 'memory grows without end');
  }
  t.deepEqual(control.stats().closed, [{ reason: 'slow_reader', count: 1 }]);
  await client.close();
});

test('a call gets its timeout, its cancellation, and its own error when the connection drops', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) return t.fail();
  const client = await connect(`ws://127.0.0.1:${address.port}`);
  await t.throwsAsync(client.call('session.ping', {}, { signal: AbortSignal.timeout(1) }), {
    code: 'deadline_exceeded',
  });
  await t.throwsAsync(client.call('session.ping', {}, { signal: AbortSignal.abort(new Error('no')) }), {
    message: 'no',
  });
  const lost = client.call('session.ping');
  for (const socket of server.clients) socket.terminate();
  await t.throwsAsync(lost, { code: 'cannot_connect', message: /has ended: code 1006/ });
  t.is(LIMITS.messageBytes, 1 << 20);
});
