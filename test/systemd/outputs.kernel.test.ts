import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { codeOf } from '../../linux/errors.js';
import { readStat } from '../../linux/proc.js';
import { olderOf } from '../../systemd/supervisor/output-file.js';
import { outputPipeOf } from '../../systemd/supervisor/outputs.js';
import { type Bench, exitOf, startBench, until, whyNot } from './fixture.js';

const LIMIT = 1 << 20;
const reason = whyNot();
const kernel = reason === undefined ? test.serial : test.serial.skip;

function parts(bench: Bench, id: string): string[] {
  const path = join(bench.runtime, `${id}.log`);
  const older = existsSync(olderOf(path)) ? readdirSync(olderOf(path)).map((end) => join(olderOf(path), end)) : [];
  return [...older, path];
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Descriptors of this process for files of a directory. */
function keptIn(directory: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`).startsWith(directory)).length;
}

kernel('the last line is in the output when the end is told, and /dev/stdout can be opened again', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const ended = exitOf(supervisor, 'a');
  const script =
    'echo one > /dev/stdout; setpriv --reuid 65534 --clear-groups sh -c "echo two > /dev/stdout"; printf three';
  await supervisor.spawn(bench.request('a', script, { outputLimit: LIMIT }));
  await ended;
  t.is(bench.output('a'), 'one\ntwo\nthree');
  await until(() => !existsSync(outputPipeOf(bench.runtime, 'a')) || undefined);
});

kernel(
  'lines are neither lost nor torn when the supervisor is killed, and replaced, in the middle of them',
  async (t) => {
    const bench = await startBench(t);
    const supervisor = await bench.connect();
    const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo $i; done; exec sleep 60';
    await supervisor.spawn(bench.request('count', script, { outputLimit: LIMIT }));
    const size = () => statSync(join(bench.runtime, 'count.log')).size;
    await until(() => size() > 20_000 || undefined);
    await bench.stop('SIGKILL');
    await bench.start();
    await until(() => size() > 60_000 || undefined);
    bench.child.kill('SIGHUP');
    await until(() => bench.output('count').endsWith('\n60000\n') || undefined);
    t.is(bench.output('count'), Array.from({ length: 60_000 }, (_, line) => `${line + 1}\n`).join(''));
  },
);

kernel('what a process writes last is not lost when no supervisor runs at its end', async (t) => {
  const bench = await startBench(t);
  const first = await bench.connect();
  const gate = join(bench.runtime, 'gate');
  execFileSync('mkfifo', [gate]);
  const script = `read x < ${gate}; echo last words`;
  const { pid } = await first.spawn(bench.request('a', script, { outputLimit: LIMIT }));
  // An agent that comes later keeps it as well as the one that has asked for the process.
  const second = await bench.connect();
  await second.list();
  await until(() => keptIn(bench.runtime) === 2 || undefined);
  first.close();
  await bench.stop('SIGKILL');
  writeFileSync(gate, '\n');
  await until(() => [undefined, 'Z'].includes(readStat(pid)?.state) || undefined);
  t.is(bench.output('a'), '');
  await bench.start();
  await until(async () => (await second.list()).find(({ id }) => id === 'a')?.exit);
  t.is(bench.output('a'), 'last words\n');
  await until(() => !existsSync(outputPipeOf(bench.runtime, 'a')) || undefined);
});

kernel('what an ended process has left is read by the next supervisor, too', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const gate = join(bench.runtime, 'gate');
  execFileSync('mkfifo', [gate]);
  const ended = exitOf(supervisor, 'a');
  await supervisor.spawn(bench.request('a', `(read x < ${gate}; echo late) & echo first`, { outputLimit: LIMIT }));
  await ended;
  await bench.stop('SIGKILL');
  await bench.start();
  bench.child.kill('SIGHUP');
  t.is((await supervisor.list()).length, 1);
  writeFileSync(gate, '\n');
  await until(() => bench.output('a') === 'first\nlate\n' || undefined);
  await until(() => !existsSync(outputPipeOf(bench.runtime, 'a')) || undefined);
});

kernel('no descriptor is left of outputs that are over', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  const open = () => keptIn(bench.runtime);
  const ids = ['a', 'b', 'c'];
  for (const id of ids) await supervisor.spawn(bench.request(id, 'exec sleep 60', { outputLimit: LIMIT }));
  await until(() => open() === ids.length || undefined);
  const ended = exitOf(supervisor, 'a');
  process.kill((await supervisor.list()).find(({ id }) => id === 'a')?.pid ?? 0, 'SIGKILL');
  await ended;
  await until(() => open() === 2 || undefined);
  await supervisor.forget('b');
  await until(() => open() === 1 || undefined);
  await supervisor.spawn(bench.request('a', 'exec sleep 60', { outputLimit: LIMIT }));
  await until(() => open() === 2 || undefined);
  supervisor.close();
  await until(() => open() === 0 || undefined);
  t.is(open(), 0);
});

kernel('a flood stays within twice the limit at any time', async (t) => {
  const bench = await startBench(t);
  const supervisor = await bench.connect();
  await supervisor.spawn(bench.request('yes', 'exec yes', { outputLimit: LIMIT }));
  const ends = new Set<string>();
  await until(() => {
    let bytes = 0;
    for (const file of parts(bench, 'yes')) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    t.true(bytes <= 2 * LIMIT, `${bytes}`);
    for (const end of readdirSync(bench.runtime).includes('yes.log.older')
      ? readdirSync(olderOf(join(bench.runtime, 'yes.log')))
      : [])
      ends.add(end);
    return ends.size >= 4 || undefined;
  });
  // Between the two steps of a rotation there is none.
  const path = join(bench.runtime, 'yes.log');
  const text = await until(() => {
    try {
      return readFileSync(path, 'utf8') || undefined;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
  t.regex(text, /^[y\n]/);
});
