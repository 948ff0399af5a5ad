import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Tier } from './tiers.js';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Outcome extends Counts {
  /** What ava wrote about that which failed; empty when nothing did. */
  readonly failures: string;
  /** Titles of the skipped tests, each after the path of its file when there are several. */
  readonly skippedTests: readonly string[];
}

/** So many times the idle timeout of its tests. */
const SILENCE = 2;

/** Runs ava on compiled files, its report passed through, and reads the outcome off its closing lines. */
export async function runAva(files: readonly string[], tier: Tier, env = process.env): Promise<Outcome> {
  const cli = fileURLToPath(new URL('../../../node_modules/ava/entrypoints/cli.mjs', import.meta.url));
  const args = [cli, `--timeout=${tier.timeoutMinutes}m`, `--concurrency=${tier.concurrency}`, ...files];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  let text = '';
  const take = (chunk: string): void => {
    process.stdout.write(chunk);
    text = (text + chunk).slice(-1_048_576);
    silence.refresh();
  };
  // ava itself waits for ever for a test file that leaves a timer or a server open.
  const silence = setTimeout(
    () => {
      take(`\n  ✖ ava told nothing for ${SILENCE * tier.timeoutMinutes} minutes: a test file does not end\n`);
      child.kill('SIGKILL');
    },
    SILENCE * tier.timeoutMinutes * 60_000,
  );
  child.stdout.setEncoding('utf8').on('data', take);
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  clearTimeout(silence);
  const plain = stripVTControlCharacters(text);
  const counts = parseCounts(plain);
  // Crashes, uncaught rejections and time-outs are no failed tests to ava, but its exit code tells.
  const failed = code === 0 ? counts.failed : Math.max(1, counts.failed);
  return { ...counts, failed, failures: failed > 0 ? parseFailures(plain) : '', skippedTests: parseSkipped(plain) };
}

/** `12 tests passed`, `1 test failed`, `2 tests skipped`. */
export function parseCounts(text: string): Counts {
  const last = (word: string): number => {
    const all = [...text.matchAll(new RegExp(`^\\s*(\\d+) tests? ${word}`, 'gm'))];
    return Number(all.at(-1)?.[1] ?? 0);
  };
  // With failures ava counts those only.
  const passed = last('passed') || [...text.matchAll(/^\s+✔ /gm)].length;
  return { passed, failed: last('failed'), skipped: last('skipped') };
}

const RULE = /^ {2}─$/m;
const MARKED = /^ {2}[✘✖].*$/gm;

/** The lines of the report that are marked as failed (tests, crashes, time-outs), then all that follows its first rule. */
export function parseFailures(text: string): string {
  const rule = text.search(RULE);
  const [report, details] = rule < 0 ? [text, ''] : [text.slice(0, rule), text.slice(rule)];
  return [...(report.match(MARKED) ?? []), details.trimEnd()].join('\n');
}

/** The titles of the tests that the report says were skipped. */
export function parseSkipped(text: string): string[] {
  return [...text.matchAll(/^\s*- \[skip\] (.*)$/gm)].map((match) => (match[1] ?? '').trim());
}

/** The first line of an error's stack, as ava prints it in the details of a test. */
const ERROR = /^ {2}((?:[A-Z]\w*)?(?:Error|Exception)\b.*: .*)$/m;

/** What failed, a line each: the test, and what it said, without the mark; of one that threw, what it threw. */
export function failedLines(failures: string): string[] {
  const rule = failures.search(RULE);
  const details = rule < 0 ? '' : failures.slice(rule);
  const marked = [...failures.matchAll(MARKED)].map(([line]) => {
    const text = line.replace(/^\s*[✘✖]\s*(\[fail\]: )?/, '').trim();
    const thrown = thrownBy(text, details);
    return thrown === undefined ? text : `${text}: ${thrown}`;
  });
  return marked.length > 0 ? marked : ['ava ended with an error and named no test'];
}

function thrownBy(text: string, details: string): string | undefined {
  const title = /^(.*) (?:Rejected promise returned|Error thrown) (?:by|in) test$/.exec(text)?.[1];
  if (title === undefined) return undefined;
  const at = details.indexOf(`\n  ${title}\n`);
  return at < 0 ? undefined : ERROR.exec(details.slice(at))?.[1];
}
