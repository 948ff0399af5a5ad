import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectSupervisor } from '../../systemd/supervisor/client.js';
import { launchSupervisor } from '../../systemd/supervisor/launch.js';

function runtime(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'berth-launch-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a supervisor is started once, in a session of its own, and is told nothing of the service manager', async (t) => {
  const directory = runtime(t);
  const pid = await launchSupervisor({ runtime: directory });
  if (pid === undefined) throw new Error('not started');
  t.teardown(() => process.kill(pid, 'SIGKILL'));
  t.is(await launchSupervisor({ runtime: directory }), undefined);
  const supervisor = await connectSupervisor(join(directory, 'supervisor.sock'));
  t.is((await supervisor.hello()).pid, pid);
  t.deepEqual(await supervisor.list(), []);
  supervisor.close();
  await t.throwsAsync(supervisor.list(), { message: /closed/ });
  t.is(readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[5], String(pid));
  t.notRegex(readFileSync(`/proc/${pid}/environ`, 'utf8'), /NOTIFY_SOCKET|WATCHDOG/);
});

test('a supervisor that cannot start says why', async (t) => {
  await t.throwsAsync(launchSupervisor({ runtime: runtime(t), args: ['--nonsense'] }), {
    message: /ended \(1\).*nonsense/s,
  });
});

test('waiting for a supervisor ends with the signal', async (t) => {
  const signal = AbortSignal.timeout(400);
  // A DOMException, which is no Error of the realm the assertions live in.
  const why = (path: string) => connectSupervisor(path, { signal }).catch((error: Error) => error.name);
  t.is(await why(join(runtime(t), 'supervisor.sock')), 'TimeoutError');
  t.is(await why('/no/such'), 'TimeoutError');
});
