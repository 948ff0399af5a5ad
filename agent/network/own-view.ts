// Whether a workload is in the namespace that has its name: its own process says, not what berth has made.
import { readlink, stat } from 'node:fs/promises';
import { isSameProcess } from '../../linux/proc.js';
import type { Target } from './drift.js';

/** A sentence when it is not; null: it is, or its process is gone or stays outside on purpose. */
export async function ownView({
  process,
  network: { netns },
}: Pick<Target, 'process' | 'network'>): Promise<string | null> {
  if (process === null || netns === null) return null;
  const [lives, home, named] = await Promise.all([
    readlink(`/proc/${process.pid}/ns/net`).catch(() => undefined),
    readlink('/proc/self/ns/net'),
    stat(`/run/netns/${netns}`).catch(() => undefined),
  ]);
  if (lives === undefined || lives === home || !isSameProcess(process.pid, process.startTime)) return null;
  // Without a name the audit says so.
  if (named === undefined || lives === `net:[${named.ino}]`) return null;
  return `process ${process.pid} is in another namespace than ${netns}`;
}
