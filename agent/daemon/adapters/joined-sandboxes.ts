// Containers of other engines in the network namespace of a sandbox of driver external: the sandbox was made for them, and
// what it holds in the ledger is held for them. A namespace is known by its inode.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inSlices } from '../../../linux/sliced.js';
import { holdOf } from '../../density/adopted.js';
import type { AdoptedWorkload } from '../../model/adopted.js';
import { isSettled } from '../../model/lifecycle.js';
import type { WorkloadRecord } from '../../model/record.js';

export type Sandboxed = Pick<WorkloadRecord, 'id' | 'state'> & {
  readonly spec: Pick<WorkloadRecord['spec'], 'driver'>;
  readonly sandbox: Pick<WorkloadRecord['sandbox'], 'netns'>;
};

export interface JoinedOptions {
  readonly records: () => Iterable<Sandboxed>;
  /** Undefined: its engine does not tell a process of it. */
  readonly pid: (workload: AdoptedWorkload) => number | undefined;
  readonly named?: string;
  readonly proc?: string;
}

/** By what holds the container in the ledger: the id of its sandbox. What cannot be read is in none. Never rejects. */
export async function joinedSandboxes(
  workloads: readonly AdoptedWorkload[],
  { records, pid, named = '/run/netns', proc = '/proc' }: JoinedOptions,
): Promise<ReadonlyMap<string, string>> {
  const joined = new Map<string, string>();
  const sandboxes = new Map<number, string>();
  for await (const { id, spec, state, sandbox } of inSlices([...records()])) {
    if (spec.driver !== 'external' || sandbox.netns === null || isSettled(state)) continue;
    const inode = await inodeOf(join(named, sandbox.netns));
    if (inode !== undefined) sandboxes.set(inode, id);
  }
  if (sandboxes.size === 0) return joined;
  for await (const workload of inSlices(workloads)) {
    const process = pid(workload);
    const inode = process === undefined ? undefined : await inodeOf(join(proc, String(process), 'ns/net'));
    const id = inode === undefined ? undefined : sandboxes.get(inode);
    if (id !== undefined) joined.set(holdOf(workload), id);
  }
  return joined;
}

async function inodeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ ino }) => ino,
    () => undefined,
  );
}
