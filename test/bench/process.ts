// The side of a group's own process: a fresh heap for each group, and its own network where it wants one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GROUPS, select } from './groups.js';
import { loadInWords } from './machine.js';
import { judge, type Result } from './result.js';

/** What the process of a group is told, as its only argument in JSON. */
export interface Order {
  readonly names: readonly string[];
  readonly quick: boolean;
}

/** What it answers over the channel to its parent. */
export interface Answer {
  readonly results: readonly Result[];
  /** What went wrong, or was left behind. */
  readonly failures: readonly string[];
}

const PATIENCE_MS = 1000;

const stop = new AbortController();
// A terminal sends Ctrl-C to parent and child, and the parent passes it on: it comes twice. Whoever presses it again
// later does not want to wait for the cleaning.
let asked = Number.POSITIVE_INFINITY;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (Date.now() - asked > PATIENCE_MS) process.exit(130);
    asked = Math.min(asked, Date.now());
    stop.abort(new Error('interrupted'));
  });
}
// The parent is gone, however it ended.
process.once('disconnect', () => stop.abort(new Error('interrupted')));

const order: Order = JSON.parse(process.argv[2] ?? '{"names":[],"quick":true}');
const directory = mkdtempSync(join(tmpdir(), 'berth-bench-'));
const results: Result[] = [];
const failures: string[] = [];
try {
  for (const { group, parts } of select(GROUPS, order.names)) {
    for (const part of parts) {
      if (stop.signal.aborted) break;
      const missing = part.missing?.();
      if (missing !== undefined) {
        process.stdout.write(`${group.name}/${part.name}: skipped: ${missing}\n`);
        continue;
      }
      const say = (text: string) => process.stderr.write(`bench: ${group.name}/${part.name}: ${text}\n`);
      say(`${part.what} (load ${loadInWords()})`);
      try {
        const measured = await part.run({ quick: order.quick, signal: stop.signal, directory, say });
        results.push(...measured.map(judge));
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        failures.push(`${group.name}/${part.name}: ${text}`);
      }
      failures.push(...group.leftovers().map((object) => `${group.name}/${part.name} left behind: ${object}`));
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const answer: Answer = { results, failures };
if (process.connected) process.send?.(answer, () => process.disconnect());
