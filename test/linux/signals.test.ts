import { getEventListeners } from 'node:events';
import test from 'ava';
import { abortWith } from '../../linux/signals.js';
import { timeLimit } from '../../linux/timers.js';

const listeners = (...signals: AbortSignal[]): number[] =>
  signals.map((signal) => getEventListeners(signal, 'abort').length);

/** Three signals; those of `aborted` before anybody follows them. */
function sourcesOf(...aborted: number[]): [AbortController, AbortController, AbortController] {
  const sources = [new AbortController(), new AbortController(), new AbortController()] as const;
  for (const at of aborted) sources[at]?.abort(new Error(`source ${at}`));
  return [...sources];
}

for (const first of [0, 1, 2])
  test(`source ${first} aborts it with its reason, once, and nothing is left at the others`, (t) => {
    const sources = sourcesOf();
    const end = new AbortController();
    let told = 0;
    end.signal.addEventListener('abort', () => told++);
    abortWith(end, ...sources.map(({ signal }) => signal), undefined);
    t.deepEqual(listeners(...sources.map(({ signal }) => signal)), [1, 1, 1]);
    sources[first]?.abort(new Error(`source ${first}`));
    t.is(end.signal.reason.message, `source ${first}`);
    t.deepEqual(listeners(...sources.map(({ signal }) => signal)), [0, 0, 0]);
    for (const source of sources) source.abort(new Error('later'));
    t.is(end.signal.reason.message, `source ${first}`);
    t.is(told, 1);
  });

for (const aborted of [[0], [1], [2], [2, 1]])
  test(`${aborted.join(' and ')} aborted before: it is aborted at once, and follows nobody`, (t) => {
    const sources = sourcesOf(...aborted);
    const end = new AbortController();
    abortWith(end, ...sources.map(({ signal }) => signal));
    t.is(end.signal.reason.message, `source ${Math.min(...aborted)}`);
    t.deepEqual(listeners(...sources.map(({ signal }) => signal)), [0, 0, 0]);
  });

test('after its work it follows nobody, and a source that lives on keeps nothing of a thousand calls', (t) => {
  const { signal } = new AbortController();
  for (let call = 0; call < 1000; call++) {
    const end = new AbortController();
    const letGo = abortWith(end, signal);
    letGo();
    letGo();
    t.false(end.signal.aborted);
  }
  t.deepEqual(listeners(signal), [0]);
});

test('a time limit lets go of the signal that it is within', (t) => {
  const within = new AbortController();
  const done = timeLimit(60_000, { within: within.signal });
  const aborted = timeLimit(60_000, { within: within.signal });
  t.deepEqual(listeners(within.signal), [2]);
  done.done();
  t.deepEqual(listeners(within.signal), [1]);
  within.abort(new Error('over'));
  t.is(aborted.signal.reason.message, 'over');
  t.false(done.signal.aborted);
  t.deepEqual(listeners(within.signal), [0]);
});
