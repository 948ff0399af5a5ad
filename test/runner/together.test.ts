import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { group } from './groups.js';
import { memoryDirectory } from './memory.js';
import { fc, holds } from './property.js';
import { changes, leftBehind, sharedState } from './shared-state.js';

test('each file is in one group or alone, and what changes its worker for all is alone', (t) => {
  const text = fc.constantFrom('test("a")', 'test.before(', 'test.after.always(', 'fileFaults(directory)');
  holds(
    t,
    fc.property(fc.array(text, { maxLength: 40 }), (texts) => {
      const files = texts.map((_, at) => `${at}.test.js`);
      const { alone, groups } = group(files, (file) => texts[Number.parseInt(file, 10)] ?? '');
      t.deepEqual([...alone, ...groups.flat()].sort(), [...files].sort());
      t.deepEqual(
        alone,
        files.filter((_, at) => texts[at] !== 'test("a")'),
      );
      t.true(groups.every((members) => members.length > 0));
    }),
  );
});

const KINDS: Readonly<Record<string, (undo: (() => void)[]) => void>> = {
  'a variable': (undo) => {
    process.env.BERTH_LEFT = '1';
    undo.push(() => void delete process.env.BERTH_LEFT);
  },
  'a listener of the process': (undo) => {
    const listener = () => undefined;
    process.on('warning', listener);
    undo.push(() => void process.off('warning', listener));
  },
  'a timer of its own': (undo) => {
    const real = globalThis.setTimeout;
    globalThis.setTimeout = Object.assign(() => real(() => undefined, 0), real);
    undo.push(() => void Object.assign(globalThis, { setTimeout: real }));
  },
  'a new global': (undo) => {
    Object.assign(globalThis, { left: 1 });
    undo.push(() => void Reflect.deleteProperty(globalThis, 'left'));
  },
};

for (const [kind, leave] of Object.entries(KINDS))
  test.serial(`${kind} left behind fails the test after it, with the name of the one that left it`, (t) => {
    const undo: (() => void)[] = [];
    t.teardown(() => undo.forEach((one) => void one()));
    const guard = leftBehind();
    guard('the first', () => leave(undo));
    t.throws(() => guard('the second', () => undefined), { message: /^"the first" left changes in its worker: / });
    t.is(
      guard('the third', () => 'runs'),
      'runs',
      'the change is told once',
    );
  });

test.serial('a global that is read for the first time is no change', (t) => {
  const before = sharedState();
  t.truthy(globalThis.CompressionStream);
  t.deepEqual(changes(before, sharedState()), []);
});

test('the directory for temporary files runs programs, in memory or where temporary files are', (t) => {
  for (const mount of ['/dev/shm', '/proc', '/none']) {
    const directory = memoryDirectory(mount);
    t.true(existsSync(directory), mount);
    const program = join(directory, 'program');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    t.is(readFileSync(program, 'utf8'), '#!/bin/sh\n');
    t.true((statSync(program).mode & 0o100) > 0);
  }
});
