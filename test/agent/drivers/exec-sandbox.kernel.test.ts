import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { terminate } from '../../../agent/workload/processes.js';
import { makeNames } from '../../netns/lab.js';
import { specOf, testExec } from './fixture.js';
import { eventually, startHost } from './host.js';

const names = makeNames(2);

const sandboxed = (section: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  specOf({ driver: 'exec', exec: { isolation: 'sandbox', ...section }, ...more });

test.serial('it runs in its network and cgroup with a uid of its own, and its exit code is kept', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const network = names.sandbox(1);
  const script = `id -u; id -G; hostname; pwd; cat /proc/1/cgroup; ip -o -4 addr show eth0; cat /etc/resolv.conf
    echo $HOME; touch "$HOME/file" && echo KEPT; touch /usr/file; ulimit -n; exit 7`;
  const dns = { servers: ['192.0.2.53'], search: ['example.test'] };
  const spec = sandboxed({ command: ['sh', '-c', script], cwd: '/usr' }, { network: { dns } });
  const running = await host.run(driver, spec, network);
  t.is((await running.exit).exit?.code, 7);
  const output = await running.output();
  const uid = await readFile(join(running.context.directory, 'uid'), 'utf8');
  t.deepEqual(output.split('\n').slice(0, 4), [uid, uid, 'w', '/usr'], output);
  for (const line of ['0::/', 'nameserver 192.0.2.53', 'search example.test', '/tmp', 'KEPT', '1024'])
    t.true(output.split('\n').includes(line), `${line}: ${output}`);
  t.true(output.includes(`inet ${network.address}/32`), output);
  t.regex(output, /touch: .*\/usr\/file.*Read-only file system/);
  t.deepEqual(await readdir(join(host.runtime, 'uids')), [uid]);
  await host.remove(driver, spec, running, network);
  t.deepEqual(await readdir(join(host.runtime, 'uids')), []);
});

test.serial('a uid of its own serves port 80, and /tmp is bounded', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const network = names.sandbox(2);
  const script = 'head -c 2000000 /dev/zero > /tmp/much; exec busybox httpd -f -p 80 -h /etc';
  const spec = sandboxed({ command: ['sh', '-c', script] });
  const running = await host.run(driver, spec, network);
  const text = await eventually(async () => (await fetch(`http://${network.address}/hostname`)).text());
  t.is(text, 'w\n');
  t.regex(await running.output(), /No space left on device/);
  t.true((await readFile(`/proc/${running.process.pid}/cgroup`, 'utf8')).includes(`0::${host.cgroup}\n`));
  terminate(running.process);
  await running.exit;
  await host.remove(driver, spec, running, network);
});

test.serial('a program that handles SIGTERM ends as it likes, one that does not is ended', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const polite = sandboxed({ command: ['sh', '-c', 'trap "echo bye; exit 3" TERM; echo ready; sleep 60 & wait'] });
  const first = await host.run(driver, polite, null);
  await eventually(async () => ((await first.output()).includes('ready') ? true : undefined));
  terminate(first.process);
  t.is((await first.exit).exit?.code, 3);
  t.regex(await first.output(), /bye/);
  const plain = specOf({ id: 'plain', driver: 'exec', exec: { isolation: 'sandbox', command: ['sleep', '600'] } });
  const second = await host.run(driver, plain, null);
  terminate(second.process);
  // As the first process of its namespace it would never get SIGTERM.
  t.is((await second.exit).exit?.signal, 'SIGKILL');
  await host.remove(driver, plain, second, null);
  await host.remove(driver, polite, first, null);
});

test.serial('two workloads do not see each other, and neither changes what the host has', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const before = await readFile('/proc/self/mountinfo', 'utf8');
  const device = await readFile('/proc/self/mounts', 'utf8');
  const first = specOf({ id: 'first', driver: 'exec', exec: { isolation: 'sandbox', command: ['sleep', '600'] } });
  const running = await host.run(driver, first, null);
  const status = await readFile(`/proc/${running.process.pid}/status`, 'utf8');
  const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1];
  const script = `id -u; ls -d /proc/[0-9]* | wc -l; kill -0 ${running.process.pid}; ls /tmp /run /root | tr '\\n' ' '`;
  const spec = sandboxed({ command: ['sh', '-c', script] });
  const other = await host.run(driver, spec, null);
  await other.exit;
  const output = await other.output();
  t.not(output.split('\n')[0], uid);
  t.true(Number(output.split('\n')[1]) <= 4, output);
  t.regex(output, /No such process/);
  t.regex(output, /\/root: +\/run: +\/tmp: *$/);
  terminate(running.process);
  await running.exit;
  await host.remove(driver, first, running, null);
  await host.remove(driver, spec, other, null);
  t.is(await readFile('/proc/self/mountinfo', 'utf8'), before);
  t.is(await readFile('/proc/self/mounts', 'utf8'), device);
});

test.serial('a program below /srv runs, one that the user may not run says why', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const program = join(await visible(t), 'tool');
  await writeFile(program, '#!/bin/sh\necho from the tool\n');
  await chmod(program, 0o755);
  const spec = sandboxed({ command: [program] });
  const running = await host.run(driver, spec, null);
  t.is((await running.exit).exit?.code, 0);
  t.is(await running.output(), 'from the tool\n');
  await chmod(program, 0o700);
  const refused = await host.run(driver, spec, null);
  t.not((await refused.exit).exit?.code, 0);
  t.regex(await refused.output(), /Permission denied/);
  await host.remove(driver, spec, refused, null);
});

test.serial('the supervisor replaces its program and still tells the end of a sandbox', async (t) => {
  const host = await startHost(t);
  const driver = testExec({ shared: host.runtime });
  const spec = sandboxed({ command: ['sh', '-c', 'trap "exit 9" TERM; echo ready; sleep 60 & wait'] });
  const running = await host.run(driver, spec, null);
  await eventually(async () => ((await running.output()).includes('ready') ? true : undefined));
  const again = new Promise<void>((resolve) => host.supervisor.onReconnect(() => resolve()));
  process.kill((await host.supervisor.hello()).pid, 'SIGHUP');
  await again;
  t.like(await host.supervisor.list(), [{ id: 'w', pid: running.process.pid }]);
  terminate(running.process);
  t.is((await running.exit).exit?.code, 9);
  await host.remove(driver, spec, running, null);
});

/** A directory that a sandbox shows. */
async function visible(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp('/srv/berth-test-');
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  return directory;
}
