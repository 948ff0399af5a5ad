// An attacker in each kind of sandbox. Every attack succeeds for the same program as root of the host: the test can fail.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { Driver } from '../../agent/drivers/driver.js';
import { ociDriver } from '../../agent/drivers/oci/index.js';
import type { ImageRoot } from '../../agent/model/image.js';
import type { WorkloadSpec } from '../../agent/model/spec.js';
import { NO_DNS, NO_SECRETS, specOf, temporary, testExec } from '../agent/drivers/fixture.js';
import { eventually, startHost, type TestHost } from '../agent/drivers/host.js';
import { makeNames } from '../netns/lab.js';
import { attacker, attacksOf, NOT_EVERYWHERE, type Targets, victim } from './attacker.js';

const names = makeNames(3);

interface Scene {
  readonly host: TestHost;
  readonly targets: Targets;
  readonly state: string;
  /** Ends the victim and resolves with what it noticed, a line each. */
  noticed(): Promise<string>;
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
  const sockets = join(host.runtime, 'sockets');
  await mkdir(sockets);
  await chmod(sockets, 0o777);
  const abstract = `berth-attack-${process.pid}`;
  const socket = join(sockets, 'victim');
  const [program = '', ...args] = victim(abstract, socket, files.stateFile);
  const child = spawn(program, args, { env: { SECRET: 'yes' }, stdio: ['ignore', 'pipe', 'inherit'], uid: 65_534 });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const end = async () => {
    const gone = child.exitCode === null ? once(child, 'close') : undefined;
    child.kill('SIGTERM');
    await gone;
    return text.replace(/^.*\n/, '');
  };
  t.teardown(end);
  while (!text.includes('\n')) await Promise.race([once(child.stdout, 'data'), ended(child)]);
  const told = toldBy(text);
  const cgroups = [dirname(host.cgroupDirectory), '/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
  const targets = { ...files, ...told, victim: child.pid ?? 0, abstract, socket };
  return {
    host,
    state: stateDirectory,
    noticed: end,
    targets: { ...targets, cgroups: cgroups.map((path) => `${path}/cgroup.procs`) },
  };
}

/** The first line of a victim. */
function toldBy(line: string): Pick<Targets, 'port' | 'shm' | 'memfd' | 'handle'> {
  const [port, shm, memfd, handle = ''] = line.trim().split(' ');
  return { port: Number(port), shm: Number(shm), memfd: Number(memfd), handle };
}

/** Rejects when the program ends. */
async function ended(child: ChildProcess): Promise<never> {
  await once(child, 'exit');
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

async function attack(host: TestHost, driver: Driver, spec: WorkloadSpec, image?: ImageRoot): Promise<string> {
  const network = names.sandbox(1);
  const running = await host.run(driver, spec, network, { image });
  await running.exit;
  const output = await running.output();
  await host.remove(driver, spec, running, network);
  return output;
}

function done(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.endsWith(': done'))
    .map((line) => line.slice(0, -': done'.length));
}

function assertAllTried(t: ExecutionContext, output: string, asRoot: boolean): void {
  const tried = output.split('\n').flatMap((line) => /^(.*): (?:done|refused \()/.exec(line)?.[1] ?? []);
  t.deepEqual(tried, attacksOf(asRoot), output);
}

interface Kind {
  readonly asRoot: boolean;
  /** What it may by design: SECURITY.md says so. */
  readonly may: readonly string[];
  /** The last line of its attacker. */
  readonly ids: RegExp;
  driver(scene: Scene): Driver;
  spec(t: ExecutionContext, command: string[]): Promise<Record<string, unknown>>;
  /** Of an image: its layers are one directory. */
  image?(t: ExecutionContext): Promise<ImageRoot>;
}

function execKind(exec: object, asRoot: boolean, may: readonly string[], ids: RegExp): Kind {
  return {
    ...{ asRoot, may, ids },
    driver: ({ host, state }) => testExec({ shared: host.runtime, hidden: [state] }),
    spec: async (_t, command) => ({ driver: 'exec', exec: { command, env: { SECRET: 'yes' }, ...exec } }),
  };
}

function ociKind(oci: object, asRoot: boolean, may: readonly string[], ids: RegExp): Kind {
  return {
    ...{ asRoot, may, ids },
    driver: () => ociDriver({ runtime: 'crun', dns: NO_DNS, secrets: NO_SECRETS }),
    spec: async (t, command) => ({
      ...{ driver: 'oci', env: { SECRET: 'yes' } },
      oci: { rootfs: await perlRoot(t), command, ...oci },
    }),
  };
}

/** An image of one layer, which says nothing of its process. */
const imageKind: Kind = {
  ...ociKind({}, true, [], /./),
  async spec(_t, command) {
    return { driver: 'oci', env: { SECRET: 'yes' }, image: 'oci:/nowhere:latest', oci: { command } };
  },
  async image(t) {
    const rootfs = await perlRoot(t);
    const config = {
      env: [],
      entrypoint: [],
      command: [],
      user: '',
      workingDirectory: '',
      stopSignal: '',
      exposedPorts: [],
    };
    const layers = [basename(rootfs)];
    return { digest: 'sha256:0', directory: dirname(rootfs), layers, writable: 'own', config, stopSignal: undefined };
  },
};

const sandbox = { isolation: 'sandbox' };
const none = { isolation: 'none' };
const nobody = { user: 'nobody' };
const root = { user: 'root' };
/** Its capabilities are Docker's, NET_RAW among them; raw packets reach only its own namespace and the filter of its link. */
const OF_CONTAINER = ['open a raw socket', 'open a packet socket'];
const CAPABLE = /^uid 0 capabilities [0-9a-f]*[1-9a-f][0-9a-f]* seccomp 2 merged 0$/m;
const INCAPABLE = /^uid \d+ capabilities 0+ seccomp 2 merged 0$/m;

/** Each driver, as each kind of user that it knows. */
const KINDS: Readonly<Record<string, Kind>> = {
  'exec, a uid of its own': execKind(sandbox, false, [], /^uid 2013\d{6} capabilities 0+ seccomp 2 merged 0$/m),
  'exec, a user of the host': execKind({ ...sandbox, ...nobody }, false, [], INCAPABLE),
  'exec, root': execKind({ ...sandbox, ...root }, true, [], CAPABLE),
  'oci, root': ociKind({}, true, OF_CONTAINER, CAPABLE),
  'oci, a user': ociKind({ user: '65534:65534' }, false, [], INCAPABLE),
  'oci, an image': { ...imageKind, may: OF_CONTAINER, ids: CAPABLE },
};

/** What its privileges and its network namespace keep from a program without a sandbox. */
const KEPT_FROM_ROOT = [
  'leave its cgroup',
  ...['choose the number of the next process', 'trace a process of the host', 'read the memory of a process'],
  ...['take a descriptor of a process', 'open a memfd of a process', 'enter a namespace of a process'],
  ...['read the environment of a process', 'reach files through /proc/1/root', 'reach files through /proc/PID/root'],
  ...["open berth's state by its file handle", 'read memory of the kernel', 'mount a file system'],
  ...['open a file system', 'make a device node', 'enter a new mount namespace', 'change a link by netlink'],
  ...['read the firewall by netlink', 'listen to processes by netlink', 'load a BPF map', 'dump core'],
  ...["reach a server on the host's loopback", 'reach an abstract socket of the host'],
];
/** A process of the same user is its own. */
const OF_ITS_USER = [
  ...['trace a process of the host', 'read the memory of a process', 'take a descriptor of a process'],
  ...['open a memfd of a process', 'read the environment of a process', 'reach files through /proc/PID/root'],
];
const WITHOUT_SANDBOX: Readonly<Record<string, { readonly kind: Kind; readonly kept: readonly string[] }>> = {
  root: { kind: execKind({ ...none, ...root }, true, [], CAPABLE), kept: KEPT_FROM_ROOT },
  'a user of the host': {
    kind: execKind({ ...none, ...nobody }, false, [], INCAPABLE),
    kept: [
      ...KEPT_FROM_ROOT.filter((name) => !OF_ITS_USER.includes(name)),
      ...['write a sysctl of the network', 'write a sysctl of the host', 'write to /sys'],
      ...['open a device of the host', 'open a raw socket', 'open a packet socket', 'change the name of the host'],
      'become root by a setuid program',
    ],
  },
};

test.serial('outside of a sandbox every attack succeeds', async (t) => {
  const { targets, noticed } = await scene(t);
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
  t.true(done(nobody.stdout).includes('become root by a setuid program'));
  const seen = await noticed();
  for (const what of ['abstract', 'socket', 'port']) t.true(seen.includes(`noticed: connection by ${what}`), seen);
});

for (const [name, kind] of Object.entries(KINDS)) {
  const { asRoot, may, ids } = kind;

  test.serial(`${name}: every attack on the host fails`, async (t) => {
    const at = await scene(t);
    const spec = specOf(await kind.spec(t, attacker(at.targets, asRoot)));
    const output = await attack(at.host, kind.driver(at), spec, await kind.image?.(t));
    assertAllTried(t, output, asRoot);
    t.deepEqual(done(output), may, output);
    t.regex(output, ids);
    t.is(await readFile(at.targets.writable, 'utf8'), '');
    t.is(await at.noticed(), '');
  });

  test.serial(`${name}: every attack on another tenant of the same kind fails, and it notices nothing`, async (t) => {
    const at = await scene(t);
    const driver = kind.driver(at);
    const [socket, abstract] = ['/tmp/neighbour', `berth-neighbour-${process.pid}`];
    const neighbour = specOf({
      ...(await kind.spec(t, victim(abstract, socket))),
      ...{ id: 'neighbour', tenant: 'other' },
    });
    const network = names.sandbox(2);
    const running = await at.host.run(driver, neighbour, network, { image: await kind.image?.(t) });
    const line = await eventually(async () => /^(.*)\n/.exec(await running.output())?.[1]);
    const { pid } = running.process;
    const targets = { ...at.targets, ...toldBy(line), handle: at.targets.handle, victim: pid, socket, abstract };
    const output = await attack(
      at.host,
      driver,
      specOf(await kind.spec(t, attacker(targets, asRoot))),
      await kind.image?.(t),
    );
    assertAllTried(t, output, asRoot);
    t.deepEqual(done(output), may, output);
    process.kill(pid, 'SIGTERM');
    t.is((await running.exit).exit?.code, 0);
    t.is(await running.output(), `${line}\n`);
    await at.host.remove(driver, neighbour, running, network);
  });
}

for (const [name, { kind, kept }] of Object.entries(WITHOUT_SANDBOX))
  test.serial(`exec without a sandbox, ${name}: what its privileges keep from it fails`, async (t) => {
    const at = await scene(t);
    const spec = specOf(await kind.spec(t, attacker(at.targets, kind.asRoot)));
    const output = await attack(at.host, kind.driver(at), spec);
    assertAllTried(t, output, kind.asRoot);
    const succeeded = done(output);
    t.deepEqual(
      kept.filter((attack) => succeeded.includes(attack) || !output.includes(`${attack}: refused`)),
      [],
      output,
    );
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
  await chmod(join(rootfs, 'tmp'), 0o1777);
  return rootfs;
}
