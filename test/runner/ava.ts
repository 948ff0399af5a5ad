import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Tier } from './tiers.js';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Runs ava on compiled files, its report passed through, and reads the counts off its closing lines. */
export async function runAva(files: readonly string[], tier: Tier): Promise<Counts> {
  const cli = fileURLToPath(new URL('../../../node_modules/ava/entrypoints/cli.mjs', import.meta.url));
  const args = [cli, `--timeout=${tier.timeout}`, `--concurrency=${tier.concurrency}`, ...files];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: process.env });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    process.stdout.write(chunk);
    text = (text + chunk).slice(-1_048_576);
  });
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  const counts = parseCounts(text);
  // Crashes, uncaught rejections and time-outs are no failed tests to ava, but its exit code tells.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** `12 tests passed`, `1 test failed`, `2 tests skipped`, with or without colours. */
export function parseCounts(text: string): Counts {
  const plain = stripVTControlCharacters(text);
  const last = (word: string): number => {
    const all = [...plain.matchAll(new RegExp(`^\\s*(\\d+) tests? ${word}`, 'gm'))];
    return Number(all.at(-1)?.[1] ?? 0);
  };
  // With failures ava counts those only.
  const passed = last('passed') || [...plain.matchAll(/^\s+✔ /gm)].length;
  return { passed, failed: last('failed'), skipped: last('skipped') };
}
