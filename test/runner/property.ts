import type { ExecutionContext } from 'ava';
import fc from 'fast-check';

/** BERTH_PROPERTY_RUNS=20 tries each property on twenty times as many inputs. */
function factor(): number {
  const asked = Number(process.env.BERTH_PROPERTY_RUNS ?? 1);
  return Number.isFinite(asked) && asked > 0 ? asked : 1;
}

function tried(parameters: { numRuns?: number }): number {
  return Math.max(1, Math.round((parameters.numRuns ?? 100) * factor()));
}

/**
 * Asserts that a property holds, and that it was tried on as many inputs as asked for: a property that no input reaches
 * holds always.
 */
export function holds<T>(t: ExecutionContext, property: fc.IProperty<T>, parameters: { numRuns?: number } = {}): void {
  settle(t, fc.check(property, { numRuns: tried(parameters) }), tried(parameters));
}

/** The same for a property that awaits something. */
export async function holdsAsync<T>(
  t: ExecutionContext,
  property: fc.IAsyncProperty<T>,
  parameters: { numRuns?: number } = {},
): Promise<void> {
  settle(t, await fc.check(property, { numRuns: tried(parameters) }), tried(parameters));
}

function settle<T>(t: ExecutionContext, details: fc.RunDetails<T>, runs: number): void {
  t.false(details.failed, fc.defaultReportMessage(details) ?? '');
  t.is(details.numRuns, runs);
}
