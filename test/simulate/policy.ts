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

/** Thresholds that nothing reaches: the bound is never lowered. */
const BLIND = {
  cpu_pressure: 1,
  io_pressure: 1,
  memory_pressure: 1,
  network_latency: '10h',
  start_latency_factor: 100,
};

export function policies(cores: number): readonly Policy[] {
  return [
    policy('none', 'every start begins at once', { governor: { enabled: false } }),
    policy('cap', 'a start for each core settles, whatever the pressure', {
      governor: { ...BLIND, max_settling: cores },
    }),
    policy('wide', '8 starts for each core settle, whatever the pressure', {
      governor: { ...BLIND, max_settling: cores * 8 },
    }),
    policy('governor', 'the default: the bound follows the pressure', {}),
    ...[0.2, 0.4, 0.8, 0.95].map((share) =>
      policy(`governor-cpu-${share}`, `as governor, fewer above a cpu pressure of ${share}`, {
        governor: { cpu_pressure: share },
      }),
    ),
    policy('governor-runs', 'as governor, a start settles until its process runs', {
      governor: { settle_timeout: '0s' },
    }),
    ...[1, 2, 8].map((ratio) =>
      policy(`cpu-x${ratio}`, `as governor, ${ratio} cores promised for each`, { density: { cpu_overcommit: ratio } }),
    ),
    ...[1.25, 1.5, 2].map((ratio) =>
      policy(`memory-x${ratio}`, `as governor, ${ratio} bytes promised for each`, {
        density: { memory_overcommit: ratio },
      }),
    ),
  ];
}

export const DEFAULT_NAMES = ['none', 'cap', 'wide', 'governor'] as const;

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
