import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { BACKOFF } from '../../../agent/control/backoff.js';
import { type Resolve, sharedLookup } from '../../../agent/control/lookup.js';
import { startScheduler } from '../../scheduler/scheduler.js';
import { startHarness } from './harness.js';

const HERE: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];

/** A resolver that answers when it is told to. */
function heldResolver() {
  const asked: { readonly hostname: string; readonly answer: (error?: Error) => void }[] = [];
  const resolve: Resolve = (hostname) =>
    new Promise((done, fail) => {
      asked.push({ hostname, answer: (error) => (error === undefined ? done(HERE) : fail(error)) });
    });
  return { asked, resolve };
}

function ask(lookup: LookupFunction, hostname: string, all = true): Promise<unknown> {
  return new Promise((resolve, reject) => {
    lookup(hostname, { all }, (error, address) => (error === null ? resolve(address) : reject(error)));
  });
}

async function until(look: () => boolean): Promise<void> {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('lookups of one name share one call, and two names wait for each other', async (t) => {
  const { asked, resolve } = heldResolver();
  const lookup = sharedLookup(resolve);
  const first = [ask(lookup, 'a.test'), ask(lookup, 'a.test'), ask(lookup, 'a.test', false)];
  const second = t.throwsAsync(ask(lookup, 'b.test'), { message: 'no such name' });
  await until(() => asked.length === 1);
  asked[0]?.answer();
  t.deepEqual(await Promise.all(first), [HERE, HERE, '127.0.0.1']);
  await until(() => asked.length === 2);
  asked[1]?.answer(new Error('no such name'));
  await second;
  t.deepEqual(
    asked.map(({ hostname }) => hostname),
    ['a.test', 'b.test'],
  );
});

async function dialled(t: ExecutionContext, dialMs: number) {
  const scheduler = await startScheduler();
  t.teardown(() => scheduler.stop());
  const { asked, resolve } = heldResolver();
  const harness = await startHarness(t, {
    schedulers: [{ url: `ws://scheduler.test:${scheduler.port}` }],
    backoff: { ...BACKOFF, firstMs: 1, maxMs: 5 },
    limits: { dialMs },
    lookup: sharedLookup(resolve),
  });
  return { ...harness, scheduler, asked };
}

test('a name server that does not answer: each dial ends at its deadline, and one lookup stays under way', async (t) => {
  const { warnings, scheduler, asked } = await dialled(t, 50);
  await until(() => warnings.length >= 5);
  t.regex(warnings[0] ?? '', /not connected within 50 ms/);
  t.is(asked.length, 1);
  // The dial that waits takes the late answer, and so does the next one if there is none at that moment.
  const answering = setInterval(() => {
    for (const { answer } of asked) answer();
  }, 5);
  t.teardown(() => clearInterval(answering));
  t.is((await scheduler.node()).name, 'node-1');
});

test('a stop does not wait for a name server', async (t) => {
  const { control, asked } = await dialled(t, 3_600_000);
  await until(() => asked.length === 1);
  await control.stop(50);
  t.false(control.stats().schedulers[0]?.connected);
});
