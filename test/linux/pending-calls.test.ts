import { getEventListeners } from 'node:events';
import test from 'ava';
import { PendingCalls } from '../../linux/pending-calls.js';

const ENDS = ['answer', 'error', 'deadline', 'signal', 'peer'] as const;

for (const end of ENDS)
  test(`${end}: a call ends once, leaves neither timer nor listener, and what comes later finds nobody`, async (t) => {
    const calls = new PendingCalls<string>();
    const gone = new AbortController();
    let given = 0;
    const call = calls.wait(1, {
      ...{ signal: gone.signal, deadlineMs: end === 'deadline' ? 1 : 60_000_000 },
      ...{ tooLate: () => new Error('deadline'), givenUp: () => given++ },
    });
    t.is(calls.size, 1);
    if (end === 'answer') calls.resolve(1, 'answer');
    if (end === 'error') calls.reject(1, new Error('error'));
    if (end === 'signal') gone.abort(new Error('signal'));
    if (end === 'peer') calls.rejectAll(new Error('peer'));
    if (end === 'answer') t.is(await call, end);
    else await t.throwsAsync(call, { message: end });
    t.is(calls.size, 0);
    t.is(given, end === 'deadline' || end === 'signal' ? 1 : 0);
    t.deepEqual(getEventListeners(gone.signal, 'abort'), []);
    t.false(calls.resolve(1, 'late'));
    t.false(calls.reject(1, new Error('late')));
  });

test('a signal that is aborted already begins no call', async (t) => {
  const calls = new PendingCalls<string>();
  await t.throwsAsync(calls.wait(1, { signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  t.is(calls.size, 0);
});
