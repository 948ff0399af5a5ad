// Lifts ceilings of the kernel, and puts them back: live values and /etc/sysctl.d/60-berth.conf, so that the next boot has
// them, too. Only ever upwards. What was there before is on disk before anything is changed.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../linux/errors.js';
import { readPlain } from '../../linux/plain-file.js';
import { BerthError } from '../../protocol/errors.js';
import { changeFile } from '../base/change-file.js';
import { removeFile, replaceFile } from '../base/durable.js';
import { reportOf } from '../base/errors.js';
import { CEILINGS } from './ceilings.js';

export interface Setting {
  readonly key: string;
  readonly before: number;
  readonly after: number;
  /** As read back; another value than `after` where the kernel did not take it. */
  readonly now: number;
  /** Why it is not as wanted. */
  readonly problem?: string;
}

export interface TunerOptions {
  /** State directory of the agent. */
  readonly directory: string;
  /** Holds `proc/sys` and `etc/sysctl.d`. Default `/`. */
  readonly root?: string;
}

interface Rollback {
  readonly version: 1;
  /** The configuration file as it was; null: there was none. */
  readonly file: string | null;
  readonly values: Readonly<Record<string, number>>;
}

const HEAD = '# Written by `berth doctor --fix`; `berth doctor --rollback` takes it back.';

export class Tuner {
  readonly #rollback: string;
  readonly #conf: string;
  readonly #root: string;

  constructor({ directory, root = '/' }: TunerOptions) {
    this.#rollback = join(directory, 'sysctl.rollback.json');
    this.#conf = join(root, 'etc/sysctl.d/60-berth.conf');
    this.#root = root;
  }

  /** What is too low for so many workloads; nothing is changed. */
  async plan(workloads: number): Promise<{ readonly key: string; readonly before: number; readonly after: number }[]> {
    const lifts = CEILINGS.flatMap(({ lift = [] }) => lift);
    const found = await Promise.all(
      lifts.map(async ({ key, want }) => {
        const before = await this.#read(key);
        const after = want(workloads);
        return before === undefined || before >= after ? [] : [{ key, before, after }];
      }),
    );
    // The smaller thresholds first: the kernel does not mind, a reader does.
    return found.flat().sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Done again, it finds nothing to do. Each value is read back. */
  async apply(workloads: number): Promise<Setting[]> {
    const plan = await this.plan(workloads);
    if (plan.length === 0) return [];
    await this.#keep(plan);
    await mkdir(dirname(this.#conf), { recursive: true, mode: 0o755 });
    const before = await readText(this.#conf);
    await changeFile(this.#conf, withValues(before, plan), () => before, { write: replaceOpen, restore: replaceOpen });
    const settings: Setting[] = [];
    for (const { key, before, after } of plan) settings.push(await this.#set(key, before, after));
    return settings;
  }

  /** Everything as it was before the first `apply`. A value that was changed by somebody since is left alone. */
  async rollback(): Promise<Setting[]> {
    const kept = await this.#kept();
    if (kept === undefined) throw new BerthError('rollback_missing', 'there is nothing to roll back');
    const written = valuesOf(await readText(this.#conf));
    const settings: Setting[] = [];
    for (const [key, old] of Object.entries(kept.values)) {
      const now = await this.#read(key);
      if (now === undefined) continue;
      // Never lifted, or put back already: a crash came between.
      if (now === old) settings.push({ key, before: now, after: old, now });
      else if (now === written.get(key)) settings.push(await this.#set(key, now, old));
      else settings.push({ key, before: now, after: old, now, problem: 'changed by somebody else, and left alone' });
    }
    if (kept.file === null) await removeFile(this.#conf).catch(ignoreMissing);
    else await replaceOpen(this.#conf, kept.file);
    await removeFile(this.#rollback);
    return settings;
  }

  /** A second `apply` adds to what the first has kept: the oldest value is the one to go back to. */
  async #keep(plan: readonly { readonly key: string; readonly before: number }[]): Promise<void> {
    const kept = await this.#kept();
    const values = { ...Object.fromEntries(plan.map(({ key, before }) => [key, before])), ...kept?.values };
    const file = kept === undefined ? ((await readText(this.#conf)) ?? null) : kept.file;
    const rollback: Rollback = { version: 1, file, values };
    await mkdir(dirname(this.#rollback), { recursive: true, mode: 0o700 });
    const text = (of: Rollback) => `${JSON.stringify(of)}\n`;
    await changeFile(this.#rollback, text(rollback), () => (kept === undefined ? undefined : text(kept)));
  }

  async #kept(): Promise<Rollback | undefined> {
    const text = await readText(this.#rollback);
    if (text === undefined) return undefined;
    try {
      const parsed = JSON.parse(text) as Rollback;
      if (Number.isInteger(parsed.version) && typeof parsed.values === 'object') return parsed;
    } catch {
      // Said below.
    }
    throw new BerthError('state_damaged', `${this.#rollback} cannot be read`, {
      hint: 'Move it away; the values of before are lost with it.',
    });
  }

  async #set(key: string, before: number, after: number): Promise<Setting> {
    const path = this.#path(key);
    try {
      await writeFile(path, `${after}\n`);
    } catch (error) {
      return { key, before, after, now: (await this.#read(key)) ?? before, problem: reportOf(error).message };
    }
    const now = (await this.#read(key)) ?? before;
    return now === after
      ? { key, before, after, now }
      : { key, before, after, now, problem: 'the kernel has another value' };
  }

  async #read(key: string): Promise<number | undefined> {
    const text = await readText(this.#path(key));
    return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
  }

  #path(key: string): string {
    return join(this.#root, 'proc/sys', key.replaceAll('.', '/'));
  }
}

/** Lines of a person stay as they are; those for the same keys are replaced. */
export function withValues(
  text: string | undefined,
  values: readonly { readonly key: string; readonly after: number }[],
): string {
  const keys = new Set(values.map(({ key }) => key));
  const lines = (text ?? `${HEAD}\n`).split('\n').filter((line) => !keys.has(keyOf(line) ?? ''));
  while (lines.at(-1) === '') lines.pop();
  return `${[...lines, ...values.map(({ key, after }) => `${key} = ${after}`)].join('\n')}\n`;
}

function valuesOf(text: string | undefined): Map<string, number> {
  const pairs = (text ?? '').split('\n').flatMap((line) => {
    const key = keyOf(line);
    return key === undefined ? [] : [[key, Number(line.slice(line.indexOf('=') + 1))] as const];
  });
  return new Map(pairs);
}

/** sysctl.d(5): `key = value`, `/` for `.`, a leading `-` for "never mind errors". */
function keyOf(line: string): string | undefined {
  return /^\s*-?([a-z][\w./-]*)\s*=/.exec(line)?.[1]?.replaceAll('/', '.');
}

const MOST_BYTES = 1 << 20;

/** A file of the host that everybody may read. */
const replaceOpen = (path: string, text: string): Promise<void> => replaceFile(path, text, { mode: 0o644 });

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readPlain(path, MOST_BYTES)).toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}
