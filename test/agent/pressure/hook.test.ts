// With real programs: what a hook may do and what it cannot.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runHook } from '../../../agent/pressure/hook.js';

function script(t: ExecutionContext, body: string): { path: string; dir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'berth-hook-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'hook');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return { path, dir };
}

const LONG = { timeoutMs: 60_000 };

test('it hears what is about to happen, and agrees with exit code 0', async (t) => {
  const { path, dir } = script(t, 'cat > told; printf %s "$PATH:$SECRET" > env');
  process.env.SECRET = 'token';
  t.teardown(() => void delete process.env.SECRET);
  const document = { action: 'kill', workload: 'web-1', figures: { full: 400 } };
  t.deepEqual(await runHook(path, document, LONG), { verdict: 'go', detail: '' });
  t.deepEqual(JSON.parse(readFileSync(join(dir, 'told'), 'utf8')), document);
  t.false(readFileSync(join(dir, 'env'), 'utf8').includes('token'), "nothing of the agent's environment is passed on");
});

test('exit code 75 puts it off, and what it says is kept', async (t) => {
  const { path } = script(t, 'echo "a dump is under way" >&2; exit 75');
  t.deepEqual(await runHook(path, {}, LONG), { verdict: 'veto', detail: 'put it off: a dump is under way' });
});

test('any other failure is told and holds up nothing', async (t) => {
  t.deepEqual(await runHook(script(t, 'exit 3').path, {}, LONG), { verdict: 'go', detail: 'exited with code 3' });
  t.deepEqual(await runHook(script(t, 'kill -TERM $$').path, {}, LONG), { verdict: 'go', detail: 'ended by SIGTERM' });
  const missing = await runHook('/none/hook', {}, LONG);
  t.is(missing.verdict, 'go');
  t.regex(missing.detail, /^cannot be run: .*ENOENT/);
});

test('a hang is killed with all that it has started', async (t) => {
  const { path, dir } = script(t, 'sleep 1000 & echo $! > child; wait');
  // A machine that is busy may not have started the child by then: the next hook gets twice the time.
  let timeoutMs = 500;
  for (; !existsSync(join(dir, 'child')); timeoutMs *= 2) {
    const outcome = await runHook(path, {}, { timeoutMs });
    t.deepEqual(outcome, { verdict: 'go', detail: `killed after ${timeoutMs} ms` });
  }
  const pid = Number(readFileSync(join(dir, 'child'), 'latin1'));
  // A zombie without a parent to reap it counts as dead.
  const state = (): string | undefined =>
    existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.[0] : undefined;
  const dead = (): boolean => [undefined, 'Z', 'X'].includes(state());
  for (const end = performance.now() + 10_000; !dead() && performance.now() < end; )
    await new Promise((resolve) => setImmediate(resolve));
  t.true(dead(), `the child ${pid} still runs`);
});

test('a document that it does not read is no error, and neither is what it leaves running', async (t) => {
  const { path } = script(t, 'sleep 2 >&2 & exit 0');
  t.deepEqual(await runHook(path, { text: 'x'.repeat(1 << 20) }, LONG), { verdict: 'go', detail: '' });
});

test('when the agent stops it is killed', async (t) => {
  const { path } = script(t, 'sleep 1000');
  const abort = new AbortController();
  const running = runHook(path, {}, { timeoutMs: 60_000, signal: abort.signal });
  abort.abort();
  t.deepEqual(await running, { verdict: 'go', detail: 'killed because the agent stops' });
  t.like(await runHook(path, {}, { timeoutMs: 60_000, signal: abort.signal }), {
    detail: 'killed because the agent stops',
  });
});
