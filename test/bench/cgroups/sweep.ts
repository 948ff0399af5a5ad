// One sample of every cgroup of a dense host: cpu.stat and the three pressures, which are there without any controller.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CgroupReader, sampleBuffer } from '../../../cgroups/stats.js';
import { compiledWay } from '../compile.js';
import type { Part } from '../group.js';
import { interleave, time, turn, type Way } from '../interleave.js';
import { withCgroups } from './world.js';

const FILES = ['cpu.stat', 'cpu.pressure', 'memory.pressure', 'io.pressure'] as const;

export const sweep: Part = {
  name: 'sweep',
  what: '1,000 cgroups x 4 files read and parsed, against readFileSync and against C',
  run: async (bench) =>
    withCgroups(bench.quick ? 100 : 1000, async (dirs) => {
      const buffer = sampleBuffer();
      const readers = dirs.map((dir) => new CgroupReader(dir, buffer));
      try {
        const ways = [oursWay(readers), plainWay(dirs), sweepWay(dirs, bench.directory)];
        const turns = bench.quick ? { rounds: 2, each: 3 } : { rounds: 6, each: 20 };
        const values = await interleave(ways, { ...bench, ...turns, warmUp: [0, 1, 2, 3, 4], settle: turn });
        const name = `sweep of ${dirs.length} cgroups x 4 files`;
        const ours = values.get('ours') ?? [];
        return [
          { name, peer: PLAIN, unit: 'ms', ours, theirs: values.get(PLAIN) ?? [], target: { atLeast: 3.5 } },
          {
            name,
            peer: COMPILED,
            unit: 'ms',
            ours,
            theirs: ways[2]?.missing ?? values.get(COMPILED) ?? [],
            target: { atMost: 1.3 },
          },
        ];
      } finally {
        for (const reader of readers) reader.close();
      }
    }),
};

const PLAIN = 'readFileSync';
const COMPILED = 'C, pread';

function oursWay(readers: readonly CgroupReader[]): Way {
  // Opens the files and takes the full sample that comes first.
  for (const reader of readers) reader.read();
  return {
    name: 'ours',
    run: async (numbers) =>
      each(numbers, () => {
        for (const reader of readers) reader.read({ full: false });
      }),
  };
}

function plainWay(dirs: readonly string[]): Way {
  return {
    name: PLAIN,
    run: async (numbers) =>
      each(numbers, () => {
        for (const dir of dirs) for (const file of FILES) parse(readFileSync(join(dir, file), 'utf8'));
      }),
  };
}

// As one would write it: the lines, and of each its numbers by name.
function parse(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [first = '', ...rest] = line.split(' ');
    for (const word of rest) {
      const [name = '', value] = word.split('=');
      if (value === undefined) values[first] = Number(name);
      else values[`${first} ${name}`] = Number(value);
    }
  }
  return values;
}

/** Kept descriptors, one buffer, parsed in place; it opens them before it begins to count. */
function sweepWay(dirs: readonly string[], directory: string): Way {
  const of = { name: COMPILED, source: 'cgroups/sweep.c', binary: `${directory}/sweep` };
  return compiledWay(of, (numbers) => ({ args: [String(numbers.length), ...FILES], lines: dirs }));
}

async function each(numbers: readonly number[], work: () => void): Promise<number[]> {
  const values: number[] = [];
  for (const _ of numbers) {
    await turn();
    values.push(await time(work));
  }
  return values;
}
