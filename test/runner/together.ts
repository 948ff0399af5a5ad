// Several test files in one worker. Starting a worker and importing berth into it costs more than most files do, so that the
// unit tier would spend two thirds of its time on that.
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Guard, leftBehind } from './shared-state.js';

type Body = (t: unknown, ...rest: unknown[]) => unknown;
type Declare = (title: string, body: Body, ...rest: unknown[]) => void;

/** What ava calls a chain: `test`, and what hangs on it. */
interface Chain extends Declare {
  readonly serial: Declare & { readonly skip: Declare; readonly failing: Declare };
  readonly after: { readonly always: (title: string, body: Body) => void };
}

const tests = fileURLToPath(new URL('..', import.meta.url));

/**
 * Imports the files one after the other and declares their tests under the names that they have alone, each of them serial:
 * one test at a time, so that no test waits for the processor of another one, and what a test leaves behind is known as its.
 */
export async function together(files: readonly string[]): Promise<void> {
  const entry = import.meta.resolve('ava');
  const { refs } = createRequire(entry)(join(dirname(fileURLToPath(entry)), '../lib/worker/state.cjs')) as {
    refs: { runnerChain: Chain };
  };
  const chain = refs.runnerChain;
  const declared: ((guard: Guard) => void)[] = [];
  let prefix = '';
  const declare =
    (kind: Declare): Declare =>
    (title, body, ...rest) => {
      const full = `${prefix} › ${title}`;
      declared.push((guard) => kind(full, (t, ...more) => guard(full, () => body(t, ...more)), ...rest));
    };
  const serial = Object.assign(declare(chain.serial), {
    skip: declare(chain.serial.skip),
    failing: declare(chain.serial.failing),
  });
  // `ava` has not been imported yet: it exports what stands here when it is. A hook has no place in it, and fails its file.
  refs.runnerChain = Object.assign(declare(chain.serial), serial, { serial }) as unknown as Chain;
  // Each temporary directory of a test file is removed by a listener of its own.
  process.setMaxListeners(0);
  for (const file of files) {
    prefix = relative(tests, file).replace('.test.js', '').replaceAll('/', ' › ');
    await import(file);
  }
  const guard = leftBehind();
  for (const one of declared) one(guard);
  // A test that waits for a timer that keeps no process alive has been kept alive by the others of its file until here.
  const alive = setInterval(() => undefined, 60_000);
  chain.after.always('what the tests of a worker share is as it was', () => {
    clearInterval(alive);
    guard('the end', () => undefined);
  });
}
