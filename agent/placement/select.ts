// Which of the free cpus: pure. Near each other first (last-level cache, NUMA node, socket, host), and within a level
// where they fit best, so that big holes stay for those that need them.
import type { Cpu, Topology } from '../host/topology.js';
import type { PlacementSettings } from './types.js';

/** A physical core with what is free of it. */
export interface FreeCore extends Cpu {
  /** Free threads, ascending. */
  readonly free: readonly number[];
  /** All its threads are. */
  readonly whole: boolean;
}

/** Key of the domain that a core is in. */
type Level = (core: FreeCore) => number;

// With sub-NUMA clustering one cache is in several nodes.
const cache: Level = ({ node, llc }) => node * 65_536 + llc;
const node: Level = (core) => core.node;
const socket: Level = (core) => core.socket;
const host: Level = () => 0;

/** From near to far; what does not fit into the last is not placed. */
const LEVELS: Readonly<Record<PlacementSettings['numa'], readonly Level[]>> = {
  prefer: [cache, node, socket, host],
  single: [cache, node],
  none: [({ llc }) => llc, host],
};

/** With smt "core" only cores all of whose threads are usable. */
export function freeCores(
  topology: Topology,
  usable: (cpu: number) => boolean,
  smt: PlacementSettings['smt'],
): FreeCore[] {
  const cores = new Map<number, { first: Cpu; threads: number; free: number[] }>();
  for (const cpu of topology.cpus) {
    const core = cores.get(cpu.core) ?? { first: cpu, threads: 0, free: [] };
    core.threads += 1;
    if (usable(cpu.id)) core.free.push(cpu.id);
    cores.set(cpu.core, core);
  }
  return [...cores.values()].flatMap(({ first, threads, free }) => {
    const whole = free.length === threads;
    return free.length > 0 && (whole || smt === 'thread') ? [{ ...first, free, whole }] : [];
  });
}

/** What there is free in the fullest domain of one kind. */
export function largest(cores: readonly FreeCore[], by: 'cache' | 'node' | 'host'): number {
  const level = { cache, node, host }[by];
  return Math.max(0, ...domainsOf(cores, level).map(({ free }) => free));
}

export interface Choice {
  readonly numa: PlacementSettings['numa'];
  /** Nodes to take first; with numa "single" no other. */
  readonly nodes: readonly number[] | null;
  readonly topology: Topology;
  /** Of a core at most. */
  readonly threads: number;
}

/** `wanted` of the free cpus, ascending; undefined when they do not fit. */
export function select(all: readonly FreeCore[], wanted: number, choice: Choice): number[] | undefined {
  const { nodes, numa } = choice;
  if (nodes !== null && numa !== 'none') {
    const inside = select(
      all.filter((core) => nodes.includes(core.node)),
      wanted,
      { ...choice, nodes: null },
    );
    if (inside !== undefined || numa === 'single') return inside;
  }
  const levels = LEVELS[numa];
  for (const [at, level] of levels.entries()) {
    const fit = domainsOf(all, level)
      .filter(({ free }) => free >= wanted)
      .sort((a, b) => split(a, wanted, choice) - split(b, wanted, choice) || a.free - b.free || a.first - b.first)[0];
    if (fit !== undefined) return fill(fit.cores, wanted, levels.slice(0, at), choice).sort((a, b) => a - b);
  }
  return undefined;
}

/** `seed` and as many more as make `wanted`, the nearest first; undefined when there are not so many. */
export function grow(
  all: readonly FreeCore[],
  seed: readonly number[],
  wanted: number,
  choice: Choice,
): number[] | undefined {
  const seats = choice.topology.cpus.filter(({ id }) => seed.includes(id));
  const nodes = [...new Set(seats.map((cpu) => cpu.node))];
  const taken = [...seed];
  const rest = all
    .filter((core) => choice.numa !== 'single' || nodes.includes(core.node))
    .map((core) => ({ ...core, free: core.free.filter((cpu) => !seed.includes(cpu)) }));
  const near = (core: FreeCore): number[] => [
    seats.some((cpu) => cpu.core === core.core) ? 0 : 1,
    seats.some((cpu) => cache({ ...core, ...cpu }) === cache(core)) ? 0 : 1,
    choice.numa === 'none' ? 0 : distance(choice.topology, nodes, core.node),
    core.whole ? 0 : 1,
    core.id,
  ];
  const byDistance = rest.map((core) => ({ core, key: near(core) })).sort((a, b) => compare(a.key, b.key));
  for (const { core } of byDistance) taken.push(...core.free.slice(0, wanted - taken.length));
  return taken.length < wanted ? undefined : taken.sort((a, b) => a - b);
}

interface Domain {
  readonly cores: readonly FreeCore[];
  /** Cpus. */
  readonly free: number;
  readonly first: number;
}

function domainsOf(cores: readonly FreeCore[], level: Level): Domain[] {
  const found = new Map<number, FreeCore[]>();
  for (const core of cores) {
    const key = level(core);
    const domain = found.get(key);
    if (domain === undefined) found.set(key, [core]);
    else domain.push(core);
  }
  return [...found.values()].map((cores) => ({
    cores,
    free: cores.reduce((sum, { free }) => sum + free.length, 0),
    first: cores[0]?.id ?? 0,
  }));
}

/** How many of `wanted` would be half cores there though whole ones could hold them: worse than a hole that is too big. */
function split({ cores }: Domain, wanted: number, { threads }: Choice): number {
  const whole = cores.reduce((sum, core) => sum + (core.whole ? core.free.length : 0), 0);
  return Math.max(0, wanted - (wanted % threads) - whole);
}

/** Exactly `wanted` cpus of cores that have so many, out of as few of the inner domains as possible. */
function fill(cores: readonly FreeCore[], wanted: number, levels: readonly Level[], choice: Choice): number[] {
  const level = levels.at(-1);
  if (level === undefined) return threadsOf(cores, wanted);
  const taken: number[] = [];
  const nodes = new Set<number>();
  let left = domainsOf(cores, level);
  while (taken.length < wanted) {
    const need = wanted - taken.length;
    const far = ({ cores: [core] }: Domain): number =>
      core === undefined ? 0 : distance(choice.topology, nodes, core.node);
    const fits = left.filter(({ free }) => free >= need);
    const [next] =
      fits.length > 0
        ? fits.sort(
            (a, b) =>
              far(a) - far(b) ||
              split(a, need, choice) - split(b, need, choice) ||
              a.free - b.free ||
              a.first - b.first,
          )
        : left.sort((a, b) => b.free - a.free || far(a) - far(b) || a.first - b.first);
    if (next === undefined) break;
    taken.push(...fill(next.cores, Math.min(need, next.free), levels.slice(0, -1), choice));
    for (const core of next.cores) nodes.add(core.node);
    left = left.filter((domain) => domain !== next);
  }
  return taken;
}

/** Whole cores first, then what is left of broken ones, and only then another core is broken. */
function threadsOf(cores: readonly FreeCore[], wanted: number): number[] {
  const taken: number[] = [];
  const bySize = [...cores].sort((a, b) => b.free.length - a.free.length || a.id - b.id);
  const fits = (core: FreeCore): boolean => core.free.length <= wanted - taken.length;
  for (const core of bySize) if (core.whole && fits(core)) taken.push(...core.free);
  const used = new Set(taken);
  const left = bySize.filter((core) => !used.has(core.free[0] ?? -1));
  for (const some of [left.filter((core) => !core.whole), left.filter((core) => core.whole)])
    while (taken.length < wanted && some.length > 0) {
      const need = wanted - taken.length;
      const size = some.findLast((core) => core.free.length >= need)?.free.length ?? some[0]?.free.length;
      const [core] = some.splice(
        some.findIndex((core) => core.free.length === size),
        1,
      );
      taken.push(...(core?.free.slice(0, need) ?? []));
    }
  return taken;
}

/** The sum of the ways from `nodes` to `to`. */
function distance(topology: Topology, nodes: Iterable<number>, to: number): number {
  const from = topology.nodes.find(({ id }) => id === to);
  let sum = 0;
  for (const other of nodes) sum += other === to ? 0 : (from?.distances.get(other) ?? 20);
  return sum;
}

/** Lexicographic. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value - (b[at] ?? 0);
  return 0;
}
