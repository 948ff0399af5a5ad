// The end of a cgroup: its processes, then its directories.
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, sysErrorFrom } from '../linux/errors.js';
import { words } from './keyed.js';
import type { SlowWrite } from './slow-writes.js';
import { isGone, readState } from './watch.js';

const KILL_ROUNDS = 20;
const REMOVE_RETRIES = 10;

/**
 * SIGKILL to every process in `dir` and below; one that is gone is fine. Returns before they are dead: wait for
 * `populated 0`. Throws SysError.
 */
export async function killAll(dir: string, slowly?: SlowWrite): Promise<void> {
  const path = join(dir, 'cgroup.kill');
  try {
    await writeOne(path, slowly);
  } catch (error) {
    if (codeOf(error) === 'ENODEV') return;
    if (codeOf(error) !== 'ENOENT') throw sysErrorFrom(error, 'write', path, '1');
    await killOneByOne(dir);
  }
}

async function writeOne(path: string, slowly: SlowWrite | undefined): Promise<void> {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    if (slowly === undefined) writeSync(fd, '1');
    else await slowly(fd, '1');
  } finally {
    closeSync(fd);
  }
}

/** Linux before 5.14 has no cgroup.kill; a fork between reading and killing escapes, hence the rounds. */
async function killOneByOne(dir: string): Promise<void> {
  for (let round = 0; round < KILL_ROUNDS && readState(dir)?.populated === true; round++) {
    for (const each of await directories(dir)) {
      for (const pid of processes(each)) killProcess(pid);
    }
    await sleep(10);
  }
}

/** Process numbers directly in `dir`; none when it is gone. */
export function processes(dir: string): number[] {
  const path = join(dir, 'cgroup.procs');
  try {
    // 0 stands for a process of a pid namespace that cannot be seen from here.
    return words(readFileSync(path, 'latin1'))
      .map(Number)
      .filter((pid) => pid > 0);
  } catch (error) {
    if (isGone(error)) return [];
    throw sysErrorFrom(error, 'read', path);
  }
}

/**
 * Removes `dir` and everything below, innermost first. A cgroup stays busy for a moment after its last process: 10
 * retries from 1 ms, doubling. Then throws SysError `rmdir` EBUSY. One that is gone is fine.
 */
export async function removeAll(dir: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      for (const each of await directories(dir)) await removeOne(each);
      return;
    } catch (error) {
      if (codeOf(error) !== 'EBUSY' || attempt === REMOVE_RETRIES) throw error;
    }
    await sleep(Math.min(1000, 2 ** attempt));
  }
}

/** `dir` and all cgroups below, children before parents. */
async function directories(dir: string): Promise<string[]> {
  const below: string[] = [];
  for (const name of (await subdirectories(dir)) ?? []) below.push(...(await directories(join(dir, name))));
  return [...below, dir];
}

/** Names of the cgroups directly in `dir`; none when it is gone. Throws SysError otherwise. */
export async function subdirectories(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw sysErrorFrom(error, 'readdir', dir);
  }
}

async function removeOne(dir: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    if (!isGone(error)) throw sysErrorFrom(error, 'rmdir', dir);
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw sysErrorFrom(error, 'kill', String(pid));
  }
}
