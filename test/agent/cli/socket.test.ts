// The command as a process of its own, over the real local socket, with a service that does nothing to the host.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { specOf } from '../control/fake-service.js';
import { startHarness } from '../control/harness.js';

const MAIN = fileURLToPath(new URL('../../../agent/main.js', import.meta.url));

function berth(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
): Promise<{ exit: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { PATH: process.env.PATH, ...env } },
      (error, out, err) => {
        resolve({ exit: error === null ? 0 : Number(error.code), out, err });
      },
    );
    child.stdin?.end(input);
  });
}

test('create, list, events, delete over the socket', async (t) => {
  const { control, events, service } = await startHarness(t);
  const env = { BERTH_CONNECT: control.socketPath };
  events.append({ type: 'agent.started', data: {} });
  const created = await berth(['workload', 'create', '-f', '-', '--detach'], env, JSON.stringify(specOf('web-1')));
  t.is(created.err, '');
  t.true(created.out.startsWith('web-1 accepted'));
  const list = await berth(['workload', 'list', '--json'], env);
  t.deepEqual(
    JSON.parse(list.out).workloads.map(({ id }: { id: string }) => id),
    ['web-1'],
  );
  const kept = await berth(['events', '--json'], env);
  t.true(JSON.parse(kept.out).events.length >= 1, kept.out);
  const deleted = await berth(['workload', 'delete', 'web-1', 'web-2'], env);
  t.deepEqual([deleted.exit, deleted.out], [4, 'web-1 deleted\n']);
  t.true(deleted.err.startsWith('berth: there is no workload "web-2"\n'));
  t.true(service.calls.includes('delete web-1'));
  t.is((await berth(['node', 'status'], env)).exit, 0);
});

test('nobody listens: 5, and standard input that is no specification: 2', async (t) => {
  const env = { BERTH_CONNECT: '/nonexistent/berth.sock' };
  const { exit, out, err } = await berth(['workload', 'list'], env);
  t.deepEqual([exit, out], [5, '']);
  t.true(err.startsWith('berth: cannot connect to /nonexistent/berth.sock'));
  t.is((await berth(['fits', '-f', '-'], env, 'x')).exit, 2);
});
