// What is compared: sections [governor], [density] and [tenant] of a configuration, with a name.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'smol-toml';
import { type Config, configSchema } from '../../agent/config/schema.js';

export interface Policy {
  readonly name: string;
  readonly what: string;
  readonly config: Config;
}

const policy = (name: string, what: string, sections: Record<string, unknown>): Policy => ({
  ...{ name, what },
  config: configSchema.parse(sections),
});

/** Thresholds that nothing reaches: rate and cap stay as they are. */
const BLIND = {
  cpu_pressure: 1,
  io_pressure: 1,
  memory_pressure: 1,
  network_latency: '10h',
  start_latency_factor: 100,
};
const FREE = { rate: 1000, ceiling: 1000, floor: 1000, burst: 100_000, max_queue: 1_000_000 };
const STEADY = { rate: 2, ceiling: 2, floor: 2, in_flight: 100_000 };

export function policies(cores: number): readonly Policy[] {
  const cap = Math.max(2, Math.floor(cores / 2));
  return [
    policy('none', 'every start begins at once', { governor: { enabled: false } }),
    policy('cap', `${cap} starts under way at once, no rate`, { governor: { ...BLIND, ...FREE, in_flight: cap } }),
    policy('rate', '2 starts a second and core, no cap, whatever the pressure', { governor: { ...BLIND, ...STEADY } }),
    policy('aimd', 'the default: rate and cap follow the pressure', {}),
    ...[0.2, 0.4, 0.8, 0.95].map((share) =>
      policy(`aimd-cpu-${share}`, `as aimd, slower above a cpu pressure of ${share}`, {
        governor: { cpu_pressure: share },
      }),
    ),
    policy('aimd-settle', 'as aimd, a start counts for 2 s more', { governor: { settle: '2s' } }),
    ...[1, 2, 8].map((ratio) =>
      policy(`cpu-x${ratio}`, `as aimd, ${ratio} cores promised for each`, { density: { cpu_overcommit: ratio } }),
    ),
    ...[1.25, 1.5, 2].map((ratio) =>
      policy(`memory-x${ratio}`, `as aimd, ${ratio} bytes promised for each`, {
        density: { memory_overcommit: ratio },
      }),
    ),
  ];
}

export const DEFAULT_NAMES = ['none', 'cap', 'rate', 'aimd'] as const;

/** A name of the list above, or a berth.toml. Throws an Error that says what is wrong. */
export function findPolicy(word: string, cores: number): Policy {
  const known = policies(cores);
  const found = known.find(({ name }) => name === word);
  if (found !== undefined) return found;
  if (!/[./]/.test(word))
    throw new Error(`there is no policy "${word}"; known: ${known.map(({ name }) => name).join(', ')}`);
  const result = configSchema.safeParse(parse(readFileSync(word, 'utf8')));
  if (result.success) return { name: basename(word).replace(/\.toml$/, ''), what: word, config: result.data };
  const [issue] = result.error.issues;
  throw new Error(`${word}: ${issue?.path.map(String).join('.')}: ${issue?.message}`);
}
