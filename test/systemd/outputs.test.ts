import { execFile, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  write as writeTo,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { OutputStore } from '../../agent/workload/output.js';
import { closeDescriptor, openPipe } from '../../linux/fd.js';
import { moveToOutput, olderOf, tidyOutput } from '../../systemd/supervisor/output-file.js';
import { OutputPipe } from '../../systemd/supervisor/output-pipe.js';
import { timesOf } from '../../systemd/supervisor/output-times.js';
import { Outputs, outputPipeOf } from '../../systemd/supervisor/outputs.js';
import { fc } from '../runner/property.js';
import { until } from './fixture.js';

const LIMIT = 4096;
// Not writeSync: the reader is in this thread, and a pipe may hold as little as two pages.
const write = promisify(writeTo) as (fd: number, text: string) => Promise<unknown>;

interface Place {
  readonly runtime: string;
  readonly path: string;
  readonly store: OutputStore;
  readonly problems: string[];
  /** A reader, as a new supervisor would be; the one before is gone without a word. */
  outputs(): Outputs;
  kept(): string;
}

function place(t: Pick<ExecutionContext, 'teardown'>, root = mkdtempSync(join(tmpdir(), 'berth-output-'))): Place {
  const runtime = join(root, 'run');
  const state = join(root, 'state');
  mkdirSync(join(state, 'logs'), { recursive: true });
  const store = new OutputStore({ state, runtime, maxBytes: LIMIT });
  const path = store.path('w');
  const made: Outputs[] = [];
  const problems: string[] = [];
  t.teardown(() => {
    for (const outputs of made) {
      outputs.end('w');
      outputs.forget('w');
      outputs.close();
    }
    rmSync(root, { recursive: true, force: true });
  });
  const kept = () =>
    parts(path)
      .map((file) => readFileSync(file, 'latin1'))
      .join('');
  return {
    ...{ runtime, path, store, problems, kept },
    outputs() {
      const outputs = new Outputs({ runtime, onProblem: (problem) => problems.push(problem) });
      made.push(outputs);
      return outputs;
    },
  };
}

function parts(path: string): string[] {
  const older = existsSync(olderOf(path)) ? readdirSync(olderOf(path)).map((end) => join(olderOf(path), end)) : [];
  return existsSync(path) ? [...older, path] : older;
}

function onDisk(path: string): number {
  return parts(path).reduce((bytes, file) => bytes + statSync(file).size, 0);
}

// One after another: each reader holds a thread of libuv's pool, which the test needs, too.
test.serial('what is written comes into the output as it is written, and within two parts of the limit', async (t) => {
  const { outputs: make, path, store, kept } = place(t);
  const outputs = make();
  const fd = outputs.open('w', { path, limit: LIMIT });
  t.teardown(() => closeSync(fd));
  await write(fd, 'hello');
  await until(() => kept() === 'hello' || undefined);
  let stream = 'hello';
  for (let line = 0; stream.length < 5 * LIMIT; line++) {
    const text = `line ${line}\n`;
    await write(fd, text);
    stream += text;
    if (line % 50 === 0) await until(async () => (await store.position('w')) === stream.length || undefined);
    t.true(onDisk(path) <= 2 * LIMIT);
  }
  await until(async () => (await store.position('w')) === stream.length || undefined);
  t.true(stream.endsWith(kept()));
  t.true(kept().length > LIMIT, 'the older part is kept');
  const { bytes, missing, next } = await store.read('w', { offset: 0, limit: 100_000 });
  t.is(missing, stream.length - kept().length);
  t.is(bytes.toString(), stream.slice(missing, next));
});

test.serial(
  'times: what came later has a later mark; a rotation that a crash has cut short is gone on with',
  async (t) => {
    const { outputs: make, path, store, kept } = place(t);
    const target = { path, limit: LIMIT };
    const outputs = make();
    const fd = outputs.open('w', target);
    t.teardown(() => closeSync(fd));
    const before = Date.now();
    await write(fd, 'first\n');
    await until(() => kept() === 'first\n' || undefined);
    await write(fd, 'second\n');
    await until(() => kept() === 'first\nsecond\n' || undefined);
    const marks = async () => (await store.read('w', { offset: 0, limit: 100, times: true })).times ?? [];
    const found = await marks();
    t.deepEqual(
      found.map(({ offset }) => offset),
      [0, 6],
    );
    t.true(found.every(({ at }) => at >= before && at <= Date.now()));
    t.is(await store.startSince('w', Date.now() + 1000), 13);
    // As a supervisor leaves it that dies after the first of the two renames.
    renameSync(timesOf(path), timesOf(path, 13));
    t.deepEqual(await marks(), found, 'readable in between');
    tidyOutput(target);
    t.deepEqual([existsSync(timesOf(path)), await marks()], [true, found]);
  },
);

test.serial('times: byte by byte, they take a quarter of the limit at most, and go with their part', async (t) => {
  const { path, store } = place(t);
  const target = { path, limit: LIMIT };
  const { read, write: writer } = openPipe();
  t.teardown(() => {
    closeDescriptor(read);
    closeDescriptor(writer);
  });
  const size = () =>
    readdirSync(`${path}.times`).reduce((sum, name) => sum + statSync(join(`${path}.times`, name)).size, 0);
  for (let byte = 0; byte < 300; byte++) {
    await write(writer, 'x');
    t.is(moveToOutput(target, read, 10), 1);
    t.true(size() <= (2 * LIMIT) / 4);
  }
  t.is(await store.position('w'), 300);
  const all = await whole(store);
  t.is(all.start + all.text.length, 300);
  t.true(all.text.length >= LIMIT / 4 / 16);
  t.is(readdirSync(`${path}.times`).length, 2);
});

test.serial('the end of a process does not wait for others that still have its output', async (t) => {
  const { outputs: make, path, runtime, kept } = place(t);
  const outputs = make();
  const first = outputs.open('w', { path, limit: LIMIT });
  await write(first, 'the last line, without an end');
  outputs.end('w');
  t.is(kept(), 'the last line, without an end');
  await write(first, '\nof a grandchild');
  await until(() => kept().endsWith('of a grandchild') || undefined);
  closeSync(first);
  await until(() => !existsSync(outputPipeOf(runtime, 'w')) || undefined);
});

test.serial(
  'what others of an ended process write is read by the next reader, too, until it is forgotten',
  async (t) => {
    const { outputs: make, path, runtime, kept } = place(t);
    const target = { path, limit: LIMIT };
    const first = make();
    const fd = first.open('w', target);
    await write(fd, 'of the process');
    first.end('w');
    first.close();
    await write(fd, ', of a grandchild');
    const second = make();
    second.recover([], [{ id: 'w', output: target }]);
    t.is(kept(), 'of the process, of a grandchild');
    await write(fd, ', later');
    await until(() => kept().endsWith(', later') || undefined);
    closeSync(fd);
    await until(() => !existsSync(outputPipeOf(runtime, 'w')) || undefined);
    make().recover([], [{ id: 'w', output: target }]);
    t.is(kept(), 'of the process, of a grandchild, later');
  },
);

test.serial('an output that is forgotten while others write is written no more', async (t) => {
  const { outputs: make, path, runtime, kept } = place(t);
  const outputs = make();
  const fd = outputs.open('w', { path, limit: LIMIT });
  t.teardown(() => closeSync(fd));
  outputs.forget('w');
  t.true(existsSync(outputPipeOf(runtime, 'w')), 'its process lives');
  outputs.end('w');
  outputs.forget('w');
  rmSync(path);
  await write(fd, 'late');
  t.false(existsSync(outputPipeOf(runtime, 'w')));
  t.is(kept(), '');
});

test.serial('readers that die between any two steps lose nothing that was not rotated away', async (t) => {
  let rotations = 0;
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 6000 }) }),
    fc.constant({ do: 'settle' as const }),
    fc.constant({ do: 'crash' as const }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const undo: (() => unknown)[] = [];
      const { outputs: make, path, store, kept } = place({ teardown: (run) => undo.push(run) });
      const target = { path, limit: LIMIT };
      let outputs = make();
      const fd = outputs.open('w', target);
      let stream = '';
      const settled = () => until(async () => (await store.position('w')) >= stream.length || undefined);
      for (const now of steps) {
        if (now.do === 'write') {
          const text = Array.from({ length: now.bytes }, (_, at) =>
            String.fromCharCode(33 + ((stream.length + at) % 90)),
          ).join('');
          await write(fd, text);
          stream += text;
        } else if (now.do === 'settle') await settled();
        else {
          outputs.close();
          outputs = make();
          outputs.recover([{ id: 'w', output: target }]);
        }
        t.true(onDisk(path) <= 2 * LIMIT);
      }
      outputs.end('w');
      const { start, text } = await whole(store);
      t.is(start + text.length, stream.length);
      t.is(text, stream.slice(start));
      t.is(text, kept());
      t.true(start === 0 || text.length > LIMIT);
      if (start > 0) rotations += 1;
      closeSync(fd);
      for (const run of undo) run();
    }),
    { numRuns: 25, endOnFailure: true },
  );
  t.true(rotations > 0);
});

test.serial('a crash in the middle of a rotation leaves one older part and the positions as they were', async (t) => {
  const { outputs: make, path, store } = place(t);
  let outputs = make();
  const target = { path, limit: LIMIT };
  const fd = outputs.open('w', target);
  t.teardown(() => closeSync(fd));
  await write(fd, 'x'.repeat(3 * LIMIT - 10));
  await until(async () => (await store.position('w')) === 3 * LIMIT - 10 || undefined);
  outputs.close();
  // What a crash between the rename and the removal leaves.
  await promisify(execFile)('cp', [join(olderOf(path), String(2 * LIMIT)), join(olderOf(path), String(LIMIT))]);
  outputs = make();
  outputs.recover([{ id: 'w', output: target }]);
  t.deepEqual(readdirSync(olderOf(path)), [String(2 * LIMIT)]);
  t.is(await store.position('w'), 3 * LIMIT - 10);
});

test.serial('a part that could not be begun is made when there is room again, and says what is missing', (t) => {
  const { runtime, path } = place(t);
  mkdirSync(runtime, { recursive: true });
  const fifo = join(runtime, 'pipe');
  t.is(spawnSync('mkfifo', [fifo]).status, 0);
  const target = { path, limit: LIMIT };
  const lost = { id: 'w', target, bytes: 5, reason: 'no space left on device' };
  const none = { onLoss: () => undefined, onDropped: () => undefined, now: () => 0 };
  const nowhere = openSync('/dev/null', 'r+');
  const pipe = new OutputPipe({ id: 'w', target, lostFile: join(runtime, 'lost'), nowhere, ...none }, lost);
  pipe.open(fifo);
  const writer = openSync(fifo, 'r+');
  t.teardown(() => {
    pipe.close();
    for (const fd of [writer, nowhere]) closeSync(fd);
  });
  writeSync(writer, 'more\n');
  // Between the two steps of a rotation the current part is not there.
  t.false(existsSync(path));
  t.is(pipe.take(), 5);
  t.is(readFileSync(path, 'utf8'), 'berth: 5 bytes of output are missing here: no space left on device\nmore\n');
  t.false(pipe.owesGap);
});

test.serial('a flood of one does not keep the others from their turn', async (t) => {
  const { outputs: make, path, kept, runtime } = place(t);
  const outputs = make();
  const loud = join(runtime, 'loud.log');
  const shout = outputs.open('loud', { path: loud, limit: 1 << 20 });
  const fd = outputs.open('w', { path, limit: LIMIT });
  t.teardown(() => {
    outputs.end('loud');
    outputs.forget('loud');
    closeSync(fd);
  });
  const child = spawn('/usr/bin/yes', { stdio: ['ignore', shout, 'ignore'] });
  closeSync(shout);
  t.teardown(() => child.kill('SIGKILL'));
  for (let line = 1; line <= 20; line++) {
    await write(fd, `${line}\n`);
    await until(() => kept().endsWith(`\n${line}\n`) || kept() === `${line}\n` || undefined);
  }
  child.kill('SIGKILL');
  t.is(kept(), Array.from({ length: 20 }, (_, line) => `${line + 1}\n`).join(''));
  t.true(statSync(loud).size > 0);
});

async function whole(store: OutputStore): Promise<{ readonly start: number; readonly text: string }> {
  const { missing: start } = await store.read('w', { offset: 0, limit: 1 });
  let text = '';
  for (let offset = start; ; ) {
    const { bytes, end, next } = await store.read('w', { offset, limit: 1000 });
    text += bytes.toString('latin1');
    offset = next;
    if (end) return { start, text };
  }
}
