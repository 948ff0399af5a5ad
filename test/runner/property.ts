import type { ExecutionContext } from 'ava';
import fc from 'fast-check';

/** BERTH_PROPERTY_RUNS=20 tries each property on twenty times as many inputs. */
function factor(): number {
  const asked = Number(process.env.BERTH_PROPERTY_RUNS ?? 1);
  return Number.isFinite(asked) && asked > 0 ? asked : 1;
}

function tried(parameters: Parameters): number {
  return Math.max(1, Math.round((parameters.numRuns ?? 100) * factor()));
}

/** BERTH_PROPERTY_SEED=7 makes other inputs where a test has a seed of its own, and the same ones again where it has none. */
function seeded(parameters: Parameters): { seed?: number } {
  const asked = process.env.BERTH_PROPERTY_SEED;
  const seed = asked === undefined ? parameters.seed : Number(asked);
  return seed === undefined ? {} : { seed };
}

interface Parameters {
  readonly numRuns?: number;
  /** Absent: other inputs each time. */
  readonly seed?: number;
}

/**
 * Asserts that a property holds, and that it was tried on as many inputs as asked for: a property that no input reaches
 * holds always.
 */
export function holds<T>(t: ExecutionContext, property: fc.IProperty<T>, parameters: Parameters = {}): void {
  settle(t, fc.check(property, { numRuns: tried(parameters), ...seeded(parameters) }), tried(parameters));
}

/** The same for a property that awaits something. */
export async function holdsAsync<T>(
  t: ExecutionContext,
  property: fc.IAsyncProperty<T>,
  parameters: Parameters = {},
): Promise<void> {
  settle(t, await fc.check(property, { numRuns: tried(parameters), ...seeded(parameters) }), tried(parameters));
}

function settle<T>(t: ExecutionContext, details: fc.RunDetails<T>, runs: number): void {
  t.false(details.failed, fc.defaultReportMessage(details) ?? '');
  t.is(details.numRuns, runs);
}
