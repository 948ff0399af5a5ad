// What the agent keeps in its two directories. Something else in the place of one of these (a directory for a file, a FIFO, a file
// of another program for a directory) is set aside before anybody opens it, so that no reader needs to expect it; what a file
// holds is each reader's own to judge. Left-over temporary files go.

import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../../linux/defined.js';
import { clearWay, type Damaged } from './durable.js';

export interface StateFile {
  readonly in: 'state' | 'runtime';
  readonly name: string;
  readonly holds: 'file' | 'directory';
  /** A file that has more is none of berth's. Default: 64 MiB. */
  readonly mostBytes?: number;
  /** Of a directory; default 0700. */
  readonly mode?: number;
  /** A directory that may be a link to where an operator has moved it, with all that is in it. */
  readonly movable?: true;
}

type Directories = Readonly<Record<StateFile['in'], string>>;

const INSTALLATION = 'installation.json';
/** Far more than two segments, whatever their size was once. */
const MOST_EVENTS = 512 << 20;

const file = (name: string, mostBytes?: number): StateFile => ({
  ...{ in: 'state', name, holds: 'file' },
  ...defined({ mostBytes }),
});
const directory = (name: string): StateFile => ({ in: 'state', name, holds: 'directory' });
/** In a directory that may be moved: berth has made it, so that what is in it is berth's to delete. */
const MARK = '.berth';
const MARK_TEXT = 'berth has made this directory, and deletes what it does not need in it.\n';
const movable = (name: string): StateFile => ({ ...directory(name), movable: true });
const run = (name: string, holds: StateFile['holds']): StateFile => ({ in: 'runtime', name, holds });
const LOCK = run('agent.lock', 'file');

/**
 * Every file and directory that the agent itself makes there, a directory before what is in it; not what is named after a workload,
 * a tenant or a digest. The supervisor has its own in the runtime directory (systemd/supervisor).
 */
export const STATE_FILES: readonly StateFile[] = [
  directory('workloads'),
  directory('damaged'),
  directory('tenants'),
  directory('reservations'),
  movable('logs'),
  directory('relief'),
  movable('volumes'),
  directory('volumes/.passing'),
  movable('images'),
  directory('images/by-digest'),
  directory('images/layers'),
  directory('images/disks'),
  directory('images/blobs'),
  directory('images/blobs/sha256'),
  directory('images/pulls'),
  directory('images/written'),
  directory('snapshots'),
  file('events.jsonl', MOST_EVENTS),
  file('events.jsonl.1', MOST_EVENTS),
  file('events-lasting.jsonl', MOST_EVENTS),
  file('events-lasting.jsonl.1', MOST_EVENTS),
  file('acks.json'),
  file('epochs.json'),
  file(INSTALLATION),
  file('licences.json'),
  file('licences.audit.jsonl'),
  file('licences.audit.jsonl.1'),
  file('prediction.json'),
  file('overhead.json'),
  file('sysctl.rollback.json'),
  file('cordoned'),
  file('drain.json'),
  file('probe'),
  { ...run('workloads', 'directory'), mode: 0o755 },
  run('layers', 'directory'),
  run('helpers', 'directory'),
  run('uids', 'directory'),
  LOCK,
  run('forwarding.before', 'file'),
  run('findings.json', 'file'),
];

/**
 * Directories of somebody else that have names of ours, in a state directory that is not ours yet: we would delete what we do not know
 * in them. None where berth has been before.
 */
export function directoriesOfOthers(state: string): string[] {
  if (namesIn(state).includes(INSTALLATION)) return [];
  const full = STATE_FILES.filter(({ in: where, holds }) => where === 'state' && holds === 'directory').flatMap(
    ({ name }) => {
      const inside = namesIn(join(state, name));
      return name.includes('/') || inside.length === 0 ? [] : [{ name, inside }];
    },
  );
  const isOurs = full.some(
    ({ name, inside }) =>
      inside.includes(MARK) || (name === 'workloads' && inside.some((one) => one.endsWith('.json'))),
  );
  return isOurs ? [] : full.map(({ name }) => name);
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/**
 * Before it is known that no other agent works here: makes both directories, and the way free for the lock. Nobody has a lock on
 * something odd. Throws errors of node:fs where the directories cannot be made.
 */
export function prepareLock(directories: Directories): Damaged[] {
  mkdirSync(directories.state, { recursive: true, mode: 0o700 });
  mkdirSync(directories.runtime, { recursive: true, mode: 0o755 });
  return clearOne(directories, LOCK);
}

/** Makes what is a directory. Gives back what was set aside; what cannot be moved is told, and left to whoever needs it. */
export function prepareState(directories: Directories): Damaged[] {
  const damaged = STATE_FILES.flatMap((one) => clearOne(directories, one));
  for (const name of readdirSync(directories.state))
    if (name.endsWith('.tmp') && STATE_FILES.some((one) => name.startsWith(`${one.name}.`)))
      rmSync(join(directories.state, name), { recursive: true, force: true });
  return damaged;
}

function clearOne(directories: Directories, { in: where, name, holds, mostBytes, ...rest }: StateFile): Damaged[] {
  const path = join(directories[where], name);
  const found = holds === 'file' ? clearWay(path, mostBytes) : makeDirectory(path, rest);
  return found === undefined ? [] : [found];
}

function makeDirectory(
  path: string,
  { mode = 0o700, movable = false }: Pick<StateFile, 'mode'> & { readonly movable?: boolean },
): Damaged | undefined {
  const odd = oddness(path, movable);
  try {
    if (odd !== undefined) {
      rmSync(`${path}.damaged`, { recursive: true, force: true });
      renameSync(path, `${path}.damaged`);
    }
    mkdirSync(path, { recursive: true, mode });
    if (movable) mark(path);
    return odd === undefined ? undefined : { path, problem: odd };
  } catch (error) {
    return {
      path,
      problem: `${odd === undefined ? 'cannot be made' : `${odd}, and cannot be moved`}: ${String(error)}`,
    };
  }
}

/**
 * Why it is no directory of berth's. berth deletes what it does not know in its directories: behind a link it would be what somebody
 * else has there.
 */
function oddness(path: string, isMovable: boolean): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return undefined;
  if (!found.isSymbolicLink() || !isDirectory(path)) return 'not a directory';
  if (!isMovable) return 'a symbolic link; to have it on another disk, mount that disk here';
  try {
    const names = readdirSync(path);
    if (names.length === 0 || names.includes(MARK)) return undefined;
  } catch (error) {
    return `a symbolic link to a directory that cannot be read: ${String(error)}`;
  }
  return 'a symbolic link to a directory that has other files and was not made by berth';
}

/** One that cannot be written is missed by nobody before the directory is moved. */
function mark(path: string): void {
  try {
    writeFileSync(join(path, MARK), MARK_TEXT, { flag: 'wx', mode: 0o600 });
  } catch {
    // It is there, or the disk is full.
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
