import test from 'ava';
import { lookAtHost } from '../../../agent/daemon/host-look.js';

test('whoever does not answer, or fails, does not keep the doctor', async (t) => {
  // As the agent has: without anything else to do a process does not wait for a time limit.
  const busy = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(busy));
  const warned: string[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  await lookAtHost(
    {
      reaper: {
        sweep: ({ signal }) => {
          signals.push(signal);
          return new Promise(() => undefined);
        },
      },
      health: { refresh: () => Promise.reject(new Error('failed')) },
      log: { warn: ({ err }: { err?: Error }) => warned.push(err?.name ?? '') },
    },
    1,
  );
  t.deepEqual(warned, ['TimeoutError', 'Error']);
  t.true(signals[0]?.aborted);
});
