import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { olderOf } from '../../systemd/holder/output-file.js';
import { outputPipeOf } from '../../systemd/holder/outputs.js';
import { type Bench, exitOf, startBench, until, whyNot } from './fixture.js';

const LIMIT = 1 << 20;
const reason = whyNot();
const kernel = reason === undefined ? test.serial : test.serial.skip;

function parts(bench: Bench, id: string): string[] {
  const path = join(bench.runtime, `${id}.log`);
  const older = existsSync(olderOf(path)) ? readdirSync(olderOf(path)).map((end) => join(olderOf(path), end)) : [];
  return [...older, path];
}

kernel('the last line is in the output when the end is told, and /dev/stdout can be opened again', async (t) => {
  const bench = await startBench(t);
  const holder = await bench.connect();
  const ended = exitOf(holder, 'a');
  const script =
    'echo one > /dev/stdout; setpriv --reuid 65534 --clear-groups sh -c "echo two > /dev/stdout"; printf three';
  await holder.spawn(bench.request('a', script, { outputLimit: LIMIT }));
  await ended;
  t.is(bench.output('a'), 'one\ntwo\nthree');
  await until(() => !existsSync(outputPipeOf(bench.runtime, 'a')) || undefined);
});

kernel('lines are neither lost nor torn when the holder is killed, and replaced, in the middle of them', async (t) => {
  const bench = await startBench(t);
  const holder = await bench.connect();
  const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); echo $i; done; exec sleep 60';
  await holder.spawn(bench.request('count', script, { outputLimit: LIMIT }));
  const size = () => statSync(join(bench.runtime, 'count.log')).size;
  await until(() => size() > 20_000 || undefined);
  await bench.stop('SIGKILL');
  await bench.start();
  await until(() => size() > 60_000 || undefined);
  bench.child.kill('SIGHUP');
  await until(() => bench.output('count').endsWith('\n60000\n') || undefined);
  t.is(bench.output('count'), Array.from({ length: 60_000 }, (_, line) => `${line + 1}\n`).join(''));
});

kernel('a flood stays within twice the limit at any time', async (t) => {
  const bench = await startBench(t);
  const holder = await bench.connect();
  await holder.spawn(bench.request('yes', 'exec yes', { outputLimit: LIMIT }));
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
  t.regex(readFileSync(join(bench.runtime, 'yes.log'), 'utf8'), /^[y\n]/);
});
