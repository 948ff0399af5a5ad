// Tests that cannot fail, and tests that are not run, are worse than none: they are believed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../../../test', import.meta.url));

interface Source {
  readonly path: string;
  readonly lines: readonly string[];
}

function sources(): Source[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'architecture/believable.test.ts')
    .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n') }));
}

/** `path:line: text` of each line that `pattern` finds. */
function found(pattern: RegExp): string[] {
  return sources().flatMap(({ path, lines }) =>
    lines.flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

test('no test says that it passed; it asserts something that can be false', (t) => {
  t.deepEqual(found(/\bt\.pass\(/), []);
  t.deepEqual(found(/\bt\.(true\(true|false\(false|is\((\w+), \2)\)/), []);
});

test('no assertion is satisfied by anything: an alternative that is always true, a pattern that matches nothing', (t) => {
  t.deepEqual(found(/\bt\.true\([^;]*\|\| true\b/), []);
  t.deepEqual(found(/\bt\.regex\([^;]*, \/(\.\*|\^|\$|)\/[a-z]*[,)]/), []);
  t.deepEqual(found(/\bt\.assert\([^;]*\|\| true\b/), []);
});

test('a skip has a condition of the machine: no test is switched off, none chosen alone, none postponed', (t) => {
  t.deepEqual(found(/^\s*test(\.serial)?\.(skip|only|failing|todo)\(/), []);
  t.deepEqual(found(/\btest(\.serial)?\.only\b/), []);
  // `cond ? test : test.skip`; the runner fails what is skipped under CI and not in its list.
  const others = found(/\btest(\.serial)?\.skip\b/).filter(
    (line) => !/ \? test(\.serial)? : test(\.serial)?\.skip;/.test(line),
  );
  t.deepEqual(others, []);
});

test('no test waits to be asked for by an environment variable', (t) => {
  const asked = found(/process\.env\.BERTH_[A-Z_]+ (===|!==) /);
  t.deepEqual(
    asked.filter((line) => /^[^:]+\.test\.ts:/.test(line)),
    [],
  );
});

test('a catch in a test does not swallow the failure of an assertion', (t) => {
  const empty = sources().flatMap(({ path, lines }) =>
    path.endsWith('.test.ts')
      ? lines.flatMap((line, at) => {
          const next = lines[at + 1]?.trim();
          const swallows =
            /\bcatch( \(\w+\))? \{\s*\}/.test(line) || (/\bcatch( \(\w+\))? \{$/.test(line) && next === '}');
          return swallows ? [`${path}:${at + 1}: ${line.trim()}`] : [];
        })
      : [],
  );
  t.deepEqual(empty, []);
});

test('generated inputs are the same in every run, so that no test fails or counts by luck', (t) => {
  const direct = found(/from 'fast-check'/).filter((line) => !line.startsWith('runner/property.ts:'));
  t.deepEqual(direct, [], 'fc comes from runner/property.ts, which gives it a seed');
  t.deepEqual(found(/\bMath\.random\(/), []);
});
