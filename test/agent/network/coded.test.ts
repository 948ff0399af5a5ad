import test from 'ava';
import { coded, workerConditions } from '../../../agent/network/coded.js';
import type { NetworkPort } from '../../../agent/network/network-port.js';
import { SysError } from '../../../linux/errors.js';
import { unanswered } from '../../../netns/deadlines.js';

const METHODS = ['create', 'update', 'createIsolated', 'remove', 'list', 'held', 'members', 'sweep'] as const;

function failing(error: Error): NetworkPort {
  const fails = () => Promise.reject(error);
  return { ...Object.fromEntries(METHODS.map((name) => [name, fails])) } as unknown as NetworkPort;
}

test('a call that the worker holds up has a code of its own, with the operation that it is on', async (t) => {
  const late = unanswered('create', { operation: 'remove', ageMs: 30_001 }, false);
  for (const name of METHODS) {
    const call = coded(failing(late))[name] as () => Promise<unknown>;
    const error = await t.throwsAsync(call, { message: /on "remove" for 30001 ms/ }, name);
    t.like(error, { code: 'network_unavailable', data: { operation: 'create' }, cause: late });
  }
});

test('what the kernel says is told as it is', async (t) => {
  const kernel = new SysError('bind', 110, { path: 'x' });
  for (const name of METHODS) {
    const call = coded(failing(kernel))[name] as () => Promise<unknown>;
    t.is(await t.throwsAsync(call), kernel, name);
  }
});

test('a worker that hangs is a condition with its operation and its age, and keeps the node from being ready', (t) => {
  t.deepEqual(workerConditions({ overdue: () => undefined }), []);
  const [condition] = workerConditions({ overdue: () => ({ operation: 'audit', ageMs: 71_400 }) });
  t.like(condition, { code: 'network_unavailable', severity: 'error', blocksReady: true });
  t.regex(condition?.why ?? '', /on "audit" for 71 s/);
});
