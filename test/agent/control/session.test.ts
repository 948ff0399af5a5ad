import test, { type ExecutionContext } from 'ava';
import { EpochFence } from '../../../agent/control/authorise.js';
import { BACKOFF, Backoff } from '../../../agent/control/backoff.js';
import { EventLog } from '../../../agent/control/event-log.js';
import { Heartbeat } from '../../../agent/control/heartbeat.js';
import { LIMITS, TokenBucket } from '../../../agent/control/limits.js';
import { NumberFile } from '../../../agent/control/number-file.js';
import { Session } from '../../../agent/control/session.js';
import { Counters } from '../../../agent/control/stats.js';
import { fakeService } from './fake-service.js';
import { temporaryDirectory } from './harness.js';
import { request } from './raw.js';

/** A session on a transport whose peer reads nothing: what is sent stays buffered. */
function stuckSession(t: ExecutionContext) {
  const directory = temporaryDirectory(t);
  const events = new EventLog({ directory, bootId: 'boot-1' });
  const sent: string[] = [];
  const closes: number[] = [];
  let buffered = 0;
  const { promise, resolve } = resolvers();
  const session = new Session(
    {
      service: fakeService(),
      events,
      fence: new EpochFence(new NumberFile(`${directory}/epochs.json`, { fsync: true, onDamage: () => undefined })),
      counters: new Counters(),
      limits: LIMITS,
      now: () => 0,
      onDefect: (error) => t.fail(String(error)),
    },
    {
      get bufferedAmount() {
        return buffered;
      },
      send: (text) => {
        sent.push(text);
        buffered += 1 << 20;
      },
      close: (code) => {
        closes.push(code);
        resolve(code);
      },
    },
    { kind: 'local', uid: 0, role: 'operator', scopes: [], allow: null },
  );
  return { session, events, sent, closes, closed: promise };
}

function resolvers(): { promise: Promise<number>; resolve: (code: number) => void } {
  let resolve: (code: number) => void = () => undefined;
  const promise = new Promise<number>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

test('replies pile up to 4 MiB, then the slow reader is closed with 1013', async (t) => {
  const { session, sent, closes, closed } = stuckSession(t);
  for (let id = 1; id <= 7; id++) session.receive(request(id, 'session.ping'));
  t.is(await closed, 1013);
  t.is(sent.length, 5);
  session.receive(request(8, 'session.ping'));
  t.deepEqual(closes, [1013]);
});

test('events do not pile up: they wait in the log', async (t) => {
  const { session, events, sent, closes } = stuckSession(t);
  session.receive(request(1, 'events.subscribe', { since: 0 }));
  while (sent.length === 0) await new Promise(setImmediate);
  for (let i = 0; i < 100; i++) events.append({ type: 'agent.started' });
  t.is(sent.length, 2);
  t.deepEqual(closes, []);
});

test('a message too large for the session is not even parsed', async (t) => {
  const { session, closed } = stuckSession(t);
  session.receive('x'.repeat((1 << 20) + 1));
  t.is(await closed, 1009);
});

test('delays grow from 250 ms to 2 min with jitter, and start over after a stable minute', (t) => {
  for (const [random, factor] of [
    [0, 0.8],
    [0.5, 1],
    [1, 1.2],
  ] as const) {
    const backoff = new Backoff(BACKOFF, () => random);
    const delays = Array.from({ length: 20 }, () => backoff.next(0));
    t.is(delays[0], 250 * factor);
    t.is(delays[1], Math.round(375 * factor));
    t.is(delays.at(-1), 120_000 * factor);
    t.is(backoff.next(59_999), 120_000 * factor);
    t.is(backoff.next(60_000), 250 * factor);
  }
});

test('a bucket holds one second, whatever the clock does', (t) => {
  const bucket = new TokenBucket(2, 0);
  t.deepEqual([bucket.take(0), bucket.take(0), bucket.take(0)], [0, 0, 500]);
  t.is(bucket.take(500), 0);
  t.is(bucket.take(100), 500, 'a clock that steps back gives nothing');
  t.is(bucket.take(1_000_000), 0);
  t.is(bucket.take(1_000_000), 0);
  t.is(bucket.take(1_000_000), 500);
});

test('a peer that answers lives; one that is silent for three pings is lost, once', async (t) => {
  let pings = 0;
  const how = await new Promise<string>((resolve) => {
    const lively: Heartbeat = new Heartbeat(
      {
        ping: () => {
          if (++pings < 10) lively.answered();
        },
        lost: resolve,
      },
      1,
    );
  });
  t.is(how, 'silent');
  t.is(pings, 12);
});

test('a peer that sends and answers no ping is lost after six', async (t) => {
  let pings = 0;
  const how = await new Promise<string>((resolve) => {
    const talking: Heartbeat = new Heartbeat(
      {
        ping: () => {
          if (++pings < 10) talking.answered();
          else talking.heard();
        },
        lost: resolve,
      },
      1,
    );
  });
  t.is(how, 'deaf');
  t.is(pings, 15);
});
