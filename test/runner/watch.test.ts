import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { temporaryDirectory } from './temporary.js';
import { watchedFile } from './watch.js';

const FILES = ['dist/test/agent/a.test.js', 'dist/test/agent/b.kernel.test.js', 'dist/test/netns/a.test.js'];

test('a test file is named by its source, by what it is compiled to, or by a part of its path', (t) => {
  for (const name of ['test/agent/a.test.ts', './test/agent/a.test.ts', 'dist/test/agent/a.test.js', 'agent/a.'])
    t.is(watchedFile(name, FILES), FILES[0] ?? '', name);
  t.throws(() => watchedFile('test/agent/c.test.ts', FILES), { message: /^no test file is test\/agent\/c\.test\.ts/ });
  t.throws(() => watchedFile('a.test.ts', FILES), { message: /2 have a\.test\.ts in their path/ });
});

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A checkout of one test. */
function checkout(): { readonly directory: string; write(title: string, what?: string): void } {
  // The compiler does not watch directories as near to the root as /tmp/NAME.
  const directory = join(temporaryDirectory('watch'), 'check', 'out');
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const ava = { files: ['dist/**/*.test.js'], verbose: true };
  mkdirSync(join(directory, 'test'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module', ava }));
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['test'] }));
  return {
    directory,
    write(title, what = 't.is([t.title].length, 1)') {
      const path = join(directory, 'test', 'a.test.ts');
      writeFileSync(`${path}.new`, `import test from 'ava';\ntest('${title}', (t) => {\n  ${what};\n});\n`);
      // As a whole: an empty file compiles, too.
      renameSync(`${path}.new`, path);
    },
  };
}

test('a file is run after each compile without errors, and nothing is left when it is ended', async (t) => {
  t.timeout(110_000);
  const { directory, write } = checkout();
  write('first');
  const watched = JSON.stringify({ root: directory, file: 'dist/test/a.test.js', timeoutMinutes: 1 });
  const url = new URL('./watch.js', import.meta.url).href;
  const program = `import { watch } from '${url}'; process.exitCode = await watch(${watched});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    ...{ stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, FORCE_COLOR: '0' } },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const closed = once(child, 'close');
  t.teardown(() => child.kill('SIGINT'));
  const early = closed.then(() => Promise.reject(new Error(`it ended:\n${output}`)));
  early.catch(() => undefined);
  const seen = async (what: RegExp): Promise<void> => {
    while (!what.test(output)) await Promise.race([once(child.stdout, 'data'), early]);
  };
  await seen(/✔ first[\s\S]*1 test passed/);
  write('wrong', 'const word: number = t.title; t.is(word, 1)');
  await seen(/Found 1 error\b/);
  write('second');
  await seen(/✔ second[\s\S]*1 test passed/);
  child.kill('SIGINT');
  t.deepEqual(await closed, [0, null], output);
  t.notRegex(output, /(✔|✘.*) wrong/);
  t.deepEqual(
    readdirSync('/proc').filter((pid) => commandOf(pid).includes(directory)),
    [],
  );
});

function commandOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8');
  } catch {
    return '';
  }
}
