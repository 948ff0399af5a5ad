// Where configuration comes from: TOML files, the environment, flags. Each source becomes a layer, a tree that knows
// where every key of it stands, so that a mistake can be named by file and line, variable or flag.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { codeOf } from '../../linux/errors.js';
import { readPlain, whyUnreadable } from '../../linux/plain-file.js';
import type { ScalarShape, Shape } from './inspect.js';
import { shapeAt } from './inspect.js';
import { indexLines, lineOf } from './lines.js';
import { REMOVED, removedKey, withoutRemoved } from './removed.js';
import type { Path, Tree } from './tree.js';
import { nearest, setAt } from './tree.js';

export interface Layer {
  readonly tree: Tree;
  /** Where a key of this layer was set: `/etc/berth/berth.toml:14`, `BERTH_LOG_LEVEL`, `--log.level`. */
  origin(path: Path): string;
}

/** A mistake, with the place a person must go to. */
export interface Problem {
  readonly origin: string;
  readonly key: string;
  readonly problem: string;
}

/** What is wrong, and what is ignored. */
export interface Found {
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

/** One `--section.key VALUE` as typed, without the dashes. */
export interface ConfigFlag {
  readonly name: string;
  readonly value: string;
}

/** Variables of berth that are no keys: the command's, the supervisor's, the lab's, and what every workload is given. */
const NOT_KEYS = /^BERTH_(?:CONNECT|VERSION|RUNTIME_DIR|LAB_.*|WORKLOAD_ID|TENANT|ADDRESS)$/;

/** A file of ten thousand tenants has a fifth of it. */
const MOST_BYTES = 16 << 20;

/** Reads one file. `undefined` when it does not exist and need not; anything else unreadable is a problem. */
export async function readLayer(
  file: string,
  needed: boolean,
  { problems, warnings }: Found,
): Promise<Layer | undefined> {
  let text: string;
  try {
    text = (await readPlain(file, MOST_BYTES)).toString('utf8');
  } catch (error) {
    const isMissing = codeOf(error) === 'ENOENT';
    if (isMissing && !needed) return undefined;
    const why = isMissing ? 'there is no such file' : `cannot be read: ${whyUnreadable(error)}`;
    problems.push({ origin: file, key: '', problem: why });
    return undefined;
  }
  try {
    const { tree, removed } = withoutRemoved(parse(text.replace(/^\uFEFF/, '')) as Tree);
    const lines = indexLines(text);
    const origin = (path: Path): string => {
      const line = lineOf(lines, path);
      return line === undefined ? file : `${file}:${line}`;
    };
    warnings.push(...removed.map((key) => warningOf(origin(key.split('.')), key)));
    return { tree, origin };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const why = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '');
    problems.push({ origin: `${file}:${error.line}:${error.column}`, key: '', problem: `is not valid TOML: ${why}` });
    return undefined;
  }
}

function warningOf(origin: string, key: string): Problem {
  return { origin, key, problem: `is not a configuration key any more and is ignored: ${REMOVED.get(key)}` };
}

/** Drop-ins in name order; a directory that does not exist has none. */
export async function dropIns(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
    .sort()
    .map((name) => join(directory, name));
}

export function environmentLayer(root: Shape, env: NodeJS.ProcessEnv, found: Found): Layer {
  const names = Object.keys(env).filter((name) => name.startsWith('BERTH_') && !NOT_KEYS.test(name));
  return namedLayer(
    root,
    names.sort().map((name) => ({
      origin: name,
      // In a variable `_` separates words and sections alike: find the section by trying them.
      path: pathOf(root, name.slice('BERTH_'.length).toLowerCase(), '_'),
      value: env[name] ?? '',
      like: () => nearest(name, [...flatNames(root)].map(variableOf)),
    })),
    found,
  );
}

export function flagLayer(root: Shape, flags: readonly ConfigFlag[], found: Found): Layer {
  return namedLayer(
    root,
    flags.map(({ name, value }) => ({
      origin: `--${name}`,
      path: pathOf(root, name, '.'),
      value,
      like: () => {
        const name2 = nearest(name.replaceAll('-', '_'), flatNames(root));
        return name2 === undefined ? undefined : flagOf(name2);
      },
    })),
    found,
  );
}

/** `density.max_workloads` -> `BERTH_DENSITY_MAX_WORKLOADS`. */
export const variableOf = (key: string): string => `BERTH_${key.replaceAll(/[.-]/g, '_').toUpperCase()}`;
/** `density.max_workloads` -> `--density.max-workloads`. */
export const flagOf = (key: string): string => `--${key.replaceAll('_', '-')}`;

interface Named {
  readonly origin: string;
  readonly path: readonly string[] | undefined;
  readonly value: string;
  like(): string | undefined;
}

function namedLayer(root: Shape, entries: readonly Named[], { problems, warnings }: Found): Layer {
  const tree: Tree = {};
  const origins = new Map<string, string>();
  for (const { origin, path, value, like } of entries) {
    const shape = path && shapeAt(root, path);
    const removed = removedKey(origin);
    if (removed !== undefined) {
      warnings.push(warningOf(origin, removed));
      continue;
    }
    if (path === undefined || shape === undefined) {
      const close = like();
      const problem = `is not a configuration key${close === undefined ? '' : `; did you mean ${close}?`}`;
      problems.push({ origin, key: '', problem });
      continue;
    }
    setAt(tree, path, convert(shape, value));
    origins.set(path.join('\0'), origin);
  }
  return {
    tree,
    origin: (path) => {
      for (let n = path.length; n > 0; n--) {
        const origin = origins.get(path.slice(0, n).map(String).join('\0'));
        if (origin !== undefined) return origin;
      }
      // A table that only came to be because one of its keys was set.
      const inside = `${path.map(String).join('\0')}\0`;
      return [...origins].find(([name]) => name.startsWith(inside))?.[1] ?? '';
    },
  };
}

/** Text from outside as the type the schema has there; what does not convert stays text, for the schema to refuse. */
function convert(shape: Shape, text: string): unknown {
  if (shape.kind === 'list' || shape.kind === 'map') {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return shape.kind === 'table' ? text : convertScalar(shape, text);
}

function convertScalar(shape: ScalarShape, text: string): unknown {
  if (shape.kind === 'number' && /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text)) return Number(text);
  if (shape.kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/** Resolves a flat name against the shape. Names inside maps (tenants) keep `-`; in keys `-` and `_` are the same. */
function pathOf(shape: Shape, name: string, separator: '.' | '_'): readonly string[] | undefined {
  if (shape.kind === 'table') {
    for (const [key, child] of shape.keys) {
      if (name.length < key.length || name.slice(0, key.length).replaceAll('-', '_') !== key) continue;
      if (name.length === key.length) return child.kind === 'table' ? undefined : [key];
      if (name[key.length] !== separator) continue;
      const rest = pathOf(child, name.slice(key.length + 1), separator);
      if (rest !== undefined) return [key, ...rest];
    }
    return undefined;
  }
  if (shape.kind !== 'map' || name === '') return undefined;
  if (shape.value.kind !== 'table') return [name];
  for (let at = name.indexOf(separator); at > 0; at = name.indexOf(separator, at + 1)) {
    const rest = pathOf(shape.value, name.slice(at + 1), separator);
    if (rest !== undefined) {
      const item = name.slice(0, at);
      return [separator === '_' ? item.replaceAll('_', '-') : item, ...rest];
    }
  }
  return undefined;
}

/** Dotted names of every key that can be set from outside the files; map items as NAME. */
export function* flatNames(shape: Shape, above = ''): Generator<string> {
  if (shape.kind !== 'table') return;
  for (const [key, child] of shape.keys) {
    const name = above === '' ? key : `${above}.${key}`;
    if (child.kind === 'table') yield* flatNames(child, name);
    else if (child.kind === 'map' && child.value.kind === 'table') yield* flatNames(child.value, `${name}.NAME`);
    // `version` stands above all sections: it is about the file, so only a file can say it.
    else if (above !== '') yield name;
  }
}
