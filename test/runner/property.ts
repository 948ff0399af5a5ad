// Properties on generated inputs, by fast-check. The inputs are the same in every run: what fails here fails for everybody and again,
// and what counts as tried does not depend on luck. BERTH_PROPERTY_SEED=random looks for new ones; a failure prints its seed.
import type { ExecutionContext } from 'ava';
import fc from 'fast-check';

const SEED = 20_260_301;

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: seedFor(SEED) });

export { fc };

/** BERTH_PROPERTY_RUNS=20 tries each property of `holds` on twenty times as many inputs. */
function factor(): number {
  const asked = Number(process.env.BERTH_PROPERTY_RUNS ?? 1);
  return Number.isFinite(asked) && asked > 0 ? asked : 1;
}

function tried(parameters: Parameters): number {
  return Math.max(1, Math.round((parameters.numRuns ?? 100) * factor()));
}

/** BERTH_PROPERTY_SEED=7 makes other inputs, the same ones each time; `random` others each time. */
function seedFor(usual: number): number {
  const asked = process.env.BERTH_PROPERTY_SEED;
  if (asked === 'random') return Date.now() % 2 ** 31;
  return asked === undefined ? usual : Number(asked);
}

interface Parameters {
  readonly numRuns?: number;
  readonly seed?: number;
}

/**
 * Asserts that a property holds, and that it was tried on as many inputs as asked for: a property that no input reaches
 * holds always.
 */
export function holds<T>(t: ExecutionContext, property: fc.IProperty<T>, parameters: Parameters = {}): void {
  const runs = tried(parameters);
  settle(t, fc.check(property, { numRuns: runs, seed: seedFor(parameters.seed ?? SEED) }), runs);
}

/** The same for a property that awaits something. */
export async function holdsAsync<T>(
  t: ExecutionContext,
  property: fc.IAsyncProperty<T>,
  parameters: Parameters = {},
): Promise<void> {
  const runs = tried(parameters);
  settle(t, await fc.check(property, { numRuns: runs, seed: seedFor(parameters.seed ?? SEED) }), runs);
}

function settle<T>(t: ExecutionContext, details: fc.RunDetails<T>, runs: number): void {
  t.false(details.failed, fc.defaultReportMessage(details) ?? '');
  t.is(details.numRuns, runs);
}
