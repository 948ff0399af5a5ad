// A probe inside a workload: what the program says counts, and nothing else does.
import test from 'ava';
import type { StreamEnd } from '../../../../agent/model/execution.js';
import type { HealthSpec } from '../../../../agent/model/health-spec.js';
import { commandProbe } from '../../../../agent/workload/inside/probe.js';
import { BerthError, type ErrorCode } from '../../../../protocol/errors.js';

const HEALTH = { command: ['/bin/check'], timeout: '5s' } as unknown as HealthSpec;
const exit = (code: number | null, signal: string | null = null): StreamEnd => ({
  exit: { code, signal },
  error: null,
});
const report = (code: ErrorCode) => ({ code, message: 'no', hint: 'none' });

/** An execution that ends so; killed, by SIGKILL. */
function execution(end: StreamEnd | undefined) {
  let finish: (end: StreamEnd) => void = () => undefined;
  const ended = end === undefined ? new Promise<StreamEnd>((resolve) => (finish = resolve)) : Promise.resolve(end);
  const made = {
    ...{ ended, killed: false },
    kill: async () => {
      made.killed = true;
      finish(exit(null, 'SIGKILL'));
    },
  };
  return made;
}

const ask = (
  made: () => Promise<ReturnType<typeof execution>>,
  signal = new AbortController().signal,
  health = HEALTH,
) => commandProbe({ probe: async () => made() } as never)('web', health, signal);

const ENDS: readonly (readonly [StreamEnd, string | null | undefined])[] = [
  [exit(0), undefined],
  [exit(3), 'the command ended with exit code 3'],
  [exit(null, 'SIGSEGV'), 'the command was ended by SIGSEGV'],
  [{ exit: { code: 127, signal: null }, error: report('exec_failed') }, 'the command could not be started'],
  [{ exit: null, error: report('internal') }, null],
  [{ exit: null, error: null }, null],
];

for (const [end, answer] of ENDS)
  test(`${JSON.stringify(end)} is ${JSON.stringify(answer)}`, async (t) => {
    t.is(await ask(async () => execution(end)), answer);
  });

test('what keeps it from being asked is no fault of the workload', async (t) => {
  for (const error of [
    new BerthError('exec_failed', 'the supervisor does not answer'),
    new BerthError('workload_ending', 'it ends'),
    new BerthError('binary_missing', 'no crun'),
    new DOMException('late', 'TimeoutError'),
    new Error('ENOSPC'),
  ])
    t.is(await ask(() => Promise.reject(error)), null, error.message);
});

test('ended by its time-out it has failed; ended with the probe or with the agent it has not', async (t) => {
  const late = { ...HEALTH, timeout: '1ms' } as HealthSpec;
  t.is(await ask(async () => execution(undefined), undefined, late), 'the command did not end within 1ms');
  const end = new AbortController();
  const one = execution(undefined);
  const asked = ask(async () => one, end.signal);
  end.abort();
  t.is(await asked, null);
  const other = execution(undefined);
  const again = ask(async () => other);
  await other.kill();
  t.is(await again, null);
});
