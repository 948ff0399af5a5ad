// Streams: the same bytes on both ends, however they are cut, and no more of them on the way than the window.
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { OpenStream } from '../../../agent/control/client-stream.js';
import { type Notify, Stream } from '../../../agent/control/stream.js';
import {
  MOST_CHUNK,
  STREAM_WINDOW,
  type StreamNotifications,
  type StreamSource,
} from '../../../agent/control/stream-protocol.js';
import { fc } from '../../runner/property.js';
import { echo, fakeService, specOf } from './fake-service.js';
import { fakeSession } from './fake-session.js';
import { startHarness } from './harness.js';

type Told = { readonly [N in keyof StreamNotifications]: [N, StreamNotifications[N]] }[keyof StreamNotifications];

/** Any bytes, up to several windows, as lengths of pieces. */
const pieces = fc.array(fc.integer({ min: 1, max: 90_000 }), { maxLength: 12 });
const bytesOf = (length: number, from: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => ((from + at) * 31 + ((from + at) >> 9)) & 255));
const cut = (lengths: readonly number[]): Buffer[] => {
  let from = 0;
  return lengths.map((length) => {
    const piece = bytesOf(length, from);
    from += length;
    return piece;
  });
};

/** Both ends with nothing between them but whole turns of the event loop. */
function connected(source: StreamSource): OpenStream {
  let client: OpenStream | undefined;
  const notify: Notify = (method, params) => void turn().then(() => client?.receive(method, params));
  const server = new Stream(1, source, notify, () => undefined);
  client = new OpenStream(1, (method, params) => {
    void turn().then(() => {
      const { data = '', end = false, bytes = 0 } = params as { data?: string; end?: boolean; bytes?: number };
      if (method === 'stream.input') server.input(Buffer.from(data, 'base64'), end);
      else if (method === 'stream.credit') server.credit(bytes);
      else server.close();
    });
  });
  server.start();
  return client;
}

test('what goes in comes out, in any pieces', async (t) => {
  await fc.assert(
    fc.asyncProperty(pieces, async (lengths) => {
      const sent = cut(lengths);
      const client = connected(echo());
      const writing = (async () => {
        for (const piece of sent) await client.write(piece);
        client.end();
      })();
      const got: Buffer[] = [];
      for await (const { bytes } of client.output) got.push(bytes);
      await writing;
      t.true(Buffer.concat(got).equals(Buffer.concat(sent)));
      t.deepEqual(await client.ended, { exit: { code: 0, signal: null }, error: null });
    }),
    { numRuns: 40 },
  );
});

/** A program that writes without end, and counts what is taken from it. */
function endless(): StreamSource & { readonly taken: () => number } {
  let taken = 0;
  const stdout = new Readable({
    highWaterMark: MOST_CHUNK,
    read() {
      taken += MOST_CHUNK;
      this.push(Buffer.alloc(MOST_CHUNK));
    },
  });
  const ended = new Promise<void>((resolve) => stdout.once('close', resolve));
  return {
    ...{ outputs: { stdout }, input: undefined, hangUp: () => stdout.destroy(), taken: () => taken },
    ended: ended.then(() => ({ exit: { code: null, signal: 'SIGHUP' }, error: null })),
  };
}

test('a peer that gives no credit stops the reading of the program', async (t) => {
  const source = endless();
  const told: Told[] = [];
  const stream = new Stream(
    1,
    source,
    (...one) => told.push(one as Told),
    () => undefined,
  );
  stream.start();
  for (let rounds = 0; rounds < 100; rounds++) await turn();
  const sent = (): number =>
    told.reduce(
      (sum, [name, params]) => sum + (name === 'stream.output' ? Buffer.from(params.data, 'base64').length : 0),
      0,
    );
  t.is(sent(), STREAM_WINDOW);
  t.true(source.taken() <= STREAM_WINDOW + 3 * MOST_CHUNK, `${source.taken()}`);
  stream.credit(1000);
  for (let rounds = 0; rounds < 100; rounds++) await turn();
  t.is(sent(), STREAM_WINDOW + 1000);
  // More than the window is never on the way, whatever a peer says.
  for (let times = 0; times < 50; times++) stream.credit(1);
  stream.credit(STREAM_WINDOW);
  stream.credit(STREAM_WINDOW);
  for (let rounds = 0; rounds < 100; rounds++) await turn();
  t.true(sent() <= 4 * STREAM_WINDOW);
  stream.close();
  for (let rounds = 0; rounds < 100 && told.at(-1)?.[0] !== 'stream.end'; rounds++) await turn();
  t.deepEqual(told.at(-1), ['stream.end', { stream: 1, exit: { code: null, signal: 'SIGHUP' }, error: null }]);
});

test('input beyond the credit ends the stream', (t) => {
  const hungUp: number[] = [];
  const input = new PassThrough({ highWaterMark: 1 });
  const source = { ...endless(), input, hangUp: () => void hungUp.push(1) };
  const told: Told[] = [];
  const stream = new Stream(
    1,
    source,
    (...one) => told.push(one as Told),
    () => undefined,
  );
  // Nobody reads the other end of the pipe: nothing is given back.
  for (let sent = 0; sent < STREAM_WINDOW; sent += MOST_CHUNK) stream.input(Buffer.alloc(MOST_CHUNK), false);
  t.throws(() => stream.input(Buffer.alloc(1), false), { code: 'stream_overrun' });
  t.is(hungUp.length, 1);
  t.like(told.at(-1), ['stream.end', { exit: null, error: { code: 'stream_overrun' } }]);
});

test('input for a program that has none, or reads it no longer, is taken and dropped', async (t) => {
  const source = echo();
  source.input?.destroy();
  const client = connected({ ...endless(), input: source.input });
  await client.write(Buffer.alloc(3 * STREAM_WINDOW));
  const other = connected(endless());
  await other.write(Buffer.alloc(3 * STREAM_WINDOW));
  other.close();
  t.like(await other.ended, { exit: { signal: 'SIGHUP' } });
});

test('a session has so many streams, they are its own, and they end with it', async (t) => {
  const service = fakeService();
  await service.create(specOf('web', 'acme') as never);
  const hungUp: number[] = [];
  service.source = () => ({ ...endless(), outputs: {}, hangUp: () => void hungUp.push(1) });
  const { session, ask } = fakeSession(t, service, { streams: 2 });
  const exec = (id: number) =>
    ask(JSON.stringify({ jsonrpc: '2.0', id, method: 'workload.exec', params: { id: 'web', command: ['sh'] } }));
  t.like(JSON.parse(await exec(1)), { id: 1, result: { stream: 1 } });
  t.like(JSON.parse(await exec(2)), { id: 2, result: { stream: 2 } });
  t.like(JSON.parse(await exec(3)), { id: 3, error: { data: { code: 'too_many_streams' } } });
  const wrong = await ask(JSON.stringify({ jsonrpc: '2.0', id: 4, method: 'stream.input', params: { stream: 3 } }));
  t.like(JSON.parse(wrong), { error: { data: { code: 'stream_unknown' } } });
  session.ended();
  t.is(hungUp.length, 2);
});

const WRONG: readonly (readonly [string, object])[] = [
  ['workload.exec', { id: 'web', command: [] }],
  ['workload.exec', { id: 'web', command: ['a\0b'] }],
  ['workload.exec', { id: 'web', command: Array.from({ length: 1025 }, () => 'a') }],
  ['workload.exec', { id: 'web', command: ['a'.repeat(131_072)] }],
  ['workload.exec', { id: 'web', command: ['a'], env: { 'a=b': 'c' } }],
  [
    'workload.exec',
    { id: 'web', command: ['a'], env: Object.fromEntries(Array.from({ length: 1025 }, (_, at) => [`a${at}`, ''])) },
  ],
  ['workload.exec', { id: 'web', command: ['a'], cwd: 'relative' }],
  ['workload.exec', { id: 'web', command: ['a'], tty: { columns: 0, rows: 1 } }],
  ['workload.exec', { id: 'web', command: ['a'], tty: { columns: 80, rows: 65_536 } }],
  ['workload.exec', { id: 'web', command: ['a'], user: '' }],
  ['workload.exec', { id: 'web', command: ['a'], privileged: true }],
  ['stream.input', { stream: 1, data: 'no base64!' }],
  ['stream.input', { stream: 1, data: 'A'.repeat(4 * Math.ceil(MOST_CHUNK / 3) + 4) }],
  ['stream.credit', { stream: 1, bytes: 0 }],
  ['stream.credit', { stream: 1, bytes: STREAM_WINDOW + 1 }],
  ['stream.resize', { stream: 1, columns: 80 }],
  ['stream.signal', { stream: 1, signal: 'SIGSEGV' }],
  ['stream.close', { stream: -1 }],
];

test('what is wrong is refused, and nothing is started', async (t) => {
  const service = fakeService();
  await service.create(specOf('web', 'acme') as never);
  const { ask } = fakeSession(t, service);
  const before = service.calls.length;
  for (const [at, [method, params]] of WRONG.entries()) {
    const answer = JSON.parse(await ask(JSON.stringify({ jsonrpc: '2.0', id: at, method, params })));
    t.like(answer, { id: at, error: { data: { code: 'invalid_params' } } }, `${method} ${at}`);
  }
  t.is(service.calls.length, before);
});

test('over a socket: output waits for its reader, and an ended connection fails the stream', async (t) => {
  const { service, connect } = await startHarness(t);
  await service.create(specOf('web', 'acme') as never);
  const client = await connect();
  const stream = await client.open('workload.exec', { id: 'web', command: ['cat'], stdin: true });
  await stream.write(Buffer.from('hello'));
  stream.end();
  const got: string[] = [];
  for await (const { channel, bytes } of stream.output) got.push(`${channel} ${bytes.toString()}`);
  t.deepEqual(got, ['stdout hello']);
  t.like(await stream.ended, { exit: { code: 0 } });
  t.is(service.calls.at(-1), 'exec web cat');
  const other = await client.open('workload.exec', { id: 'web', command: ['cat'] });
  const failed = t.throwsAsync(other.ended, { code: 'cannot_connect' });
  await client.close();
  await failed;
});
