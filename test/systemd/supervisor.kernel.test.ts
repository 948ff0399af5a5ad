import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { SysError } from '../../linux/errors.js';
import { exitOf, startBench, until, whyNot } from './fixture.js';

const reason = whyNot();
const kernel = reason === undefined ? test : test.skip;

kernel('a process starts in its cgroup, in a session of its own, with its environment and directory', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const started = await supervisor.spawn(
    bench.request('a', 'env; pwd; ulimit -Sn; cat /proc/self/oom_score_adj; echo done; exec sleep 60', {
      cwd: '/usr',
      env: { X: 'y' },
    }),
  );
  const stat = readFileSync(`/proc/${started.pid}/stat`, 'latin1').split(' ');
  t.is(stat[5], String(started.pid), 'session');
  t.is(Number(stat[21]), started.startTime);
  t.true(readFileSync(join(bench.cgroup, 'cgroup.procs'), 'utf8').split('\n').includes(String(started.pid)));
  await until(() => /\n0\ndone\n$/.test(bench.output('a')) || undefined);
  const lines = bench.output('a').trim().split('\n');
  t.deepEqual(lines.slice(-4), ['/usr', '1024', '0', 'done']);
  t.true(lines.includes('X=y'));
  const status = readFileSync(`/proc/${started.pid}/status`, 'utf8');
  t.regex(status, /SigBlk:\s0+\n/);
  t.regex(status, /SigIgn:\s0+\n/);
  t.deepEqual(readdirSync(`/proc/${started.pid}/fd`).sort(), ['0', '1', '2']);
  t.is(statSync(join(bench.runtime, 'a.log')).mode & 0o777, 0o600);
  t.is(statSync(bench.socket).mode & 0o777, 0o600);
});

kernel('exit codes and signals are announced, and output is appended', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const seven = exitOf(supervisor, 'seven');
  await supervisor.spawn(bench.request('seven', 'echo one; echo two >&2; exit 7'));
  const { exit } = await seven;
  t.deepEqual({ code: exit?.code, signal: exit?.signal }, { code: 7, signal: null });
  const again = exitOf(supervisor, 'seven');
  await supervisor.spawn(bench.request('seven', 'echo three; kill -TERM $$'));
  t.like((await again).exit, { code: null, signal: 'SIGTERM' });
  t.is(bench.output('seven'), 'one\ntwo\nthree\n');
  t.is((await supervisor.list()).length, 1);
  await supervisor.forget('seven');
  await supervisor.forget('seven');
  t.deepEqual(await supervisor.list(), []);
  t.deepEqual(readdirSync(join(bench.runtime, 'exits')), []);
  t.deepEqual(readdirSync(join(bench.runtime, 'held')), []);
});

kernel('a second spawn of a live id returns the first process', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const [one, two] = await Promise.all([
    supervisor.spawn(bench.request('twin', 'sleep 60')),
    supervisor.spawn(bench.request('twin', 'sleep 60')),
  ]);
  t.deepEqual(one, two);
  t.deepEqual(await supervisor.spawn(bench.request('twin', 'sleep 61')), one);
});

kernel('what cannot be started is refused with the reason, and nothing remains', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const plain = join(bench.runtime, 'plain');
  writeFileSync(plain, 'x');
  const refused = async (more: Parameters<typeof bench.request>[2]) => {
    const error = await t.throwsAsync(supervisor.spawn(bench.request('no', 'true', more)), { instanceOf: SysError });
    return [error?.errnoName, error?.path];
  };
  t.deepEqual(await refused({ argv: ['/no/such'] }), ['ENOENT', '/no/such']);
  t.deepEqual(await refused({ argv: [plain] }), ['EACCES', plain]);
  t.deepEqual(await refused({ argv: ['/usr'] }), ['EACCES', '/usr']);
  t.deepEqual(await refused({ cwd: '/no/such' }), ['ENOENT', '/no/such']);
  t.deepEqual(await refused({ netns: '/no/such' }), ['ENOENT', '/no/such']);
  t.deepEqual(await refused({ output: '/no/such/file' }), ['ENOENT', '/no/such/file']);
  t.deepEqual(await refused({ cgroup: '/no/such' }), ['ENOENT', '/no/such/cgroup.procs']);
  t.deepEqual(await supervisor.list(), []);
  t.deepEqual(readdirSync(join(bench.runtime, 'held')), []);
});

kernel('a process starts in its network namespace, and the next one in the host', async (t) => {
  const name = `berth-t-${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  t.teardown(() => execFileSync('ip', ['netns', 'delete', name]));
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const inside = exitOf(supervisor, 'inside');
  await supervisor.spawn(bench.request('inside', 'readlink /proc/self/ns/net', { netns: `/run/netns/${name}` }));
  await inside;
  const outside = exitOf(supervisor, 'outside');
  await supervisor.spawn(bench.request('outside', 'readlink /proc/self/ns/net'));
  await outside;
  t.is(bench.output('inside'), `net:[${statSync(`/run/netns/${name}`).ino}]\n`);
  t.is(bench.output('outside'), `net:[${statSync('/proc/self/ns/net').ino}]\n`);
});

kernel('an exit while no agent is connected is in the list of the next one, and on disk', async (t) => {
  const bench = await startBench(t);
  const first = await bench.connect();
  await first.spawn(bench.request('late', 'sleep 0.2; exit 3'));
  first.close();
  await until(() => existsSync(join(bench.runtime, 'exits', 'late.json')) || undefined);
  const second = await bench.connect();
  t.like((await second.list())[0], { id: 'late', exit: { code: 3, signal: null } });
});

kernel('a killed supervisor is followed by one that finds the living and the dead', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const lives = await supervisor.spawn(bench.request('lives', 'sleep 60'));
  const dies = await supervisor.spawn(bench.request('dies', 'sleep 60'));
  const ended = exitOf(supervisor, 'ended');
  await supervisor.spawn(bench.request('ended', 'exit 5'));
  await ended;
  await bench.stop('SIGKILL');
  process.kill(dies.pid, 'SIGKILL');
  const isBack = new Promise<void>((resolve) => supervisor.onReconnect(resolve));
  await bench.start();
  await isBack;
  const list = await supervisor.list();
  t.deepEqual(
    list.find(({ id }) => id === 'lives'),
    lives,
  );
  t.like(
    list.find(({ id }) => id === 'dies'),
    { pid: dies.pid, exit: { code: null, signal: null } },
  );
  t.like(
    list.find(({ id }) => id === 'ended'),
    { exit: { code: 5 } },
  );
  t.deepEqual(await supervisor.spawn(bench.request('lives', 'sleep 60')), lives);
  const gone = exitOf(supervisor, 'lives');
  process.kill(lives.pid, 'SIGKILL');
  t.like((await gone).exit, { code: null, signal: null });
});

kernel('a spawn whose supervisor was killed before noting the pid is found by its cgroup', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const started = await supervisor.spawn(bench.request('found', 'sleep 60'));
  await bench.stop('SIGKILL');
  const file = join(bench.runtime, 'held', 'found.json');
  const record = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...record, phase: 'intent', pid: 0, startTime: 0 }));
  await bench.start();
  t.deepEqual(await supervisor.list(), [started]);
});

kernel('SIGHUP replaces the program and keeps the children, with their exit codes', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const { pid } = await supervisor.spawn(bench.request('kept', 'sleep 1; exit 9'));
  const before = await supervisor.hello();
  const isBack = new Promise<void>((resolve) => supervisor.onReconnect(resolve));
  const ended = exitOf(supervisor, 'kept');
  bench.child.kill('SIGHUP');
  await isBack;
  t.is((await supervisor.hello()).pid, before.pid);
  const exited = await Promise.race([
    ended,
    until(async () => (await supervisor.list()).find(({ exit }) => exit !== undefined)),
  ]);
  t.like(exited, { pid, exit: { code: 9, signal: null } });
});

// A runtime as crun --detach --pid-file: forks twice, leaves the pid, ends. It must not see the end of what it leaves.
const daemonise = (body: string) => `setsid -w sh -c 'sh -c "sleep 0.2; ${body}" & echo $! > "$PIDFILE"'`;

kernel('with pidFile the process the runtime left is the one reported', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const pidFile = join(bench.runtime, 'main.pid');
  const env = { PATH: '/usr/bin:/bin', PIDFILE: pidFile };
  const ended = exitOf(supervisor, 'main');
  const started = await supervisor.spawn(bench.request('main', daemonise('sleep 0.5; exit 4'), { pidFile, env }));
  t.is(started.pid, Number(readFileSync(pidFile, 'utf8')));
  t.like(await ended, { pid: started.pid, exit: { code: 4, signal: null } });
  const quick = exitOf(supervisor, 'main');
  // The number is free when the supervisor has taken the exit.
  const slow = `${daemonise('exit 6')}; while kill -0 "$(cat "$PIDFILE")"; do sleep 0.05; done`;
  t.like((await supervisor.spawn(bench.request('main', slow, { pidFile, env }))).exit, { code: 6 });
  t.like((await quick).exit, { code: 6 });
});

kernel('a runtime that fails rejects the spawn with its output, and what it left is killed', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const pidFile = join(bench.runtime, 'main.pid');
  const env = { PATH: '/usr/bin:/bin', PIDFILE: pidFile };
  const failing = bench.request('f', `${daemonise('sleep 60')}; echo no such image; exit 1`, { pidFile, env });
  const error = await t.throwsAsync(supervisor.spawn(failing), { instanceOf: SysError });
  t.is(error?.errnoName, 'EIO');
  t.regex(error?.message ?? '', /exit code 1: no such image/);
  const silent = await t.throwsAsync(supervisor.spawn(bench.request('g', 'exit 0', { pidFile, env })));
  t.regex(silent?.message ?? '', /left no pid/);
  t.deepEqual(await supervisor.list(), []);
  await until(() => readFileSync(join(bench.cgroup, 'cgroup.procs'), 'utf8') === '' || undefined);
});

kernel('fifty at once', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const ids = Array.from({ length: 50 }, (_, index) => `n${index}`);
  const exits = ids.map((id) => exitOf(supervisor, id));
  await Promise.all(ids.map((id, index) => supervisor.spawn(bench.request(id, `exit ${index}`))));
  t.deepEqual(
    (await Promise.all(exits)).map(({ exit }) => exit?.code),
    ids.map((_, index) => index),
  );
});

kernel('malformed and endless lines are answered and cut off, and others are not disturbed', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const say = (text: string) =>
    new Promise<string>((resolve) => {
      let heard = '';
      const socket = connect(bench.socket, () => socket.write(text));
      socket.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(heard));
    });
  t.regex(await say('nonsense\n'), /not JSON/);
  t.regex(await say('{"seq":4,"op":"spawn","spawn":{"id":"x","argv":["sh"]}}\n'), /"seq":4,"ok":false.*absolute path/);
  t.regex(await say('x'.repeat(1024 * 1024 + 1)), /line longer/);
  t.is((await supervisor.hello()).pid, bench.child.pid ?? 0);
});

kernel('a second supervisor for the same directory is refused', async (t) => {
  const bench = await startBench(t);
  const first = bench.child;
  await t.throwsAsync(bench.start(), { message: /another supervisor/ });
  bench.child = first;
  t.is((await (await bench.connect()).hello()).pid, first.pid ?? 0);
});

kernel('requests wait for a supervisor that is away, and a spawn is not run twice', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  await bench.stop('SIGKILL');
  const spawned = supervisor.spawn(bench.request('waits', 'echo once; exit 1'));
  await sleep(300);
  await bench.start();
  const { pid } = await spawned;
  const [listed] = await until(async () => {
    const list = await supervisor.list();
    return list[0]?.exit === undefined ? undefined : list;
  });
  t.is(listed?.pid, pid);
  t.is(bench.output('waits'), 'once\n');
});
