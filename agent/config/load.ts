// Puts the configuration together: files, then environment, then flags, each checked by itself so that a mistake is
// reported where it stands even when a later source hides it, and all mistakes at once.
import type * as z from 'zod';
import { BerthError } from '../../protocol/errors.js';
import { LOST_NAME, lostMember } from '../base/lost-name.js';
import { problemOf, shown } from '../base/wrong-fields.js';
import { densityProblems } from './density.js';
import { shapeAt, shapeOf } from './inspect.js';
import { networkProblems } from './network.js';
import { controlProblems } from './references.js';
import type { Config } from './schema.js';
import { configSchema } from './schema.js';
import type { ConfigFlag, Layer, Problem } from './sources.js';
import { dropIns, environmentLayer, flagLayer, readLayer } from './sources.js';
import type { Path, Tree } from './tree.js';
import { dotted, leaves, merge, nearest } from './tree.js';

export const DEFAULT_FILE = '/etc/berth/berth.toml';
export const DEFAULT_DROP_INS = '/etc/berth/berth.d';

/** The schema never changes, and a walk through it takes as long as checking a file. */
const SHAPE = shapeOf(configSchema);

export interface LoadOptions {
  /** Instead of the default file; must exist. Drop-ins are read all the same. */
  readonly file?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly flags: readonly ConfigFlag[];
  /** For tests: other places than /etc/berth. */
  readonly defaults?: { readonly file: string; readonly dropIns: string };
}

export interface Loaded {
  readonly config: Config;
  /** Dotted key -> the source that set it; keys that are not in here have their default. */
  readonly origins: ReadonlyMap<string, string>;
  /** The source that set a key, with its line. */
  readonly where: (path: Path) => string;
  /** Files that were read, in order. */
  readonly files: readonly string[];
  /** Keys of earlier versions: ignored. */
  readonly warnings: readonly Problem[];
}

/** Throws `config_invalid` with data.problems: every mistake of every source. */
export async function loadConfig(options: LoadOptions): Promise<Loaded> {
  const places = options.defaults ?? { file: DEFAULT_FILE, dropIns: DEFAULT_DROP_INS };
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const noted = { problems, warnings };
  const layers: Layer[] = [];
  const files: string[] = [];
  const first = options.file ?? places.file;
  for (const file of [first, ...(await dropIns(places.dropIns))]) {
    const layer = await readLayer(file, file !== first || options.file !== undefined, noted);
    if (layer === undefined) continue;
    files.push(file);
    layers.push(layer);
  }
  const named = [environmentLayer(SHAPE, options.env, noted), flagLayer(SHAPE, options.flags, noted)];
  layers.push(...named.filter((layer) => Object.keys(layer.tree).length > 0));

  const origins = new Map<string, string>();
  let tree: Tree = {};
  for (const layer of layers) {
    const lost = lostMember(layer.tree);
    const result = configSchema.safeParse(layer.tree);
    if (!result.success) problems.push(...result.error.issues.flatMap((issue) => problemsOf(issue, layer)));
    else if (lost !== undefined)
      problems.push({ origin: layer.origin(lost), key: dotted(lost), problem: `must not be named ${LOST_NAME}` });
    for (const { path } of leaves(layer.tree)) origins.set(dotted(path), layer.origin(path));
    tree = merge(tree, layer.tree);
  }
  if (problems.length > 0) throw invalid(problems);
  const result = configSchema.safeParse(tree);
  // Each source is right by itself, but not all of them together.
  const origin = (path: Path): string =>
    layers.findLast((layer) => has(layer.tree, path))?.origin(path) ??
    originAt(origins, path) ??
    'all sources together';
  if (result.success) {
    const together = [
      ...networkProblems(result.data.network),
      ...densityProblems(result.data),
      ...controlProblems(result.data),
    ];
    if (together.length === 0) return { config: result.data, origins, files, warnings, where: origin };
    throw invalid(together.map(({ path, problem }) => ({ origin: origin(path), key: dotted(path), problem })));
  }
  throw invalid(result.error.issues.flatMap((issue) => problemsOf(issue, { tree, origin })));
}

/** Whether a source has set exactly this key, an entry of a list included. */
function has(tree: Tree, path: Path): boolean {
  let at: unknown = tree;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return false;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return true;
}

/** Where a key, or the first below it, was set. */
function originAt(origins: ReadonlyMap<string, string>, path: Path): string | undefined {
  const key = dotted(path);
  return origins.get(key) ?? [...origins].find(([name]) => name.startsWith(`${key}.`))?.[1];
}

function problemsOf(issue: z.core.$ZodIssue, layer: Layer): Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      origin: layer.origin([...path, key]),
      key: dotted([...path, key]),
      problem: `is not a configuration key${suggestion(path, key)}`,
    }));
  if (issue.code === 'invalid_key')
    return [{ origin: layer.origin(path), key: dotted(path), problem: issue.issues[0]?.message ?? issue.message }];
  const value = path.reduce<unknown>((at, part) => (at as Tree | undefined)?.[String(part)], layer.tree);
  return [
    {
      origin: layer.origin(path),
      key: dotted(path),
      problem: `${problemOf(issue, value, WORDS)}${shown(value, path)}`,
    },
  ];
}

/** Names of types in the words of TOML. */
const WORDS: Readonly<Record<string, string>> = {
  int: 'whole number',
  object: 'table',
  record: 'table',
  array: 'list',
};

function suggestion(path: Path, key: string): string {
  const table = shapeAt(SHAPE, path);
  const close = table?.kind === 'table' ? nearest(key, table.keys.keys()) : undefined;
  return close === undefined ? '' : `; did you mean ${dotted([...path, close])}?`;
}

/** `/etc/berth/berth.toml:3: governor.rate is ...` */
export function lineOf({ origin, key, problem }: Problem): string {
  return `${origin}: ${key === '' ? '' : `${key} `}${problem}`;
}

export function invalid(problems: readonly Problem[]): BerthError {
  const lines = problems.map(lineOf);
  const message =
    lines.length === 1 ? (lines[0] ?? '') : `the configuration has ${lines.length} problems:\n  ${lines.join('\n  ')}`;
  return new BerthError('config_invalid', message, { data: { problems } });
}
