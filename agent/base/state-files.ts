// What the agent keeps in its two directories. Something else in the place of one of these (a directory for a file, a FIFO, a file
// of another program for a directory) is set aside before anybody opens it, so that no reader needs to expect it; what a file
// holds is each reader's own to judge. Left-over temporary files go.

import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
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
}

type Directories = Readonly<Record<StateFile['in'], string>>;

/** Far more than two segments, whatever their size was once. */
const MOST_EVENTS = 512 << 20;

const file = (name: string, mostBytes?: number): StateFile => ({
  ...{ in: 'state', name, holds: 'file' },
  ...defined({ mostBytes }),
});
const directory = (name: string): StateFile => ({ in: 'state', name, holds: 'directory' });
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
  directory('logs'),
  directory('relief'),
  directory('volumes'),
  directory('volumes/.passing'),
  directory('images'),
  directory('images/by-digest'),
  directory('images/layers'),
  directory('images/disks'),
  directory('images/blobs'),
  directory('images/blobs/sha256'),
  directory('images/pulls'),
  directory('images/written'),
  file('events.jsonl', MOST_EVENTS),
  file('events.jsonl.1', MOST_EVENTS),
  file('events-lasting.jsonl', MOST_EVENTS),
  file('events-lasting.jsonl.1', MOST_EVENTS),
  file('acks.json'),
  file('epochs.json'),
  file('installation.json'),
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
    if (name.endsWith('.tmp')) rmSync(join(directories.state, name), { recursive: true, force: true });
  return damaged;
}

function clearOne(directories: Directories, { in: where, name, holds, mostBytes, mode }: StateFile): Damaged[] {
  const path = join(directories[where], name);
  const found = holds === 'file' ? clearWay(path, mostBytes) : makeDirectory(path, mode);
  return found === undefined ? [] : [found];
}

/** A link to a directory is one: somebody has moved it to another disk. */
function makeDirectory(path: string, mode = 0o700): Damaged | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const odd = found !== undefined && !isDirectory(path);
  try {
    if (odd) {
      rmSync(`${path}.damaged`, { recursive: true, force: true });
      renameSync(path, `${path}.damaged`);
    }
    mkdirSync(path, { recursive: true, mode });
    return odd ? { path, problem: 'not a directory' } : undefined;
  } catch (error) {
    return { path, problem: `not a directory, and cannot be moved: ${String(error)}` };
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
