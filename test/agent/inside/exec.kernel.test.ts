// Programs inside workloads on the whole agent: what they may, what they write and how they end.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ClientStream } from '../../../agent/control/client-stream.js';
import type { Params } from '../../../agent/control/methods.js';
import type { StreamEnd } from '../../../agent/model/execution.js';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { OwnAgent } from '../own-agent.js';
import { type OwnHost, openHost } from '../own-host.js';
import { type Client, connect } from '../told-client.js';

const CGROUP = `berth-inside-${process.pid}`;
const KINDS = ['box', 'root', 'plain', 'con'] as const;

let host: OwnHost;
let agent: OwnAgent;
let client: Client;

/** Of one program: what it wrote, and how it ended. */
interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly end: StreamEnd;
}

const opened = (id: string, command: readonly string[], more: Partial<Params<'workload.exec'>> = {}) =>
  client.open('workload.exec', { id, command: [...command], ...more });

async function read(stream: ClientStream): Promise<Outcome> {
  const parts: Record<string, Buffer[]> = { stdout: [], stderr: [] };
  for await (const { channel, bytes } of stream.output) parts[channel]?.push(bytes);
  const text = (channel: string) => Buffer.concat(parts[channel] ?? []).toString();
  return { out: text('stdout'), err: text('stderr'), end: await stream.ended };
}

const run = async (id: string, line: string, more: Partial<Params<'workload.exec'>> = {}): Promise<Outcome> =>
  read(await opened(id, ['/bin/sh', '-c', line], more));

const exited = (code: number): StreamEnd => ({ exit: { code, signal: null }, error: null });
const cgroupOf = (id: string): string => join(findHierarchy()?.mount ?? '', CGROUP, 'default', id);
const namesOf = (id: string): string[] => readdirSync(cgroupOf(id)).filter((name) => name.startsWith('exec-'));
const left = (id: string): string[] => [
  ...namesOf(id),
  ...readdirSync(join(host.directory, 'run', 'workloads', id)).filter((name) => name.startsWith('exec-')),
];

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (holds()) return;
    await sleep(50);
  }
  throw new Error(`${what} does not come about`);
}

function create(spec: Readonly<Record<string, unknown>>): void {
  const { status, stderr } = agent.berth(['workload', 'create', '-f', '-'], { network: { mode: 'none' }, ...spec });
  if (status !== 0) throw new Error(stderr);
}

test.before(async () => {
  host = await openHost();
  const rootfs = join(host.directory, 'rootfs');
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  chmodSync(host.directory, 0o755);
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  for (const name of ['sh', 'cat', 'sleep', 'stty', 'tty', 'grep', 'readlink', 'head', 'id', 'env'])
    symlinkSync('busybox', join(rootfs, 'bin', name));
  copyFileSync('/etc/passwd', join(rootfs, 'plain'));
  agent = new OwnAgent({
    ...{ directory: host.directory, prefix: host.prefix, start: host.start, cgroup: CGROUP },
    env: { BERTH_NETWORK_POOL: '10.218.0.0/28', BERTH_NETWORK_SLOTS: '0', BERTH_WEB_LISTEN: '' },
  });
  await agent.start();
  const command = ['/bin/sleep', '1000000'];
  create({ id: 'box', driver: 'exec', exec: { command, env: { OWN: 'of the workload' } } });
  create({ id: 'root', driver: 'exec', exec: { command, user: 'root' } });
  create({ id: 'plain', driver: 'exec', exec: { command, isolation: 'none', user: 'nobody' }, network: {} });
  create({ id: 'con', driver: 'oci', oci: { rootfs, command, env: { OWN: 'of the workload' } } });
  client = await connect(agent.socket);
});

test.after.always(async () => {
  await client?.close();
  await agent?.end();
  host?.end();
});

const PRIVILEGES = /^(?:Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):.*$/gm;
const privileges = (status: string): string[] => (status.match(PRIVILEGES) ?? []).map((line) => line.trim());

for (const id of KINDS)
  test.serial(`${id}: its privileges, namespaces and cgroup are those of the workload`, async (t) => {
    const { process: main } = await client.call('workload.get', { id });
    const { out, end } = await run(
      id,
      'cat /proc/self/status; for n in /proc/self/ns/*; do readlink $n; done; cat /proc/self/cgroup',
    );
    t.deepEqual(end, exited(0));
    t.deepEqual(privileges(out), privileges(readFileSync(`/proc/${main?.pid}/status`, 'utf8')));
    t.is(privileges(out).length, 10);
    const namespaces = out.match(/^\w+:\[\d+\]$/gm) ?? [];
    const own = host.run(`for n in /proc/${main?.pid}/ns/*; do readlink $n; done`);
    t.deepEqual(
      namespaces.filter((name) => !own.includes(name)),
      [],
    );
    t.true(namespaces.length >= 8);
    t.regex(out, id === 'plain' ? /^0::.*\/default\/plain\/exec-\w+$/m : /^0::\/exec-\w+$/m);
    t.deepEqual(left(id), []);
  });

test.serial('a runtime writes the pid of the program that has begun, with a terminal and without', async (t) => {
  for (const id of ['box', 'root', 'con'])
    for (const tty of [undefined, { columns: 80, rows: 24 }]) {
      const stream = await opened(id, ['/bin/sleep', '1000'], tty === undefined ? {} : { tty });
      const [name = ''] = namesOf(id);
      const pidFile = join(host.directory, 'run', 'workloads', id, name, 'pid');
      // The pid is there a moment before the program is.
      await until(`${pidFile} of ${id}`, () => {
        const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '';
        return pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/bin/sleep\0');
      });
      stream.signal('SIGKILL');
      t.is((await read(stream)).end.error, null);
    }
});

test.serial('exit codes, signals and programs that are not there are told as a shell would', async (t) => {
  for (const id of KINDS) {
    t.deepEqual((await run(id, 'exit 7')).end, exited(7), id);
    t.deepEqual(
      (await run(id, 'kill -9 $$')).end.exit,
      id === 'plain' ? { code: null, signal: 'SIGKILL' } : { code: 137, signal: null },
      id,
    );
    const gone = await read(await opened(id, ['/no/such/program']));
    t.is(gone.end.exit?.code, 127, id);
    const other = await read(await opened(id, [id === 'con' ? '/plain' : '/etc/passwd']));
    t.is(other.end.exit?.code, 126, id);
  }
});

test.serial('streams are apart, and environment and directory as asked', async (t) => {
  for (const id of ['box', 'con'] as const) {
    const { out, err, end } = await run(id, 'echo $OWN $MORE; pwd; echo wrong >&2', {
      env: { MORE: 'x y' },
      cwd: '/bin',
    });
    t.regex(out, /^of the workload x y\n\/(usr\/)?bin\n$/, id);
    t.is(err, 'wrong\n', id);
    t.deepEqual(end, exited(0), id);
  }
});

test.serial('50 MB through a program are the same bytes, and the agent holds none of them', async (t) => {
  const rss = (): number =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${agentPid()}/status`, 'latin1'))?.[1]) / 1024;
  for (const id of ['con'] as const) {
    const before = rss();
    const stream = await opened(id, ['/bin/cat'], { stdin: true });
    const block = Buffer.from(Array.from({ length: 1 << 20 }, (_, at) => (at * 7 + (at >> 8)) & 255));
    const writing = (async () => {
      for (let at = 0; at < 50; at++) await stream.write(block);
      stream.end();
    })();
    let at = 0;
    let same = true;
    for await (const { bytes } of stream.output) {
      const from = at % block.length;
      const first = block.subarray(from, from + bytes.length);
      same &&= bytes.equals(Buffer.concat([first, block.subarray(0, bytes.length - first.length)]));
      at += bytes.length;
    }
    await writing;
    t.is(at, 50 << 20, id);
    t.true(same, id);
    t.deepEqual(await stream.ended, exited(0), id);
    t.true(rss() - before < 80, `${id}: ${before} MiB, then ${rss()} MiB`);
  }
});

/** Of the agent itself: its first process is the shell that sets the umask, which it replaces. */
function agentPid(): number {
  return Number(readFileSync(join(host.directory, 'run', 'agent.lock'), 'utf8').match(/\d+/)?.[0] ?? agent.pid);
}

test.serial('a terminal has the size that is asked for, and takes another one', async (t) => {
  for (const id of KINDS) {
    const stream = await opened(id, ['/bin/sh', '-c', 'stty size; tty; read line; stty size; echo "got $line"'], {
      tty: { columns: 91, rows: 33 },
      stdin: true,
    });
    let out = '';
    for await (const { bytes } of stream.output) {
      out += bytes.toString();
      if (!/dev\/\S+\r\n$/.test(out)) continue;
      stream.resize({ columns: 120, rows: 40 });
      await stream.write(Buffer.from('hello\r'));
    }
    t.regex(out, /^33 91\r\n\/dev\/(pts\/\d+|console)\r\n/, id);
    t.regex(out, /40 120\r\ngot hello\r\n$/, id);
    t.deepEqual(await stream.ended, exited(0), id);
  }
});

test.serial('what a program has started ends with it, and the workload runs on', async (t) => {
  for (const id of KINDS) {
    const { end } = await run(id, 'sleep 777001 & exit 3');
    t.deepEqual(end, exited(3), id);
    await until('an empty cgroup', () => left(id).length === 0);
    t.is((await client.call('workload.get', { id })).state, 'running');
  }
});

test.serial('a client that is gone takes its programs along', async (t) => {
  const command = ['/bin/sh', '-c', 'trap "" HUP; echo up; sleep 777002'];
  const other = await connect(agent.socket);
  for (const id of KINDS)
    for (const tty of [undefined, { columns: 80, rows: 24 }]) {
      const stream = await other.open('workload.exec', { id, command, ...(tty && { tty }) });
      for await (const { bytes } of stream.output) if (bytes.includes('up')) break;
    }
  for (const id of KINDS) t.is(namesOf(id).length, 2, id);
  await other.close();
  for (const id of KINDS) await until(`the end of what ran in ${id}`, () => left(id).length === 0);
});

test.serial('a workload that is deleted takes along what runs inside', async (t) => {
  create({ id: 'brief', driver: 'exec', exec: { command: ['/bin/sleep', '1000000'] } });
  const stream = await opened('brief', ['/bin/sleep', '777003']);
  await client.call('workload.delete', { id: 'brief', now: true });
  const end = await stream.ended;
  t.true(end.exit?.code === 137 || end.exit?.signal === 'SIGKILL', JSON.stringify(end));
  await until('the end of its cgroup', () => !existsSync(cgroupOf('brief')));
});

test.serial('who may not is refused with a code that says why', async (t) => {
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'opened',
      (error: { code: string }) => error.code,
    );
  const command = ['/bin/true'];
  t.is(await code(opened('nobody', command)), 'not_found');
  create({ id: 'still', driver: 'exec', exec: { command: ['/bin/sleep', '1000000'] } });
  await client.call('workload.freeze', { id: 'still' });
  t.is(await code(opened('still', command)), 'workload_frozen');
  agent.berth(['workload', 'stop', 'still']);
  t.is(await code(opened('still', command)), 'workload_not_running');
  t.is(await code(opened('box', command, { user: '0' })), 'not_permitted');
  t.is(await code(opened('plain', command, { user: 'root' })), 'not_permitted');
  t.is(await code(opened('con', command, { user: 'daemon' })), 'invalid_params');
  t.is(await code(opened('box', command, { user: 'nobody-here' })), 'invalid_params');
  create({ id: 'outer', driver: 'external', external: {} });
  t.is(await code(opened('outer', command)), 'exec_unsupported');
  const { out } = await run('con', 'id -u; grep CapEff /proc/self/status', { user: '1234:1235' });
  t.regex(out, /^1234\nCapEff:\s+0+\n$/);
  const hello = await connect(agent.socket);
  await hello.call('session.hello', { scheduler: 'other', epoch: 1, scopes: ['acme'] });
  t.is(await code(hello.open('workload.exec', { id: 'box', command })), 'not_found');
  await hello.close();
});

const MAIN = fileURLToPath(new URL('../../../agent/main.js', import.meta.url));
const environment = () => ({ ...process.env, BERTH_CONNECT: agent.socket });
const berth = (args: readonly string[], input?: Uint8Array) =>
  spawnSync(process.execPath, [MAIN, 'workload', 'exec', ...args], { env: environment(), ...(input && { input }) });

test.serial('the command: bytes, both outputs and the exit code pass through', (t) => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at & 255));
  const through = berth(['-i', 'con', '--', 'cat'], bytes);
  t.true(through.stdout.equals(bytes));
  t.deepEqual([through.status, through.stderr.toString()], [0, '']);
  const both = berth(['box', '--', '/bin/sh', '-c', 'echo out; echo err >&2; exit 9']);
  t.deepEqual([both.status, both.stdout.toString(), both.stderr.toString()], [9, 'out\n', 'err\n']);
  t.is(berth(['con', '--', '/no/such/program']).status, 127);
  t.is(berth(['-t', 'con', '--', 'sh'], bytes).status, 2);
});

/** In a terminal of its own (script(1)), which says at the end whether it is as it was. */
function inTerminal(args: string, input: string): { readonly out: string; readonly status: number | null } {
  const command = `${process.execPath} ${MAIN} workload exec ${args}`;
  const line = `stty rows 33 cols 91; before=$(stty -g); ${command}; code=$?; [ "$before" = "$(stty -g)" ] && echo RESTORED; exit $code`;
  const { stdout, status } = spawnSync('script', ['-qec', line, '/dev/null'], {
    env: environment(),
    input,
    timeout: 30_000,
  });
  return { out: stdout.toString(), status };
}

test.serial('the command in a terminal: its size, keys, exit code, and the terminal as before', (t) => {
  const typed = inTerminal(`-it con -- sh -c 'stty size; read line; echo "got $line"; exit 5'`, 'hello\n');
  t.regex(typed.out, /33 91\r\n/);
  t.regex(typed.out, /got hello\r\n/);
  t.regex(typed.out, /RESTORED/);
  t.is(typed.status, 5);
});

test.serial('a command that is killed takes its program along', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'workload', 'exec', 'con', '--', 'sh', '-c', 'echo up; sleep 777007'], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  t.is(namesOf('con').length, 1);
  child.kill('SIGKILL');
  await until('the end of the program', () => left('con').length === 0);
});

test.serial('an agent that is killed leaves nothing of it when it is back', async (t) => {
  const streams = await Promise.all(
    KINDS.flatMap((id) => [
      opened(id, ['/bin/sh', '-c', 'trap "" HUP PIPE; sleep 777004']),
      opened(id, ['/bin/sh', '-c', 'trap "" HUP; sleep 777005'], { tty: { columns: 80, rows: 24 } }),
    ]),
  );
  const ended = Promise.all(streams.map((stream) => t.throwsAsync(stream.ended)));
  const before = await client.call('workload.list');
  await agent.kill('SIGKILL');
  await ended;
  t.true(KINDS.every((id) => namesOf(id).length >= 1));
  await agent.start();
  client = await connect(agent.socket);
  for (const id of KINDS) t.deepEqual(left(id), [], id);
  const after = await client.call('workload.list');
  t.deepEqual(
    after.workloads.map(({ id, process: main }) => [id, main]),
    before.workloads.map(({ id, process: main }) => [id, main]),
  );
  t.is((await client.call('node.describe')).leaked, 0);
});
