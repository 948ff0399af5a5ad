// An attacker in each kind of sandbox. Every attack succeeds for the same program as root of the host: the test can fail.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Driver } from '../../agent/drivers/driver.js';
import { ociDriver } from '../../agent/drivers/oci/index.js';
import type { WorkloadSpec } from '../../agent/model/spec.js';
import { NO_DNS, NO_SECRETS, specOf, temporary, testExec } from '../agent/drivers/fixture.js';
import { startHost, type TestHost } from '../agent/drivers/host.js';
import { makeNames } from '../netns/lab.js';
import { attacker, attacksOf, NOT_EVERYWHERE, type Targets, victim } from './attacker.js';

const names = makeNames(3);

interface Scene {
  readonly host: TestHost;
  readonly targets: Targets;
  readonly state: string;
}

/** A host with something to attack. */
async function scene(t: ExecutionContext): Promise<Scene> {
  const host = await startHost(t);
  const state = await visible(t);
  const stateDirectory = join(state, 'state');
  await mkdir(stateDirectory);
  const files = {
    runtimeFile: join(host.runtime, 'secret'),
    stateFile: join(stateDirectory, 'secret'),
    temporaryFile: join(await open(await temporary(t)), 'secret'),
    writable: join(state, 'writable'),
    setuid: join(state, 'id'),
  };
  await open(host.runtime);
  for (const file of [files.runtimeFile, files.stateFile, files.temporaryFile]) await writeFile(file, 'secret');
  await writeFile(files.writable, '');
  await chmod(files.writable, 0o666);
  await copyFile('/usr/bin/id', files.setuid);
  await chmod(files.setuid, 0o4755);
  const abstract = `berth-attack-${process.pid}`;
  const [program = '', ...args] = victim(abstract);
  const child = spawn(program, args, { env: { SECRET: 'yes' }, stdio: ['ignore', 'pipe', 'inherit'], uid: 65_534 });
  t.teardown(async () => {
    const gone = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGTERM');
    await gone;
  });
  const [port = 0, shm = 0] = (await firstLine(child.stdout)).split(' ').map(Number);
  const cgroups = [dirname(host.cgroupDirectory), '/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
  const targets = { ...files, victim: child.pid ?? 0, abstract, port, shm };
  return {
    host,
    state: stateDirectory,
    targets: { ...targets, cgroups: cgroups.map((path) => `${path}/cgroup.procs`) },
  };
}

/** Throws when the program ends without one. */
async function firstLine(output: Readable): Promise<string> {
  for await (const line of createInterface(output)) return line;
  throw new Error('the victim did not start');
}

/** A directory that a sandbox shows. */
async function visible(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp('/srv/berth-test-');
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return open(directory);
}

async function open(directory: string): Promise<string> {
  await chmod(directory, 0o755);
  return directory;
}

async function attack({ host }: Scene, driver: Driver, spec: WorkloadSpec): Promise<string> {
  const network = names.sandbox(1);
  const running = await host.run(driver, spec, network);
  await running.exit;
  const output = await running.output();
  await host.remove(driver, spec, running, network);
  return output;
}

function done(output: string): string[] {
  return output.split('\n').filter((line) => line.endsWith(': done'));
}

function assertAllTried(t: ExecutionContext, output: string, asRoot: boolean): void {
  const tried = output.split('\n').flatMap((line) => /^(.*): (?:done|refused \()/.exec(line)?.[1] ?? []);
  t.deepEqual(tried, attacksOf(asRoot), output);
}

const exec = (command: string[], more = {}) =>
  specOf({ driver: 'exec', exec: { command, isolation: 'sandbox', ...more } });

test.serial('outside of a sandbox every attack succeeds', async (t) => {
  const { targets } = await scene(t);
  const [program = '', ...args] = attacker(targets, true);
  // Namespaces that may be spoilt, but those of the host for what is attacked there.
  const { stdout } = await promisify(execFile)('unshare', ['--mount', '--', program, ...args]);
  assertAllTried(t, stdout, true);
  t.deepEqual(
    stdout
      .split('\n')
      .filter((line) => /: refused/.test(line) && !NOT_EVERYWHERE.some((name) => line.startsWith(name))),
    [],
  );
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--', ...attacker(targets, false)];
  const nobody = await promisify(execFile)('setpriv', asNobody);
  t.true(done(nobody.stdout).includes('become root by a setuid program: done'));
});

test.serial('exec: every attack fails for a uid of its own', async (t) => {
  const at = await scene(t);
  const driver = testExec({ shared: at.host.runtime, hidden: [at.state] });
  const output = await attack(at, driver, exec(attacker(at.targets, false)));
  assertAllTried(t, output, false);
  t.deepEqual(done(output), [], output);
  t.regex(output, /^uid 2013\d{6} capabilities 0+ seccomp 2$/m);
  t.is(await readFile(at.targets.writable, 'utf8'), '');
});

test.serial('exec: every attack fails for root', async (t) => {
  const at = await scene(t);
  const driver = testExec({ shared: at.host.runtime, hidden: [at.state] });
  const output = await attack(at, driver, exec(attacker(at.targets, true), { user: 'root' }));
  assertAllTried(t, output, true);
  t.deepEqual(done(output), [], output);
  t.regex(output, /^uid 0 capabilities [0-9a-f]+ seccomp 2$/m);
});

test.serial('oci: every attack fails but those that are no secret of a container', async (t) => {
  const at = await scene(t);
  const rootfs = await perlRoot(t);
  const driver = ociDriver({ runtime: 'crun', dns: NO_DNS, secrets: NO_SECRETS });
  const command = attacker(at.targets, true);
  const output = await attack(at, driver, specOf({ driver: 'oci', oci: { rootfs, command } }));
  assertAllTried(t, output, true);
  // Its capabilities are Docker's, NET_RAW among them; raw packets reach only its own namespace and the filter of its link.
  const known = ['open a raw socket: done', 'open a packet socket: done', 'dump core: done'];
  t.deepEqual(
    done(output).filter((line) => !known.includes(line)),
    [],
    output,
  );
  t.regex(output, /^uid 0 capabilities [0-9a-f]+ seccomp 2$/m);
});

/** A root filesystem with Perl in it. */
async function perlRoot(t: ExecutionContext): Promise<string> {
  const rootfs = join(await temporary(t), 'rootfs');
  const { stdout } = await promisify(execFile)('ldd', ['/usr/bin/perl']);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  const modules = await promisify(execFile)('perl', [
    '-e',
    'require POSIX; print join "\\n", (values %INC), map {; ("$_/auto/POSIX/POSIX.so", "$_/auto/Fcntl/Fcntl.so") } @INC',
  ]);
  for (const file of ['/usr/bin/perl', ...libraries, ...modules.stdout.split('\n')]) {
    await mkdir(join(rootfs, dirname(file)), { recursive: true });
    await copyFile(file, join(rootfs, file)).catch(() => undefined);
  }
  await mkdir(join(rootfs, 'tmp'));
  return rootfs;
}
