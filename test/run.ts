// `npm test`: every tier this machine can carry, one after the other, and a closing line with counts.
//   node dist/test/run.js [--tier unit,kernel,host] [--match PATTERN]
// Under CI=true a tier that cannot run is a failure; elsewhere it is named with the reason.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Counts, type Outcome, runAva } from './runner/ava.js';
import { TIERS, type Tier, tierOf } from './runner/tiers.js';

const { values } = parseArgs({ options: { tier: { type: 'string' }, match: { type: 'string' } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = values.tier?.split(',') ?? TIERS.map((tier) => tier.name);
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js') && (values.match === undefined || file.includes(values.match)))
  .map((file) => join('dist', 'test', file))
  .sort();

const total = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
const failures: string[] = [];
for (const tier of TIERS) {
  if (!wanted.includes(tier.name)) continue;
  const mine = files.filter((file) => tierOf(file) === tier.name);
  if (mine.length === 0) continue;
  const reason = await prepare(tier);
  if (reason !== undefined) {
    const failed = process.env.CI === 'true';
    total[failed ? 'failed' : 'skipped'] += 1;
    lines.push(`${tier.name}: ${failed ? 'FAILED, could not run' : 'skipped'}: ${reason}`);
    continue;
  }
  process.stdout.write(`\n== ${tier.name}: ${tier.what} (${mine.length} files)\n`);
  const begun = Date.now();
  const result = await runTier(mine, tier);
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  const seconds = Math.round((Date.now() - begun) / 1000);
  lines.push(
    `${tier.name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${seconds} s`,
  );
}
// Whoever sees but the end of the output has to see what failed.
if (failures.length > 0) process.stdout.write(`\n== what failed\n${failures.join('\n\n')}\n`);
if (lines.length === 0) lines.push('no test matches');
process.stdout.write(
  `\n${lines.join('\n')}\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/**
 * A tier with a second try runs file by file, each in a process of its own: what it needs of the machine (a lab host under
 * emulation, links and cgroups that the kernel makes and removes in its own time) can fail for reasons that are not ours.
 * The second try is said aloud, with what failed in the first; a third there is not.
 */
async function runTier(mine: readonly string[], tier: Tier): Promise<Counts> {
  if (!tier.secondTry) return told(await runAva(mine, tier));
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const file of mine) {
    let result = told(await runAva([file], tier));
    if (result.failed > 0) {
      lines.push(`${tier.name}: ${file} failed (${result.failed}) and was run again`);
      process.stdout.write(`\n${lines.at(-1)}\n`);
      result = told(await runAva([file], tier));
    }
    sum.passed += result.passed;
    sum.failed += result.failed;
    sum.skipped += result.skipped;
  }
  return sum;
}

function told(outcome: Outcome): Counts {
  if (outcome.failed > 0) failures.push(outcome.failures);
  return outcome;
}

async function prepare(tier: Tier): Promise<string | undefined> {
  try {
    return await tier.prepare();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
