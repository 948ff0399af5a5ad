// `npm test`: every tier this machine can carry, one after the other, and a closing line with counts.
// `--help` says how a part of it is run. Under CI=true a tier that cannot run and a test that is skipped are failures, unless
// runner/skips.ts lists them; elsewhere they are named with the reason. The last line is the count, alone on its line: a program reads it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../linux/errors.js';
import { type Counts, failedLines, type Outcome, runAva } from './runner/ava.js';
import { grouped, RUN } from './runner/groups.js';
import { memoryDirectory } from './runner/memory.js';
import { TIERS, type Tier, tierOf } from './runner/tiers.js';
import { type SecondTry, verdict } from './runner/verdict.js';
import { watch, watchedFile } from './runner/watch.js';

const USAGE = `npm test -- [--tier TIER[,TIER]] [--match PART]
  Run all tiers that this machine can carry, or these of ${TIERS.map(({ name }) => name).join(', ')}; of them the files whose path has PART.
  npm test -- --tier kernel --match netns

npm test -- --watch FILE
  Compile and run one test file, again after each change. Ctrl-C ends it.
  npm test -- --watch test/agent/base/cron.test.ts
`;

const { values } = parseArgs({
  options: {
    ...{ tier: { type: 'string' }, match: { type: 'string' }, watch: { type: 'string' }, help: { type: 'boolean' } },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = values.tier?.split(',') ?? TIERS.map((tier) => tier.name);
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter(
    (file) =>
      file.endsWith('.test.js') && !file.startsWith(RUN) && (values.match === undefined || file.includes(values.match)),
  )
  .map((file) => join('dist', 'test', file))
  .sort();
if (values.help === true) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (values.watch !== undefined) process.exit(await watchOne(values.watch));

/** So many files of a tier are named with their times. */
const SLOWEST = 10;
const strict = process.env.CI === 'true';
const total = { passed: 0, failed: 0, skipped: 0 };
const skipped: string[] = [];
const secondTries: SecondTry[] = [];
const lines: string[] = [];
const failures: string[] = [];
/** A line each, for the end of the output: a reader may see no more of it. */
const failed: string[] = [];
/** The details of first tries. */
const firstTries: string[] = [];
const runs = TIERS.map((tier) => ({ tier, mine: files.filter((file) => tierOf(file) === tier.name) })).filter(
  ({ tier, mine }) => wanted.includes(tier.name) && mine.length > 0,
);
/** What the next tier needs, begun while the one before it runs. */
let building: Promise<void> | undefined;
for (const [at, { tier, mine }] of runs.entries()) {
  const reason = await prepare(tier);
  if (reason !== undefined) {
    total.skipped += 1;
    skipped.push(`tier ${tier.name}`);
    lines.push(`${tier.name}: skipped: ${reason}`);
    continue;
  }
  process.stdout.write(`\n== ${tier.name}: ${tier.what} (${mine.length} files)\n`);
  const begun = performance.now();
  await (building ?? tier.build?.());
  const next = runs[at + 1]?.tier;
  // All packages first: two programs cannot install at once.
  const early = tier.concurrency === 1 && next?.build !== undefined && (await prepare(next)) === undefined;
  building = early ? next.build?.() : undefined;
  const result = await runTier(mine, tier);
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  const seconds = Math.round((performance.now() - begun) / 1000);
  lines.push(
    `${tier.name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${seconds} s`,
  );
}
const { counts, complaints, lines: twice } = verdict({ counts: total, skipped, secondTries }, strict);
failures.push(...complaints);
failed.push(...complaints);
if (firstTries.length > 0) process.stdout.write(`\n== what failed in a first try\n${firstTries.join('\n\n')}\n`);
// A reader who sees only the end of the output still sees what failed.
if (failures.length > 0) process.stdout.write(`\n== what failed\n${failures.join('\n\n')}\n`);
if (lines.length === 0) lines.push('no test matches');
if (skipped.length > 0) lines.push(...skipped.map((name) => `skipped: ${name}`));
lines.push(...twice, ...failed.slice(0, 10).map((line) => `failed: ${line}`));
process.stdout.write(
  `\n${lines.join('\n')}\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
);
process.exitCode = counts.failed > 0 ? 1 : 0;

/**
 * A tier with a second try runs file by file, each in a process of its own: what it needs of the machine (a lab host under
 * emulation, links and cgroups that the kernel makes and removes in its own time) can fail for reasons that are not ours.
 * Each second try is counted, and too many of them fail the run (runner/verdict.ts); a third there is not.
 */
async function runTier(mine: readonly string[], tier: Tier): Promise<Counts> {
  if (tier.together) return told(await runAva(grouped(mine), tier, { ...process.env, TMPDIR: memoryDirectory() }));
  if (!tier.secondTry) return told(await runAva(mine, tier));
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const times: { file: string; seconds: number }[] = [];
  for (const file of mine) {
    const begun = performance.now();
    let outcome = await runAva([file], tier);
    if (outcome.failed > 0) {
      const [first = '', ...more] = failedLines(outcome.failures);
      const reason = more.length === 0 ? first : `${first} (and ${more.length} more)`;
      secondTries.push({ file, reason });
      firstTries.push(`${file}\n${outcome.failures}`);
      process.stdout.write(`\n${tier.name}: ${file} failed and is run again: ${reason}\n`);
      outcome = await runAva([file], tier);
    }
    times.push({ file, seconds: Math.round((performance.now() - begun) / 1000) });
    const result = told(outcome);
    sum.passed += result.passed;
    sum.failed += result.failed;
    sum.skipped += result.skipped;
  }
  const slowest = times.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  process.stdout.write(`\n${tier.name}: the slowest files:\n`);
  for (const { file, seconds } of slowest) process.stdout.write(`  ${seconds} s ${file}\n`);
  return sum;
}

function told(outcome: Outcome): Counts {
  if (outcome.failed > 0) {
    failures.push(outcome.failures);
    failed.push(...failedLines(outcome.failures));
  }
  skipped.push(...outcome.skippedTests);
  return outcome;
}

/** The exit code. */
async function watchOne(name: string): Promise<number> {
  try {
    const file = watchedFile(name, files);
    const tier = TIERS.find((one) => one.name === tierOf(file));
    const reason = tier && (await prepare(tier));
    if (reason !== undefined) throw new Error(`${file}: ${reason}`);
    return await watch({ root: join(root, '..'), file, timeoutMinutes: tier?.timeoutMinutes ?? 2 });
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
}

async function prepare(tier: Tier): Promise<string | undefined> {
  try {
    return await tier.prepare();
  } catch (error) {
    return messageOf(error);
  }
}
