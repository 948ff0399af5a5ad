import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { findHierarchy } from '../../../cgroups/hierarchy.js';
import { openSignals } from '../../../cgroups/signals/index.js';
import type { CgroupSignal, Signals, SignalsOptions } from '../../../cgroups/signals/types.js';

const hierarchy = findHierarchy();

export const ABLE = process.getuid?.() === 0 && hierarchy !== undefined;

/** A cgroup of the test's own, in one of its own; both are removed with what is left in them. */
export function newCgroup(t: ExecutionContext): string {
  const parent = join(hierarchy?.mount ?? '', `berth-test-${process.pid}-${t.title.replace(/\W+/g, '-').slice(0, 40)}`);
  const dir = join(parent, 'one');
  mkdirSync(dir, { recursive: true });
  t.teardown(() => {
    for (const name of readdirSync(parent))
      if (existsSync(join(parent, name, 'cgroup.procs'))) rmdirSync(join(parent, name));
    rmdirSync(parent);
  });
  return dir;
}

/** Errors fail the test unless it takes them. */
export function newSignals(t: ExecutionContext, options: Partial<SignalsOptions> = {}): Signals {
  const signals = openSignals({ onError: (error) => t.fail(String(error)), ...options });
  t.teardown(() => signals.close());
  return signals;
}

/** A child that ends with the test at the latest, and has left its cgroup when the test's end is over. */
export async function newChild(t: ExecutionContext, command: readonly string[], dir?: string): Promise<ChildProcess> {
  const [program = 'sleep', ...args] = command;
  const child = spawn(program, args, { stdio: 'ignore' });
  await once(child, 'spawn');
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  if (dir !== undefined) writeFileSync(join(dir, 'cgroup.procs'), String(child.pid), { flag: 'r+' });
  return child;
}

/** Collects what a listener is told; `until` resolves as soon as something fits. */
export class Told<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly listener = (value: T): void => {
    this.all.push(value);
    for (const look of this.#waiting) look();
  };

  /** `from`: how many of them do not count. */
  async until(fits: (value: T) => boolean = () => true, from = 0): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!this.all.slice(from).some(fits)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export function isWritten(file: string): (signal: CgroupSignal) => boolean {
  return (signal) => signal.kind === 'written' && signal.file === file;
}

export function isEvents(expected: { readonly populated?: boolean; readonly frozen?: boolean }) {
  return (signal: CgroupSignal): boolean =>
    signal.kind === 'events' &&
    (expected.populated ?? signal.events.populated) === signal.events.populated &&
    (expected.frozen ?? signal.events.frozen) === signal.events.frozen;
}

/** How many inotify watches this process has on each of the directories, by all its instances. */
export function inotifyWatches(dirs: readonly string[]): number[] {
  const text = readdirSync('/proc/self/fdinfo').map(fdinfo).join('');
  return dirs.map((dir) => text.split(` ino:${statSync(dir).ino.toString(16)} `).length - 1);
}

function fdinfo(fd: string): string {
  try {
    return readFileSync(join('/proc/self/fdinfo', fd), 'latin1');
  } catch {
    return '';
  }
}
